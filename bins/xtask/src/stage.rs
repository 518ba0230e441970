//! Says what runs, and how long it took.

use std::time::Instant;

/// Runs one stage of a chore and prints its seconds.
pub(crate) fn stage<T>(name: &str, run: impl FnOnce() -> T) -> T {
    println!("==> {name}");
    let started = Instant::now();
    let outcome = run();
    println!("<== {name}: {:.1} s", started.elapsed().as_secs_f64());
    outcome
}
