//! `cargo xtask book`: the documentation as a book, in `target/book`.
//!
//! `docs/SUMMARY.md` says which chapters there are, in which order. Pages that it does not name,
//! such as the decisions, follow by themselves: nobody has to remember it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::{
    test::workspace_root,
    tool::{Effort, MDBOOK},
};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    let root = workspace_root()?;
    let mdbook = MDBOOK.locate(&root.join("target/tools"), Effort::Small)?;
    let (docs, sources) = (root.join("docs"), root.join("target/book-sources"));
    if sources.exists() {
        fs::remove_dir_all(&sources)?;
    }
    let mut pages = Vec::new();
    copy(&docs, &sources, Path::new(""), &mut pages)?;
    pages.sort();
    let summary = fs::read_to_string(docs.join("SUMMARY.md"))?;
    let summary = complete(&summary, &pages, |page| title(&docs.join(page)));
    fs::write(sources.join("SUMMARY.md"), summary)?;
    let status = Command::new(&mdbook.path)
        .arg("build")
        .arg(&sources)
        .status()
        .context("failed to run mdbook")?;
    ensure!(status.success(), "mdbook failed: see above");
    let index = root.join("target/book/index.html");
    ensure!(index.exists(), "mdbook wrote no {}", index.display());
    println!("the book is {}", index.display());
    Ok(())
}

/// Copies a folder and names its pages.
fn copy(from: &Path, to: &Path, place: &Path, pages: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, place) = (entry.file_name(), place.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name), &place, pages)?;
            continue;
        }
        fs::copy(entry.path(), to.join(&name))?;
        if place.extension().is_some_and(|extension| extension == "md") && name != "SUMMARY.md" {
            pages.push(place);
        }
    }
    Ok(())
}

/// The summary with the pages that it does not name.
fn complete(summary: &str, pages: &[PathBuf], title: impl Fn(&Path) -> String) -> String {
    let mut summary = summary.trim_end().to_owned();
    summary.push('\n');
    let (decisions, others): (Vec<_>, Vec<_>) =
        pages.iter().partition(|page| page.starts_with("adr"));
    for page in decisions.into_iter().chain(others) {
        let link = format!("({})", page.display());
        if summary.contains(&link) {
            continue;
        }
        // Decisions stand below their index, which is the last chapter.
        let indent = if page.starts_with("adr") { "  " } else { "" };
        summary.push_str(&format!("{indent}- [{}]{link}\n", title(page)));
    }
    summary
}

/// The first heading.
fn title(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap_or_default();
    let heading = text.lines().find_map(|line| line.strip_prefix("# "));
    heading.map_or_else(|| page.display().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_summary_does_not_name_follows() {
        let pages = ["A.md", "NEW.md", "adr/0001-x.md"].map(PathBuf::from);
        let summary = complete(
            "- [A](A.md)\n- [Decisions](adr/README.md)\n\n",
            &pages,
            |page| format!("title of {}", page.display()),
        );
        assert_eq!(
            summary,
            "- [A](A.md)\n- [Decisions](adr/README.md)\n  - [title of adr/0001-x.md](adr/0001-x.md)\n\
             - [title of NEW.md](NEW.md)\n"
        );
    }
}
