//! Which namespaces are observed.

use std::collections::BTreeSet;

use thiserror::Error;

/// DNS-1123 label: the form of a namespace's name.
const LENGTH_BYTES_MAX: usize = 63;

/// All namespaces, or a set of exact names. Objects of cluster scope are in it unless told
/// otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSelection {
    /// Empty means all.
    names: BTreeSet<String>,
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
    /// When one of them cannot be the name of a namespace, such as a glob.
    pub fn only<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, NamespaceError> {
        let names: BTreeSet<String> = names.into_iter().map(Into::into).collect();
        match names.iter().find(|name| !is_label(name)) {
            Some(name) => Err(NamespaceError { name: name.clone() }),
            None => Ok(Self {
                names,
                namespaced_only: false,
            }),
        }
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

    /// Whether every namespace is in it.
    pub fn is_all(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, in order; none where every namespace is in it.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether an object of `namespace` is in it; `None` is an object of cluster scope.
    pub fn contains(&self, namespace: Option<&str>) -> bool {
        match namespace {
            Some(namespace) => self.is_all() || self.names.contains(namespace),
            None => self.has_cluster_scope(),
        }
    }
}

/// A text that cannot be the name of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{name:?} cannot be a namespace: names are made of lower-case letters, digits and \"-\", \
     at most 63 of them; globs are not supported here, list the exact names"
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
        check(&["ok", "team-*"], None, Err("team-*"));
        check(&[""], None, Err(""));
        check(&["-a"], None, Err("-a"));
        check(&["Upper"], None, Err("Upper"));
    }
}
