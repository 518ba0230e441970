//! How fast counters grow.

use std::time::{Duration, Instant};

/// Over how long a rate is measured.
const WINDOW: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) changes: u64,
    pub(super) bytes: u64,
}

/// Rates of the last full window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    since: Instant,
    then: Totals,
    pub(super) changes_per_s: f64,
    pub(super) bytes_per_s: f64,
}

impl Rates {
    pub(super) fn new(now: Instant, totals: Totals) -> Self {
        Self {
            since: now,
            then: totals,
            changes_per_s: 0.0,
            bytes_per_s: 0.0,
        }
    }

    pub(super) fn update(&mut self, now: Instant, totals: Totals) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < WINDOW {
            return;
        }
        // A resource that is gone takes its counts with it.
        let grown = |now: u64, then: u64| now.saturating_sub(then) as f64 / elapsed.as_secs_f64();
        self.changes_per_s = grown(totals.changes, self.then.changes);
        self.bytes_per_s = grown(totals.bytes, self.then.bytes);
        self.since = now;
        self.then = totals;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_full_window() {
        let start = Instant::now();
        let totals = |changes, bytes| Totals { changes, bytes };
        let mut rates = Rates::new(start, totals(100, 1_000));
        rates.update(start + WINDOW / 2, totals(200, 2_000));
        assert_eq!(rates.changes_per_s, 0.0, "the window is not full");
        rates.update(start + WINDOW * 2, totals(120, 5_000));
        assert_eq!((rates.changes_per_s, rates.bytes_per_s), (10.0, 2_000.0));
        rates.update(start + WINDOW * 3, totals(0, 0));
        assert_eq!(rates.changes_per_s, 0.0, "less than before is no growth");
    }
}
