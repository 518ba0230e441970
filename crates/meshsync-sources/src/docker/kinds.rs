//! The resources of an engine.

use meshsync_model::{Gvk, Resource};

/// The group of all of them.
pub(super) const GROUP: &str = "engine.meshsync.meshery.io";

/// What an engine has.
#[derive(Clone, Debug)]
pub(super) struct Kinds {
    pub(super) container: Resource,
    pub(super) image: Resource,
    pub(super) network: Resource,
    pub(super) volume: Resource,
    /// Podman's alone.
    pub(super) pod: Resource,
}

impl Kinds {
    pub(super) fn new() -> Self {
        let kind = |kind: &str, plural: &str| {
            let mut resource = Resource::new(Gvk::new(GROUP, "v1", kind), plural, false);
            resource.singular = kind.to_lowercase();
            resource
        };
        Self {
            container: kind("Container", "containers"),
            image: kind("Image", "images"),
            network: kind("Network", "networks"),
            volume: kind("Volume", "volumes"),
            pod: kind("Pod", "pods"),
        }
    }
}
