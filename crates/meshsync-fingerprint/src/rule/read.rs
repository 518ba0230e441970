//! From YAML to a rule and back.

use std::fmt;

use super::Rule;
use super::check::{check, locate};

/// Something wrong with a rule, and where. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RuleProblem {
    /// The file, or another name of the source.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

/// How long a rule file may be, in bytes.
pub(crate) const RULE_BYTES_MAX: usize = 256 << 10;

/// Reads one rule and checks it.
///
/// # Errors
///
/// All that is wrong with it; a text that is no YAML of this form has one problem.
pub fn parse(file: &str, text: &str) -> Result<Rule, Vec<RuleProblem>> {
    let problem = |line, column, message| RuleProblem {
        file: file.to_owned(),
        line,
        column,
        message,
    };
    if text.len() > RULE_BYTES_MAX {
        let message = format!(
            "{} bytes are more than the {RULE_BYTES_MAX} a rule may have",
            text.len()
        );
        return Err(vec![problem(1, 1, message)]);
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let rule: Rule = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
        let mut message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        if let Some(end) = message.rfind(" at line ") {
            message.truncate(end);
        }
        vec![problem(line, column, message)]
    })?;
    let problems: Vec<RuleProblem> = check(&rule)
        .into_iter()
        .map(|flaw| {
            let (line, column) = locate(text, &flaw.at);
            problem(line, column, flaw.message)
        })
        .collect();
    if problems.is_empty() {
        Ok(rule)
    } else {
        Err(problems)
    }
}

/// Writes a rule so that [`parse`] gives the same one.
///
/// # Errors
///
/// When the writer refuses a value; none of a checked rule is refused.
pub fn to_yaml(rule: &Rule) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(rule)
}
