//! Which namespaces are observed.

use std::collections::BTreeSet;

use thiserror::Error;

use super::LabelSelector;
use super::rule::NameGlob;

/// DNS-1123 label: the form of a namespace's name.
const LENGTH_BYTES_MAX: usize = 63;

/// All namespaces, or those of some names, which may be globs; of these the ones with some
/// labels. Objects of cluster scope are in it unless told otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSelection {
    /// Names that are written out. All, where there are no globs either.
    names: BTreeSet<String>,
    globs: Vec<NameGlob>,
    labels: Option<LabelSelector>,
    /// Objects of cluster scope are not in it.
    namespaced_only: bool,
}

impl NamespaceSelection {
    /// Every namespace.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only these; every namespace where there are none.
    ///
    /// # Errors
    ///
    /// When one of them cannot be the name of a namespace, or a glob over such names.
    pub fn only<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, NamespaceError> {
        let mut selection = Self::all();
        let names: BTreeSet<String> = names.into_iter().map(Into::into).collect();
        for name in names {
            if is_label(&name) {
                selection.names.insert(name);
                continue;
            }
            match NameGlob::parse(&name).filter(|glob| glob.exact().is_none()) {
                Some(glob) => selection.globs.push(glob),
                None => return Err(NamespaceError { name }),
            }
        }
        Ok(selection)
    }

    /// Of these only the ones with such labels.
    #[must_use]
    pub fn labelled(mut self, labels: LabelSelector) -> Self {
        self.labels = Some(labels);
        self
    }

    /// The labels that are asked for, where any are.
    pub fn labels(&self) -> Option<&LabelSelector> {
        self.labels.as_ref()
    }

    /// The same without objects of cluster scope.
    #[must_use]
    pub fn namespaced_only(mut self) -> Self {
        self.namespaced_only = true;
        self
    }

    /// Whether objects of cluster scope are in it.
    pub fn has_cluster_scope(&self) -> bool {
        !self.namespaced_only
    }

    /// Whether every namespace is in it, whatever its name.
    pub fn is_all(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }

    /// The one namespace that is in it, where it can be only one.
    pub fn only_one(&self) -> Option<&str> {
        match (self.names.first(), self.names.len(), self.globs.is_empty()) {
            (Some(name), 1, true) => Some(name),
            _ => None,
        }
    }

    /// What it was made of, globs last.
    pub fn texts(&self) -> Vec<String> {
        let globs = self.globs.iter().map(|glob| glob.as_str().to_owned());
        self.names.iter().cloned().chain(globs).collect()
    }

    /// The names, in order, where no glob stands beside them; else none.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let known = if self.globs.is_empty() {
            self.names.len()
        } else {
            0
        };
        self.names.iter().take(known).map(String::as_str)
    }

    /// Whether an object of `namespace` is in it by the namespace's name; `None` is an object of
    /// cluster scope.
    pub fn contains(&self, namespace: Option<&str>) -> bool {
        match namespace {
            Some(namespace) => {
                self.is_all()
                    || self.names.contains(namespace)
                    || self.globs.iter().any(|glob| glob.matches(namespace))
            }
            None => self.has_cluster_scope(),
        }
    }
}

/// A text that cannot be the name of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{name:?} cannot be a namespace: names are made of lower-case letters, digits and \"-\", \
     at most 63 of them, or globs over them such as team-*"
)]
pub struct NamespaceError {
    /// The text.
    pub name: String,
}

fn is_label(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty()
        && name.len() <= LENGTH_BYTES_MAX
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], namespace: Option<&str>, expected: Result<bool, &str>) {
        let contains = NamespaceSelection::only(names.iter().copied())
            .map(|selection| selection.contains(namespace))
            .map_err(|error| error.name);
        assert_eq!(contains, expected.map_err(str::to_owned), "{names:?}");
    }

    #[test]
    fn only_exact_names_are_in_a_set() {
        check(&["a", "b"], Some("b"), Ok(true));
        check(&["a", "b"], Some("c"), Ok(false));
        check(&["a"], Some("aa"), Ok(false));
    }

    #[test]
    fn globs_are_over_names() {
        check(&["a", "team-*"], Some("team-x"), Ok(true));
        check(&["a", "team-*"], Some("a"), Ok(true));
        check(&["a", "team-*"], Some("b"), Ok(false));
        let one = |names: &[&str]| {
            let selection = NamespaceSelection::only(names.iter().copied()).unwrap();
            selection.only_one().map(str::to_owned)
        };
        assert_eq!(one(&["a"]).as_deref(), Some("a"));
        assert_eq!(one(&["a", "b"]), None);
        assert_eq!(one(&["a", "b*"]), None);
        assert_eq!(one(&["b*"]), None);
    }

    #[test]
    fn no_names_are_all_namespaces() {
        check(&[], Some("anything"), Ok(true));
    }

    #[test]
    fn cluster_scope_is_in_every_selection() {
        check(&[], None, Ok(true));
        check(&["a"], None, Ok(true));
    }

    #[test]
    fn what_cannot_be_a_namespace_is_refused() {
        check(&["ok", "team-{"], None, Err("team-{"));
        check(&["ok", "team_a"], None, Err("team_a"));
        check(&[""], None, Err(""));
        check(&["-a"], None, Err("-a"));
        check(&["Upper"], None, Err("Upper"));
    }
}
