//! What is kept of an object that some rule knows.

use super::scan::Hit;

/// Kind, namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId {
    pub(crate) group: Box<str>,
    pub(crate) kind: Box<str>,
    /// Empty for none.
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

impl ObjectId {
    pub(crate) fn new(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.unwrap_or_default().into(),
            name: name.into(),
        }
    }
}

/// One object's part in verdicts. Depends on the object alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) uid: Box<str>,
    /// What it belongs to: a custom resource that controls it, or a release.
    pub(crate) release: Box<str>,
    /// `namespace/name` of Services it points to.
    pub(crate) services: Vec<String>,
    pub(crate) claims: Vec<Claim>,
}

/// What one rule makes of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) rule: u16,
    /// [`TOP`](crate::catalog::TOP) where no component is told from the others.
    pub(crate) component: u8,
    pub(crate) standing: Standing,
    pub(crate) score: u16,
    /// The strongest other product for the same containers, and how far behind.
    pub(crate) rival: Option<(u16, i16)>,
    pub(crate) hits: Vec<Hit>,
    /// Versions by the number of the rule's source; see [`super::stated`].
    pub(crate) stated: Vec<(u8, String)>,
    /// Configuration by the number of the rule's fact.
    pub(crate) facts: Vec<(u8, String)>,
    /// Image of the container that it is.
    pub(crate) image: Option<Box<str>>,
    /// Digest of the image that runs in it, where the node says one.
    pub(crate) digest: Option<Box<str>>,
    /// Number of the rule's edition that the object shows.
    pub(crate) edition: Option<u8>,
}

/// In what way an object speaks for a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It is not a workload of the product, and speaks for it all the same.
    #[default]
    Witness,
    /// It is a workload of the product.
    Member,
    /// The product is a sidecar in it.
    Proxy,
}
