//! One of several agents observes a cluster; the others wait to take its place.
//!
//! ```text
//! candidate ─ takes the lock ─► leader ─ renews it ─► …
//!     ▲  follower: looks at it again and again │
//!     └──── another process, after an error ───┘ the lock is another's, or cannot be renewed
//! ```
//!
//! # Invariants
//!
//! - Nothing of the cluster is observed and nothing is sent before the lock is had.
//! - Clocks are never compared: a lock is taken from a leader that has not renewed
//!   it for as long as it lasts, by the clock of who looks.
//! - A leader that could not renew it in two thirds of that time stops, so that two
//!   overlap only where the process is paused. What a paused one still sends to a
//!   stream is refused: `meshsync_broker::jetstream` has the fences.

mod candidate;
mod election;
mod lock;
mod options;
mod term;

pub(crate) use election::stand;
pub(crate) use lock::AnyLock;
pub(crate) use options::LASTS_MIN;
pub use options::{LeaderElect, LeaderElectError, LeaderElection, LeaderLock};
pub(crate) use term::{Lost, Term};
