//! Clusters from files: captures of a real API server, and manifests.

mod capture;
mod manifests;

pub(crate) use capture::load_capture;
pub(crate) use manifests::{ensure_namespace, load_manifests, yaml_documents};
