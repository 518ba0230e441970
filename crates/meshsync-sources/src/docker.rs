//! A container engine as a source: Docker, or Podman through the API of Docker
//! that it serves.
//!
//! Everything comes from lists, which carry neither environment values nor
//! registry credentials: no container is ever inspected.

mod api;
mod engine;
mod event;
mod find;
mod http;
mod kinds;
mod shape;
mod transport;
mod url;

use meshsync_informer::source::Reflector;

pub use engine::Docker;
pub use url::DockerUrl;

/// A container engine as a source.
pub fn docker(url: DockerUrl) -> Reflector<Docker> {
    Reflector::new(Docker::new(url))
}
