//! Field selectors, which only a server can evaluate.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Requirements on fields; all of them have to hold.
///
/// Written as Kubernetes writes them: `status.phase=Running,spec.nodeName!=n1`. Which fields can
/// be selected by is the server's decision: `metadata.name` and `metadata.namespace` always, others
/// by resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    pub(super) requirements: Vec<FieldRequirement>,
}

/// One requirement on one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldRequirement {
    pub(super) path: String,
    pub(super) value: String,
    pub(super) equal: bool,
}

/// A text that is no [`FieldSelector`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no field selector: write them as in status.phase=Running,spec.nodeName!=n1")]
pub struct FieldSelectorError {
    /// The text of the requirement.
    pub text: String,
}

impl FieldRequirement {
    /// What holds just where this does not.
    pub(super) fn negated(&self) -> Self {
        Self {
            equal: !self.equal,
            ..self.clone()
        }
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let FieldRequirement { path, value, equal } = requirement;
            let operator = if *equal { "=" } else { "!=" };
            write!(f, "{comma}{path}{operator}{value}")?;
        }
        Ok(())
    }
}

impl FromStr for FieldSelector {
    type Err = FieldSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let requirements = text.split(',').map(requirement);
        Ok(Self {
            requirements: requirements.collect::<Result<_, _>>()?,
        })
    }
}

fn requirement(text: &str) -> Result<FieldRequirement, FieldSelectorError> {
    let text = text.trim();
    let wrong = || FieldSelectorError {
        text: text.to_owned(),
    };
    let (path, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (path, equal) = match path.strip_suffix('!') {
        Some(path) => (path.trim(), false),
        None => (path.trim(), true),
    };
    let value = rest.strip_prefix('=').unwrap_or(rest).trim();
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if path.is_empty() || !path.bytes().all(is_path) || value.contains(['=', '\\']) {
        return Err(wrong());
    }
    Ok(FieldRequirement {
        path: path.to_owned(),
        value: value.to_owned(),
        equal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let sent = text.parse::<FieldSelector>().map(|it| it.to_string());
        assert_eq!(sent.ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn the_forms_of_kubernetes_are_read() {
        check("status.phase=Running", Some("status.phase=Running"));
        check("a==b, c!=d", Some("a=b,c!=d"));
        check("spec.nodeName=", Some("spec.nodeName="));
        for text in ["", "a", "=b", "a=b=c", "a b=c"] {
            check(text, None);
        }
    }
}
