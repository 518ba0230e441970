//! Regular expressions of rules: few, small, and bounded.

use regex::{Regex, RegexBuilder};

/// Memory a compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 256 << 10;

pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build()
}
