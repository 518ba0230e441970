//! The rules that come with the program.

use std::sync::Arc;

use meshsync_fingerprint::{Catalog, builtin_files, builtin_rules, examine, rule};

#[test]
fn every_rule_can_be_used_and_its_examples_come_out() {
    let rules = match builtin_rules() {
        Ok(rules) => rules,
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}", problems.join("\n"));
        }
    };
    let catalog = Arc::new(Catalog::compile(rules).unwrap());
    let failures: Vec<String> = examine(&catalog).iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn a_file_has_the_name_of_its_product() {
    for (file, text) in builtin_files() {
        let rule = rule::parse(file, text).unwrap();
        assert_eq!(format!("{}.yaml", rule.id), *file);
    }
}

#[test]
fn yaml_and_rule_are_the_same() {
    for (file, text) in builtin_files() {
        let rule = rule::parse(file, text).unwrap();
        let written = rule::to_yaml(&rule).unwrap();
        assert_eq!(rule::parse(file, &written).unwrap(), rule, "{file}");
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
