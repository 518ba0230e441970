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
