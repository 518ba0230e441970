//! Runnable examples of the Builder API.
//!
//! | example | shows |
//! |---|---|
//! | `print_changes` | a selection, the stream of changes, how to stop |
//! | `two_clusters` | two pipelines in one process, their changes merged |
//! | `controller` | a controller that is driven by our changes and writes with `kube` |
//!
//! ```console
//! $ cargo run --example print_changes -- --help
//! ```
//!
//! This library is only what they share: where the cluster comes from.

mod cluster;

pub use cluster::{Cluster, ClusterArgs};

/// The program in the README, compiled with the other documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
