//! What the workspace's tests share: real tools, reference files and waiting for a condition.
//!
//! A development tool, never published and never a normal dependency of another crate.
//!
//! # Invariants
//!
//! - Knows no other MeshSync crate, so every one of them can use it in its tests.
//! - Never waits without a deadline.
//! - Listens on loopback only, on ports the system picks.
//! - Ends only processes it started, by their handle.
//! - A test that cannot run says so: one `skipped: ...` line that names what is missing. With
//!   [`REQUIRE_TOOLS_ENV`] set, a missing tool is a failure instead, so that a run which is meant
//!   to cover everything cannot quietly cover less.

mod eventually;
mod nats;
mod reference;
mod skip;
mod soak;
mod tool;

pub use eventually::{Condition, eventually, eventually_blocking};
pub use nats::{NatsCluster, NatsOptions, NatsServer, StartError};
pub use reference::{REFERENCE_DIR_ENV, gunzip, reference_dir, require_reference};
pub use soak::{
    CASES_ENV, OBJECTS_ENV, OUTAGE_ENV, SEED_ENV, SEEDS_ENV, cases, objects, outage, seed, seeds,
};
pub use tool::{REQUIRE_TOOLS_ENV, tool};
