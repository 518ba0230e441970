//! The rules that come with the program.

use crate::rule::{Rule, RuleProblem, parse};

/// Name, JSON and YAML of each rule file, in order of names.
static FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The rules that come with the program.
///
/// # Errors
///
/// None in a program whose tests passed: one of them reads all rules, from YAML.
pub fn builtin_rules() -> Result<Vec<Rule>, Vec<RuleProblem>> {
    let mut problems = Vec::new();
    let mut rules = Vec::with_capacity(FILES.len());
    for (file, json, yaml) in FILES {
        // YAML takes `1.10` for text where text is wanted; in JSON it became a number.
        match serde_json::from_str(json).or_else(|_| parse(file, yaml)) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(rules)
    } else {
        Err(problems)
    }
}
