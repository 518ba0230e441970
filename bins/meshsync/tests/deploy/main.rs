//! What `deploy/` and `cargo xtask image` make of the command: the real image, the real manifests,
//! and the real binary as it runs in a cluster.

mod archive;
mod cluster;
mod configuring;
mod docs;
mod hardening;
mod image;
mod in_cluster;
mod interactive;
mod least_privilege;
mod manifests;
mod rbac;
mod schema;
