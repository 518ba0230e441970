//! The limits.

use std::time::Duration;

/// How much is asked of an API server at once. The defaults are for a server that
/// others use too; what a cluster of 100,000 objects takes to be listed is not
/// slower with them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// So many lists run at once; fewer for a while when the server says that it
    /// has too much to do, or becomes slow. Default: 16.
    pub lists_max: usize,
    /// So many requests of lists and watches a second, after as many at once.
    /// Default: 200.
    pub requests_per_second: Option<u64>,
    /// So many bytes of lists are read a second, of all of them together. Default:
    /// no limit.
    pub bytes_per_second: Option<u64>,
    /// Over this time the first lists begin. Default: 0, all of them as soon as
    /// they may.
    pub smooth_start: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lists_max: 16,
            requests_per_second: Some(200),
            bytes_per_second: None,
            smooth_start: Duration::ZERO,
        }
    }
}
