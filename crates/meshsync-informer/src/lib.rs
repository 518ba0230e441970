//! Kubernetes for MeshSync: one list-and-watch task per resource, and a ledger
//! instead of a cache.
//!
//! - [`ClusterConfig`] finds an API server, [`Connection`] reaches it.
//! - [`Discovery`] asks what it serves.
//! - [`machine`] is the list-and-watch state machine, pure.
//! - [`frame`] cuts response bodies into lines and items as they arrive.
//! - [`ledger`] knows of every object what is needed to tell changes apart.
//! - [`Fleet`] runs the tasks and follows the plan.
//! - [`source`] is the port through which the fleet, and sources that are no
//!   cluster, are observed.
//! - [`Deliver`] is the port through which changes leave.
//!
//! # Invariants
//!
//! - A list that failed, was interrupted, could not be read in full or is older
//!   than what was seen deletes nothing.
//! - Per object, changes leave in the API server's order; a state never
//!   overtakes the delete of what had its name before.
//! - Watches are always read; only initial lists and repairs wait for sinks.
//! - A resource that is forbidden, missing or broken affects itself alone.
//! - No object is kept: memory per object is its ledger entry.

mod access;
mod api;
mod canary;
mod chance;
mod client;
mod control;
mod deliver;
mod discover;
mod fleet;
pub mod frame;
mod lease;
pub mod ledger;
pub mod machine;
mod mutation;
mod pace;
mod picture;
mod pods;
mod probing;
#[cfg(test)]
mod proof;
mod reader;
mod remembered;
mod scope;
mod sinks;
pub mod source;
mod status;
mod task;
mod timing;
mod traffic;
mod transport;
mod verified;

pub use access::{Access, NotSeen};
pub use api::RequestError;
pub use canary::{CANARY_LABEL, CANARY_VISIBLE_LABEL};
pub use client::{ClusterConfig, ConfigError, Connection};
pub use control::{Busy, Control, Controlled};
pub use deliver::{Deliver, Room};
pub use discover::Discovery;
pub use fleet::{Fleet, FleetConfig, Listener, Tap};
pub use lease::LeaseLock;
pub use pace::Pace;
pub use pods::{ContainerRef, LogOptions, LogStream, Shell};
pub use probing::{ServerFacts, WatchLines};
pub use reader::Reader;
pub use remembered::Remembered;
pub use scope::ScopeError;
pub use sinks::{SINKS_MAX, SinkSet};
pub use status::{ResourceSnapshot, ResourceState, ResourceStatus, StatusBoard};
pub use timing::Timing;
pub use traffic::{
    CloseReason, Finished, HistogramSnapshot, RequestCount, Traffic, TrafficSnapshot, WatchSnapshot,
};
pub use verified::{Verified, VerifyConfig};
