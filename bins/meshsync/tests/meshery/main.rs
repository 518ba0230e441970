//! The agent under Meshery: the real binary, a real NATS server, and consumers
//! that behave as Meshery Server does.
//!
//! Names begin with the number of the behaviour in the table of
//! `docs/MESHERY.md`.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod beyond;
mod broker;
mod configuration;
mod everything;
mod files;
mod lifecycle;
mod process;
mod requests;
mod server;
mod sessions;
mod support;
mod traps;
