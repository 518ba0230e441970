//! The wire formats.

pub mod cut;
pub mod head;
pub mod meshery;
mod peek;
pub mod record;
