//! The sinks, against what they write to.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod access;
mod contract;
mod deliveries;
mod duplicates;
mod fencing;
mod memory;
