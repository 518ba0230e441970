//! What one author makes of a selection.

use std::fmt;
use std::sync::Arc;

use meshsync_discovery::Selection;

/// The authors, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// Our own custom resource.
    Discovery,
    /// Meshery's.
    MeshSync,
    /// Flags, environment and file.
    Options,
}

impl Layer {
    /// All of them, the lowest first.
    pub(crate) const ALL: [Self; 3] = [Self::Discovery, Self::MeshSync, Self::Options];

    /// The name used in the status.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::MeshSync => "meshsync",
            Self::Options => "options",
        }
    }
}

/// What an author makes of what those below it select.
#[derive(Clone)]
pub(crate) struct Change(Arc<dyn Fn(&Selection) -> Selection + Send + Sync>);

impl Change {
    pub(crate) fn new(change: impl Fn(&Selection) -> Selection + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    pub(crate) fn of(&self, below: &Selection) -> Selection {
        (self.0)(below)
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Change(..)")
    }
}
