//! What kind of thing is observed.

use std::fmt;

/// The kind of a source: `kubernetes`, `docker`, `manifests`, or a name of your
/// own. Part of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform(&'static str);

impl Platform {
    /// A Kubernetes cluster.
    pub const KUBERNETES: Self = Self("kubernetes");
    /// A container engine that speaks Docker's API.
    pub const DOCKER: Self = Self("docker");
    /// Files that say what there should be.
    pub const MANIFESTS: Self = Self("manifests");

    /// A platform of that name: lower-case letters, digits and `-`.
    ///
    /// # Panics
    ///
    /// When the name is something else. In a constant it does not compile then.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "a platform has a name");
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                bytes[at].is_ascii_lowercase() || bytes[at].is_ascii_digit() || bytes[at] == b'-',
                "a platform's name is of lower-case letters, digits and -"
            );
            at += 1;
        }
        Self(name)
    }

    /// The name used in records.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
