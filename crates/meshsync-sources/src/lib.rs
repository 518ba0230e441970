//! Sources of MeshSync that are no Kubernetes cluster, behind the port
//! [`Source`](meshsync_informer::source::Source).
//!
//! - [`docker()`]: a container engine, Docker or Podman.
//! - [`manifests()`]: a folder, a file or a stream of manifests, with the identities
//!   that the cluster would give.
//!
//! # Invariants
//!
//! - What cannot be read at the moment is not gone.
//! - Nothing is kept of an object but its identity and what tells its states
//!   apart.
//! - No environment value of a container and no credential of a registry is ever
//!   asked for.
//!
//! Where a URL says so by naming none, finding an engine looks at `$DOCKER_HOST`
//! and its like; nothing else reads the environment.

#[cfg(feature = "docker")]
mod docker;
#[cfg(feature = "manifests")]
mod manifests;

#[cfg(feature = "docker")]
pub use docker::{Docker, DockerUrl, docker};

#[cfg(feature = "manifests")]
pub use manifests::{Manifests, ManifestsUrl, manifests};
