//! Links of the documentation lead somewhere.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// Every Markdown file of a folder, at any depth.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Targets of links, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, block) in text.split("```").enumerate() {
        if at % 2 == 1 {
            continue;
        }
        let mut rest = block;
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            if let Some(end) = rest.find(')') {
                found.push(rest[..end].to_owned());
            }
        }
    }
    found
}

/// Anchors as GitHub and mdBook make them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        if is_code || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim();
        let anchor: String = title
            .chars()
            .filter_map(|letter| match letter {
                ' ' | '-' => Some('-'),
                letter if letter.is_alphanumeric() || letter == '_' => Some(letter),
                _ => None,
            })
            .collect();
        found.insert(anchor.to_lowercase());
    }
    found
}

fn broken(page: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for link in links(text) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = match path {
            "" => page.to_owned(),
            path => page.parent().unwrap().join(path),
        };
        let there = match fs::metadata(&target) {
            Err(_) => false,
            Ok(_) if anchor.is_empty() => true,
            Ok(_) => anchors(&fs::read_to_string(&target).unwrap()).contains(anchor),
        };
        if !there {
            found.push(format!("{}: {link}", page.display()));
        }
    }
    found
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let root = root();
    let mut all = Vec::new();
    pages(&root.join("docs"), &mut all);
    for page in ["README.md", "CONTRIBUTING.md"] {
        all.push(root.join(page));
    }
    let mut found = Vec::new();
    for page in all {
        found.extend(broken(&page, &fs::read_to_string(&page).unwrap()));
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_link_to_nowhere_is_noticed() {
    let root = root();
    let page = root.join("docs/STYLE.md");
    assert_eq!(
        broken(&page, "[a](STYLE.md#names) [b](adr/README.md) [c](#names)").len(),
        0
    );
    for text in ["[a](NOTHING.md)", "[`a`](STYLE.md#nothing)", "x [a](#y)"] {
        assert_eq!(broken(&page, text).len(), 1, "{text}");
    }
}

/// What a page calls a test: `a_name_with_underscores`, or `n8_…` for all that begin so.
fn test_names(text: &str) -> Vec<&str> {
    let is_name = |word: &&str| {
        let stem = word.strip_suffix('…').unwrap_or(word);
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_open = stem.len() < word.len() && stem.ends_with('_');
        let is_long = word.matches('_').count() >= 3 && !word.starts_with("meshsync_");
        !stem.is_empty() && stem.bytes().all(fits) && (is_open || is_long)
    };
    text.split('`').skip(1).step_by(2).filter(is_name).collect()
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let mut sources = Vec::new();
    for folder in ["bins", "crates", "examples", "fuzz"] {
        read_sources(&root().join(folder), &mut sources);
    }
    let sources = sources.join("\n");
    let mut missing = Vec::new();
    let mut named = 0;
    for page in [
        "ARCHITECTURE.md",
        "MESHERY.md",
        "SIMULATOR.md",
        "WIRE.md",
        "FINGERPRINTS.md",
    ] {
        let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
        for name in test_names(&text) {
            named += 1;
            let (stem, end) = match name.strip_suffix('…') {
                Some(stem) => (stem, ""),
                None => (name, "("),
            };
            // Tests that a macro makes have a colon behind their name.
            let is_made = sources.contains(&format!("\n    {stem}: "));
            if !sources.contains(&format!("fn {stem}{end}")) && !is_made {
                missing.push(format!("{page}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
    assert!(
        named > 100,
        "{named} names were found: are pages read as they are written?"
    );
}

#[test]
fn names_of_tests_are_told_from_other_words() {
    let text = "`a_b_c_d`, `x9_…`, `meshsync_a_b_c`, `informer-store`, `let x = a_b_c_d`";
    assert_eq!(test_names(text), ["a_b_c_d", "x9_…"]);
}

fn read_sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}
