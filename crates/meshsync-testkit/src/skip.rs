//! Saying that a test did not run.

use std::io::{self, Write};

/// Prints the line past the test harness, which swallows the output of tests that pass.
pub(crate) fn skip(test_name: &str, reason: &str) {
    say(&format!("skipped: {test_name}: {reason}"));
}

/// Prints a line past the test harness.
pub(crate) fn say(line: &str) {
    // In one piece, because tests run in parallel; where nobody can read it, the test goes on all
    // the same.
    drop(io::stderr().write_all(format!("{line}\n").as_bytes()));
}
