//! Whether an object is selected, and why.

use std::fmt;

use super::{LabelSelector, Rule};

/// Whether an object is selected, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whether it is; `None` where that depends on more than is known of it.
    pub selected: Option<bool>,
    /// What decided.
    pub because: Because<'a>,
}

/// What decides whether an object is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Because<'a> {
    /// Selected: every object of its resource is.
    Everything,
    /// Selected: a rule under include or also.
    Included(&'a Rule),
    /// Not selected: it has the annotation [`IGNORE`](super::IGNORE).
    OptedOut,
    /// Not selected: its namespace has it.
    NamespaceOptedOut,
    /// Not selected: its namespace is none of those that are named.
    OtherNamespace,
    /// Not selected: its namespace has not these labels.
    NamespaceLabels(&'a LabelSelector),
    /// Not selected: a rule under exclude.
    Excluded(&'a Rule),
    /// Not selected: the conditions of no rule hold.
    NotIncluded,
    /// Not selected: Meshery deployed it, or did not.
    Origin,
    /// Depends on the object: the first such rule.
    Depends(&'a Rule),
}

impl<'a> Verdict<'a> {
    pub(super) fn selected(because: Because<'a>) -> Self {
        let selected = Some(true);
        Self { selected, because }
    }

    pub(super) fn out(because: Because<'a>) -> Self {
        let selected = Some(false);
        Self { selected, because }
    }

    pub(super) fn undecided(rule: &'a Rule) -> Self {
        Self {
            selected: None,
            because: Because::Depends(rule),
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.selected {
            Some(true) => "selected",
            Some(false) => "not selected",
            None => "depends on the object",
        };
        write!(f, "{verb}: {}", self.because)
    }
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("every object of the resource is"),
            Self::Included(rule) => write!(f, "included by {:?}", rule.as_str()),
            Self::OptedOut => write!(f, "it has the annotation {}", super::IGNORE),
            Self::NamespaceOptedOut => {
                write!(f, "its namespace has the annotation {}", super::IGNORE)
            }
            Self::OtherNamespace => f.write_str("its namespace is none of those under namespaces"),
            Self::NamespaceLabels(selector) => {
                write!(
                    f,
                    "its namespace does not have the labels {:?}",
                    selector.to_string()
                )
            }
            Self::Excluded(rule) => write!(f, "excluded by {:?}", rule.as_str()),
            Self::NotIncluded => f.write_str("no include rule of its resource holds for it"),
            Self::Origin => f.write_str("it is not of the origin that is asked for"),
            Self::Depends(rule) => write!(f, "rule {:?} looks at it", rule.as_str()),
        }
    }
}
