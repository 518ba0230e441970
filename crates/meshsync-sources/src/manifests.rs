//! Manifests as a source: what there should be, by the names that the cluster
//! would give it.

mod document;
mod events;
mod file;
mod folder;
mod kinds;
mod prepare;
mod url;
mod walk;

use meshsync_informer::source::Reflector;

pub use folder::Manifests;
pub use url::ManifestsUrl;

/// The manifests of a folder, of a file, or of standard input as a source.
pub fn manifests(url: ManifestsUrl) -> Reflector<Manifests> {
    Reflector::new(Manifests::new(url))
}
