//! The Meshery message, held against what the original sends.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod cluster;
mod golden;
mod properties;
mod robustness;
mod secrets;
mod support;
