//! The wire formats.

pub mod meshery;
pub mod record;
