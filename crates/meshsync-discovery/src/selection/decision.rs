//! Whether a resource is observed, and why.

use std::fmt;

/// Whether a resource is observed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is.
    pub observed: bool,
    /// Why, or why not.
    pub because: Reason,
}

impl Decision {
    pub(super) fn observed(because: Reason) -> Self {
        Self {
            observed: true,
            because,
        }
    }

    pub(super) fn left_out(because: Reason) -> Self {
        Self {
            observed: false,
            because,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.observed {
            "observed"
        } else {
            "not observed"
        };
        write!(f, "{verb}: {}", self.because)
    }
}

/// Why a resource is observed, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Observed: it can be listed and watched, and nothing narrows the selection.
    Default,
    /// Observed: an `include` pattern matches.
    Included {
        /// The first that does.
        pattern: String,
    },
    /// Observed: an `also` pattern matches.
    Also {
        /// The first that does.
        pattern: String,
    },
    /// Observed: it is of none of Kubernetes' own groups.
    Custom,
    /// Not observed: the server does not offer `list`.
    NotListable,
    /// Not observed: an `exclude` pattern matches.
    Excluded {
        /// The first that does.
        pattern: String,
    },
    /// Not observed: there are `include` patterns, and none matches.
    NotIncluded,
    /// Not observed: there are `within` patterns, and none matches.
    NotWithin,
    /// Not observed: it is of cluster scope, and only objects of namespaces are wanted.
    ClusterScope,
    /// Not observed: rules ask for fields that one watch cannot be asked for.
    Fields {
        /// The first of them.
        rule: String,
    },
    /// Not observed: left out unless named.
    ExcludedByDefault {
        /// What speaks against observing it.
        why: &'static str,
    },
    /// Not observed: the server does not offer `watch`, and nobody asked to poll it.
    NotWatchable,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("it can be listed and watched"),
            Self::Included { pattern } => write!(f, "included by {pattern:?}"),
            Self::Also { pattern } => write!(f, "asked for by {pattern:?} under also"),
            Self::Custom => f.write_str("it is a custom resource"),
            Self::NotWithin => f.write_str("no within pattern matches it"),
            Self::ClusterScope => {
                f.write_str("it is of cluster scope, and only objects of namespaces are wanted")
            }
            Self::Fields { rule } => write!(
                f,
                "rule {rule:?} selects by fields, which only the server can do, and with one \
                 selector for all rules of the resource; give it the only such rule, and under \
                 exclude fields= with a single requirement and nothing else"
            ),
            Self::NotListable => f.write_str("the server does not list it"),
            Self::Excluded { pattern } => write!(f, "excluded by {pattern:?}"),
            Self::NotIncluded => f.write_str("no include pattern matches it"),
            Self::ExcludedByDefault { why } => {
                write!(f, "left out by default, {why}; name it under also")
            }
            Self::NotWatchable => f.write_str(
                "the server does not offer to watch it; name it under also to have it polled",
            ),
        }
    }
}
