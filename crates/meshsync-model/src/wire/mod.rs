//! The wire formats.

pub mod cut;
pub mod head;
pub mod meshery;
pub mod record;
