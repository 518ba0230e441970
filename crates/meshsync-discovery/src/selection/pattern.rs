//! One pattern over the names of a resource.

use std::{fmt, str::FromStr};

use globset::GlobMatcher;
use meshsync_model::Resource;

use super::PatternError;
use super::grammar::{self, LENGTH_BYTES_MAX};

/// A pattern over the names of a resource.
///
/// | form | example | matches |
/// |---|---|---|
/// | `name` | `Deployment`, `deploy`, `deploy*` | kind, plural, singular or short name, in any group |
/// | `name.group` | `deployments.apps`, `*.apps`, `pods.` | the same, in one group |
/// | `name.version.group` | `deployments.v1.apps`, `pods.v1.` | the same, at one version |
/// | `group/version/Kind` | `apps/v1/Deployment`, `v1/Pod` | the kind |
///
/// The core group is empty, so its forms end with a dot. Each part may be a glob made of `*`, `?`,
/// `[a-z]` and `{a,b}`. Case does not matter.
///
/// ```
/// # use meshsync_discovery::Pattern;
/// # use meshsync_model::{Gvk, Resource};
/// let pods = Resource::new(Gvk::new("", "v1", "Pod"), "pods", true);
/// assert!(Pattern::parse("pods.v1.").unwrap().matches(&pods));
/// assert_eq!(
///     Pattern::parse("pods.v1").unwrap_err().to_string(),
///     "parse pattern \"pods.v1\" at column 6: \"v1\" is a version, and no group follows; \
///      the core group ends with a dot: write \"pods.v1.\"",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    form: Form,
}

#[derive(Clone, Debug)]
pub(super) enum Form {
    /// `name`.
    Bare(Part),
    /// `name.group` or `name.version.group`. Which of the two cannot be told from the text alone,
    /// so `rest` is matched against both `group` and `version.group`, as kubectl does.
    Dotted { name: Part, rest: Part },
    /// `group/version/Kind`.
    Slashed {
        group: Part,
        version: Part,
        kind: Part,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(String),
    Glob(GlobMatcher),
}

impl Pattern {
    /// A pattern from its text.
    ///
    /// # Errors
    ///
    /// When the text cannot be the name of a resource in any of the forms.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        match grammar::form(text) {
            Ok(form) => Ok(Self {
                text: text.to_owned(),
                form,
            }),
            Err((at, problem)) => Err(PatternError {
                pattern: text.chars().take(LENGTH_BYTES_MAX).collect(),
                column: text.get(..at).map_or(0, |before| before.chars().count()) + 1,
                problem,
            }),
        }
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches the resource.
    pub fn matches(&self, resource: &Resource) -> bool {
        match &self.form {
            Form::Bare(name) => name.matches_a_name_of(resource),
            Form::Dotted { name, rest } => {
                name.matches_a_name_of(resource)
                    && (rest.matches(&resource.gvk.group) || rest.matches(&version_group(resource)))
            }
            Form::Slashed {
                group,
                version,
                kind,
            } => {
                kind.matches(&resource.gvk.kind)
                    && version.matches(&resource.gvk.version)
                    && group.matches(&resource.gvk.group)
            }
        }
    }

    /// Whether it matches the resource by a name that is written out, so that somebody meant it.
    ///
    /// The plural alone does not name what cannot be watched outside the core group: metrics.k8s.io
    /// serves `pods` and `nodes`, and who writes `pods` does not ask for them.
    pub fn names(&self, resource: &Resource) -> bool {
        let is_meant = match &self.form {
            Form::Bare(Part::Literal(name)) => {
                resource.watchable
                    || resource.gvk.group.is_empty()
                    || name.eq_ignore_ascii_case(&resource.gvk.kind)
            }
            Form::Dotted { name, .. } | Form::Slashed { kind: name, .. } => {
                matches!(name, Part::Literal(_))
            }
            Form::Bare(Part::Glob(_)) => false,
        };
        is_meant && self.matches(resource)
    }

    /// Whether it speaks of the group of the resource.
    pub(super) fn has_group(&self) -> bool {
        !matches!(self.form, Form::Bare(_))
    }

    /// Whether it speaks of the version of a resource it matches.
    pub(super) fn has_version_of(&self, resource: &Resource) -> bool {
        match &self.form {
            Form::Bare(_) => false,
            Form::Dotted { rest, .. } => !rest.matches(&resource.gvk.group),
            Form::Slashed { .. } => true,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Part {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal.eq_ignore_ascii_case(text),
            Self::Glob(glob) => glob.is_match(text),
        }
    }

    fn matches_a_name_of(&self, resource: &Resource) -> bool {
        self.matches(&resource.plural)
            || self.matches(&resource.gvk.kind)
            || (!resource.singular.is_empty() && self.matches(&resource.singular))
            || resource.short_names.iter().any(|name| self.matches(name))
    }
}

fn version_group(resource: &Resource) -> String {
    format!("{}.{}", resource.gvk.version, resource.gvk.group)
}
