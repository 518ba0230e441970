//! Micro-benchmarks of the hot path, and the input they run on.
//!
//! ```console
//! $ cargo bench -p meshsync-benches                  # all
//! $ cargo bench -p meshsync-benches -- encode        # those of a name
//! $ cargo bench -p meshsync-benches -- --test        # each once, as tests run them
//! ```
//!
//! They compare two versions of the code on one machine; they say nothing about
//! a whole cluster. Nothing here asserts a time.

mod input;

pub use input::{Input, list, watch};
