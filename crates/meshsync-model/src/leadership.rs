//! Who leads the agents of a cluster.

use std::time::Duration;

/// What a lock says of who leads, whatever it is kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// Who it is; `""` after it was given up.
    pub holder: String,
    /// So long it is believed from the moment it was seen to be renewed.
    pub lasts: Duration,
    /// Another one after every write. Opaque: a write says which one it takes the
    /// place of, and is refused where that is not the last one.
    pub version: String,
}
