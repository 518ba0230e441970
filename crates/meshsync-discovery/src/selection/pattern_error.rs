//! What is wrong with a pattern, where, and what to write instead.

use thiserror::Error;

/// A text that is not a [`Pattern`](super::Pattern).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("parse pattern {pattern:?} at column {column}: {problem}")]
pub struct PatternError {
    /// The text, cut where it is very long.
    pub pattern: String,
    /// Where the problem is, in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do about it.
    pub problem: PatternProblem,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternProblem {
    /// Nothing at all.
    #[error("it is empty; write \"*\" to match everything")]
    Empty,
    /// Longer than any name.
    #[error("it is longer than {length_max} bytes; write one pattern per entry")]
    TooLong {
        /// The limit, in bytes.
        length_max: usize,
    },
    /// A character that is in no name.
    #[error("{0:?} is in no name; {remedy}", remedy = remedy(*.0))]
    Character(char),
    /// A part between two separators is empty.
    #[error("a part of the name is missing here; write \"*\" for any")]
    EmptyPart,
    /// `pods.v1`.
    #[error(
        "{version:?} is a version, and no group follows; the core group ends with a dot: \
         write \"{name}.{version}.\""
    )]
    GroupMissing {
        /// What stands before it.
        name: String,
        /// The version.
        version: String,
    },
    /// `apps/Deployment`.
    #[error("{0:?} is no version; write group/version/Kind, or version/Kind for the core group")]
    VersionMissing(String),
    /// `a/b/c/d`.
    #[error("more than group/version/Kind; a subresource cannot be observed")]
    TooManyParts,
    /// `{a,{b,c}}`.
    #[error("braces within braces; list the alternatives in one pair")]
    NestedBraces,
    /// The glob engine refuses it.
    #[error("{0}; a glob is made of \"*\", \"?\", \"[a-z]\" and \"{{a,b}}\"")]
    Glob(String),
}

fn remedy(character: char) -> &'static str {
    match character {
        '!' => "to leave something out, list it under exclude",
        ',' | ';' | '|' => "write one pattern per entry",
        character if character.is_whitespace() => "write one pattern per entry, without spaces",
        _ => "names are made of letters, digits, \"-\" and \".\"",
    }
}
