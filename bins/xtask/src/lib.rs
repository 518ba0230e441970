//! What the project's chores are made of, for the tests that check their results.
//!
//! # Invariants
//!
//! - Reads what it is told to and writes what it is told to; starts no process.

pub mod image;
