//! The cluster's state in JetStream, one subject per object, and everything that
//! writes or reads it.
//!
//! ```text
//! JetStreamSink ─► MESHSYNC_STATE   last state of every object, tombstones, markers
//!                        │ sourced by the broker
//!                        ▼
//!                  MESHSYNC_EVENTS  the last states of every object, for a while
//! ```
//!
//! # Invariants
//!
//! - Nothing is written but under a claim that is the last one of its cluster.
//! - What is confirmed is in the stream, under a sequence that is known.
//! - What the stream says already is not said again.
//! - After a `SYNCED` of a resource the stream holds what the sink was given, and
//!   nothing else of it.

mod claim;
mod core;
mod envelope;
mod events;
mod flush;
mod held;
mod lock;
mod mark;
mod marker;
mod outgoing;
mod pipeline;
mod recall;
mod replica;
mod scoped;
mod session;
mod sink;
mod streams;
mod subject;
mod sweep;
mod url;

pub use envelope::{Envelope, EnvelopeError};
pub use events::{Events, From, Past};
pub use flush::flush;
pub use lock::{BrokerLock, BrokerLockError};
pub use mark::{Digest, Mark};
pub use replica::{Event, Marker, ObjectMessage, Position, Replica, ReplicaError, Resume, Verdict};
pub use sink::JetStreamSink;
pub(crate) use subject::token;
pub use subject::{Subject, SubjectError};
pub use url::JetStreamUrl;
