//! What is asked of an API server, how it answers, and how long watches live: for
//! metrics and traces.
//!
//! # Invariants
//!
//! - No name of an object and no namespace is kept: a series is a verb, a resource and
//!   a code, and there is a limit to how many of them there are.
//! - Nobody waits for whoever listens: what does not fit is not told.

mod classify;
mod count;
mod histogram;
mod layer;
mod watches;

pub use count::{RequestCount, Traffic, TrafficSnapshot};
pub use histogram::HistogramSnapshot;
pub(crate) use layer::CountLayer;
pub(crate) use watches::WatchLife;
pub use watches::{CloseReason, Finished, WatchSnapshot};
