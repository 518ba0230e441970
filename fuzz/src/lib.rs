//! What must hold of any bytes, from an API server or from a file.
//!
//! Each function is the body of a fuzz target (`fuzz_targets`), and of a test
//! that replays its corpus (`tests/replay.rs`). They panic where something does
//! not hold.
//!
//! # Invariants
//!
//! - No bytes make anything panic.
//! - How bytes are cut into chunks changes nothing.
//! - What is JSON stays JSON in every output.

mod config;
mod discovery;
mod list_page;
mod record;
mod watch_line;

pub use config::config;
pub use discovery::discovery;
pub use list_page::list_page;
pub use record::record;
pub use watch_line::watch_line;
