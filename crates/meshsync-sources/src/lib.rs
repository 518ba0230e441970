//! Sources of MeshSync that are no Kubernetes cluster, behind the port
//! [`Source`](meshsync_informer::source::Source).
//!
//! - [`manifests`]: a folder, a file or a stream of manifests, with the identities
//!   that the cluster would give.
//!
//! # Invariants
//!
//! - What cannot be read at the moment is not gone.
//! - Nothing is kept of an object but its identity and what tells its states
//!   apart.

#[cfg(feature = "manifests")]
mod manifests;

#[cfg(feature = "manifests")]
pub use manifests::{Manifests, ManifestsUrl, manifests};
