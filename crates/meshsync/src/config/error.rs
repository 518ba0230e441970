//! Everything that is wrong with a configuration file.

use std::fmt;

use super::document::Problem;

/// Why a configuration cannot be used: all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    file: String,
    line: u64,
    column: u64,
    message: String,
}

impl ConfigError {
    pub(super) fn unless_none(file: &str, mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by_key(|problem| problem.place);
        let problems: Vec<_> = problems
            .into_iter()
            .map(|Problem { place, message }| ConfigProblem {
                file: file.to_owned(),
                line: place.line,
                column: place.column,
                message,
            })
            .collect();
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// Of variables, each with its name.
    pub(super) fn of_variables(problems: Vec<(String, Problem)>) -> Option<Self> {
        let problems: Vec<_> = problems
            .into_iter()
            .map(|(variable, Problem { message, .. })| ConfigProblem {
                file: format!("${variable}"),
                line: 0,
                column: 0,
                message,
            })
            .collect();
        (!problems.is_empty()).then_some(Self { problems })
    }

    /// The problems, from top to bottom; at least one.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl ConfigProblem {
    /// The line, from 1; 0 where there are none, as in a variable.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The column, from 1; 0 where there are none.
    pub fn column(&self) -> u64 {
        self.column
    }

    /// What is wrong and what to write instead.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        match line {
            0 => write!(f, "{file}: {message}"),
            _ => write!(f, "{file}:{line}:{column}: {message}"),
        }
    }
}
