//! The synthetic test: something is changed on purpose, and followed through every
//! link of the way until it is read back behind the broker.
//!
//! ```text
//! configuration ─► api-server ─► clock ─► permission ─► write ─► watch ─► encode
//!      ─► broker ─► jetstream ─► acknowledge ─► read-back ─► cleanup
//! ```
//!
//! # Invariants
//!
//! - The first link that is broken is named, with times; what comes after it is
//!   said not to have been reached.
//! - A canary is taken away again however the test ends, its being interrupted
//!   included. Where that fails it says so, and carries the time after which the
//!   next test takes it away.
//! - Every link has a time limit.
//! - [`doctor`] looks at the same links, and at more, and does not stop at the first
//!   that is broken. It writes nothing to the cluster.
//! - Nobody else hears of it: agents hide canaries unless it asks them not to, and
//!   messages go on subjects of their own.

#[cfg(feature = "nats")]
mod broker;
mod canary;
mod chain;
mod doctor;
mod lease;
mod permissions;
mod report;
mod run;
mod synthetic;

pub use doctor::{DoctorOptions, doctor};
pub use report::{CheckReport, Link, LinkState};
pub use run::{CanaryMode, CheckOptions, check};
pub use synthetic::{SyntheticStatus, synthetic};
