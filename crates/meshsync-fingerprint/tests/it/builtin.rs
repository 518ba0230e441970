//! The rules that come with the program.

use std::sync::Arc;

use meshsync_fingerprint::{Catalog, builtin_rules, examine, rule};

/// Name and text of every rule file.
fn files() -> Vec<(String, String)> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let entries = std::fs::read_dir(dir).expect("the folder of rules");
    let files = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (
            name,
            std::fs::read_to_string(path).expect("a readable file"),
        )
    });
    files.collect()
}

#[test]
fn every_rule_can_be_used_and_its_examples_come_out() {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for (file, text) in files() {
        match rule::parse(&file, &text) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found.iter().map(ToString::to_string)),
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let mut builtin = builtin_rules().unwrap();
    builtin.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(
        builtin == rules,
        "the program has other rules than the folder"
    );
    let catalog = Arc::new(Catalog::compile(rules).unwrap());
    let failures: Vec<String> = examine(&catalog).iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn a_file_has_the_name_of_its_product() {
    for (file, text) in files() {
        let rule = rule::parse(&file, &text).unwrap();
        assert_eq!(format!("{}.yaml", rule.id), file);
    }
}

#[test]
fn yaml_and_rule_are_the_same() {
    for (file, text) in files() {
        let rule = rule::parse(&file, &text).unwrap();
        let written = rule::to_yaml(&rule).unwrap();
        assert_eq!(rule::parse(&file, &written).unwrap(), rule, "{file}");
    }
}

#[test]
fn the_reference_shows_a_rule_that_works() {
    let text = include_str!("../../../../docs/FINGERPRINTS.md");
    let (_, rest) = text.split_once("```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    let rule = match rule::parse("FINGERPRINTS.md", yaml) {
        Ok(rule) => rule,
        Err(problems) => panic!("{problems:?}"),
    };
    let catalog = Arc::new(Catalog::compile(vec![rule]).unwrap());
    assert_eq!(examine(&catalog), []);
}
