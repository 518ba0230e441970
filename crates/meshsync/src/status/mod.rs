//! The status of a pipeline as one document: what `/status` answers, and what the
//! command, the page and whoever else wants to know reads.
//!
//! # Invariants
//!
//! - A field that is there stays, with its meaning, for as long as
//!   [`API_VERSION`] is the same; new ones may come. Whoever reads the document
//!   ignores what it does not know.
//! - No object is named but those a check against the API server found to differ,
//!   and no value of one.
//! - Reading it costs the pipeline nothing but a short lock on each outbox.

mod document;
mod permissions;
mod problems;
mod read;
#[cfg(feature = "schema")]
mod schema;

pub use document::{
    API_VERSION, Cluster, FingerprintsStatus, Health, LatencyStatus, LeadershipStatus,
    OutboxStatus, PlanStatus, Problem, Product, ResourceStatus, SinkStatus, SourceStatus,
    StatusDocument, VerifiedStatus,
};
pub use permissions::{AccessStatus, MissingRules, PermissionsStatus};
#[cfg(feature = "schema")]
pub use schema::schema;
