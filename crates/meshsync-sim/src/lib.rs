//! A Kubernetes API server in memory, over real HTTP on loopback: for tests, demonstrations and
//! benchmarks.
//!
//! It serves discovery, lists, watches (with bookmarks and streamed initial lists) and writes the
//! way a real server does, from a captured cluster, from manifests or from a generator, and it can
//! be told to fail in the ways real servers fail.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use meshsync_sim::{Generate, Sim};
//!
//! let sim = Sim::builder().generate(Generate::objects(1_000)).start().await?;
//! let pods = format!("{}/api/v1/pods", sim.url());
//! sim.apply(serde_json::json!({
//!     "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"},
//! }))?;
//! sim.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! - Objects are kept as bytes; lists and watches put bytes together and never serialise.
//! - No lock is held while bytes are sent. A watch reads the history of its resource at its own
//!   pace; one that falls too far behind is closed.
//! - There is one resource version for the whole cluster, and it only grows.
//! - No global state and no signals; every task ends with its [`Sim`].

mod api;
mod auth;
mod builder;
mod error;
mod faults;
mod generate;
mod http;
mod kubeconfig;
mod load;
mod requests;
mod shared;
mod sim;
mod store;
mod tasks;

pub use api::{GroupResource, Status};
pub use auth::{User, Users};
pub use builder::{KUBE_SYSTEM_UID, SimBuilder};
pub use error::{LoadError, SimError, WriteError};
pub use faults::{CutStyle, Disturbance, Failure, FaultScope, Faults, WatchQuirk};
pub use generate::{Churn, Generate, Sizes};
pub use kubeconfig::Credential;
pub use requests::{LoggedRequest, RequestLog};
pub use sim::{Backup, Sim, SnapshotObject, Written};
