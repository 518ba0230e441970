//! Results in a document: put there by the program that measured them, never by hand.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// Replaces what lies between the two marks.
pub(crate) fn put(path: &Path, tables: &str) -> anyhow::Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "numbers of a build without optimisation do not belong in a document"
    );
    let old =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let new = between(&old, tables)
        .with_context(|| format!("{} lacks {BEGIN:?} or {END:?}", path.display()))?;
    fs::write(path, new).with_context(|| format!("failed to write {}", path.display()))
}

fn between(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let tables = tables.trim_end();
    Some(format!(
        "{before}{BEGIN}\n```text\n{tables}\n```\n\n{END}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let document = format!("a\n{BEGIN}old\n{END}\nb\n");
        let new = between(&document, "1 2\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\n```text\n1 2\n```\n\n{END}\nb\n"));
        assert_eq!(between(&new, "1 2").as_ref(), Some(&new));
        assert_eq!(between("no marks", "1 2"), None);
    }
}
