//! Kubernetes Events: what a person who looks at the cluster should hear of.
//!
//! - [`Notices`] is where anything in the pipeline says something. Saying it costs nothing and
//!   waits for nobody; where Events are off it is forgotten.
//! - [`EventWriter`] writes what was said, beside everything else: one Event for each thing, and
//!   the same thing once more counts that Event up.
//!
//! # Invariants
//!
//! - Nothing is written unless [`Builder::kubernetes_events`](crate::Builder::kubernetes_events)
//!   was asked for. Where the server forbids it, that is said once and everything goes on.
//! - 64 notices wait at most, and 25 Events are written in a burst, then one a minute.

mod correlate;
mod notice;
mod writer;

pub use notice::Regarding;
pub(crate) use notice::{Notice, Notices, Severity};
pub(crate) use writer::EventWriter;
