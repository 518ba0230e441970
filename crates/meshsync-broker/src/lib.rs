//! Where changes go: the [`Sink`] port, the [`Outbox`] in front of every sink,
//! and the sinks themselves.
//!
//! ```text
//! resource tasks ──offer──► Outlet (Outbox behind a short lock) ──batches──► run_sink ──► Sink::publish
//! ```
//!
//! # Invariants
//!
//! - An outbox is bounded by bytes and keyed by object: of two states of one
//!   object only the newer waits, and offering never blocks.
//! - A delete of an object that the sink may have been given is never dropped
//!   by coalescing. What does not fit is refused, and the caller remembers it.
//! - A batch leaves the outbox's account only when the sink has confirmed it;
//!   until then it is sent again, in the same order.
//! - A sink that is away affects itself alone.

mod delivery;
mod error;
#[cfg(feature = "nats")]
pub mod jetstream;
mod latency;
mod outbox;
mod outlet;
#[cfg(feature = "nats")]
pub mod probe;
#[cfg(feature = "nats")]
pub mod requests;
mod runner;
mod sink;
pub mod sinks;
mod status;

pub use delivery::{Batch, Delivery};
pub use error::{SinkError, SinkUrlError};
pub use latency::{Latency, LatencySnapshot, Received};
pub use outbox::{Novelty, Offer, Offered, Outbox};
pub use outlet::Outlet;
pub use runner::{recall, run_sink};
pub use sink::{BoxFuture, Cut, Published, Rejected, Sink, Wire};
pub use sinks::{Fidelity, SinkOptions, open};
pub use status::{Counter, SinkState, SinkStatus};
