//! The rules that come with the program.

use crate::rule::{Rule, RuleProblem};

/// Name and JSON of each rule file, in order of names.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// The rules that come with the program.
///
/// # Errors
///
/// None in a program whose tests passed: one of them reads all rules, from YAML.
pub fn builtin_rules() -> Result<Vec<Rule>, Vec<RuleProblem>> {
    let mut problems = Vec::new();
    let mut rules = Vec::with_capacity(FILES.len());
    for (file, json) in FILES {
        match serde_json::from_str(json) {
            Ok(rule) => rules.push(rule),
            Err(error) => problems.push(RuleProblem {
                file: (*file).to_owned(),
                line: 1,
                column: 1,
                message: format!("no rule: {error}"),
            }),
        }
    }
    if problems.is_empty() {
        Ok(rules)
    } else {
        Err(problems)
    }
}
