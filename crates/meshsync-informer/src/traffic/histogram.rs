//! Counts of times, by how long they are.

use std::time::Duration;

/// Times in buckets.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// One more than there are bounds.
    counts: Vec<u64>,
    sum_seconds: f64,
}

/// A moment of a histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSnapshot {
    /// Upper bound in seconds and how many are in that bucket alone; the last
    /// bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all, in seconds.
    pub sum_seconds: f64,
    /// How many there are.
    pub count: u64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum_seconds: 0.0,
        }
    }

    pub(super) fn note(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let at = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[at] += 1;
        self.sum_seconds += seconds;
    }

    pub(super) fn snapshot(&self) -> HistogramSnapshot {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        HistogramSnapshot {
            buckets: bounds.zip(self.counts.iter().copied()).collect(),
            sum_seconds: self.sum_seconds,
            count: self.counts.iter().sum(),
        }
    }
}
