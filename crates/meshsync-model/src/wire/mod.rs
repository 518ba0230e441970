//! The wire formats.

pub mod head;
pub mod meshery;
pub mod record;
