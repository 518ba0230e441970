//! The rules that come with the program.

use crate::rule::{Rule, RuleProblem, parse};

static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// Name and text of each rule file, in order of names.
pub fn builtin_files() -> &'static [(&'static str, &'static str)] {
    FILES
}

/// The rules that come with the program.
///
/// # Errors
///
/// None in a program whose tests passed: one of them reads all rules.
pub fn builtin_rules() -> Result<Vec<Rule>, Vec<RuleProblem>> {
    let mut problems = Vec::new();
    let mut rules = Vec::with_capacity(FILES.len());
    for (file, text) in FILES {
        match parse(file, text) {
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
