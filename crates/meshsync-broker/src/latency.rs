//! How long changes take, from the API server's bytes to a sink's confirmation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// When a change was received, in microseconds since the epoch.
///
/// By the wall clock, since every change carries the time it was observed at
/// anyway: taking another one would cost more than all else that is done for a
/// histogram. A clock that is set back makes an age of zero, and never a negative
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Received(std::num::NonZeroU64);

impl Received {
    /// So many microseconds since the epoch.
    pub fn from_micros(micros: i64) -> Self {
        let micros = u64::try_from(micros).unwrap_or_default();
        Self(std::num::NonZeroU64::new(micros).unwrap_or(std::num::NonZeroU64::MIN))
    }

    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Self::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    /// How long ago it was at that time.
    pub fn age(self, now: Self) -> Duration {
        Duration::from_micros(now.0.get().saturating_sub(self.0.get()))
    }
}

/// Upper bounds of the buckets, in microseconds; what is above the last one is in
/// one more.
const BOUNDS_US: [u64; 15] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    120_000_000,
];

/// A histogram of times from receipt to confirmation. One writer, any number of
/// readers.
///
/// Cheap: a batch costs one look at the clock, and a change four comparisons and
/// an addition; what is shared is written once for each batch.
#[derive(Debug, Default)]
pub struct Latency {
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// A moment of a [`Latency`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LatencySnapshot {
    /// Upper bound in seconds and how many are in that bucket alone; the last
    /// bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all, in seconds.
    pub sum_seconds: f64,
    /// How many there are.
    pub count: u64,
}

impl Latency {
    /// Changes received then were confirmed at `now`.
    pub(crate) fn note(&self, received: &[Option<Received>], now: Received) {
        let mut counts = [0_u64; BOUNDS_US.len() + 1];
        let mut sum_us = 0_u64;
        for at in received.iter().flatten() {
            let age_us = u64::try_from(at.age(now).as_micros()).unwrap_or(u64::MAX);
            counts[BOUNDS_US.partition_point(|bound| *bound < age_us)] += 1;
            sum_us = sum_us.saturating_add(age_us);
        }
        for (total, count) in self.counts.iter().zip(counts) {
            if count > 0 {
                total.fetch_add(count, Ordering::Relaxed);
            }
        }
        self.sum_us.fetch_add(sum_us, Ordering::Relaxed);
    }

    /// All of it at this moment.
    pub fn snapshot(&self) -> LatencySnapshot {
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6);
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        LatencySnapshot {
            count: buckets.iter().map(|(_, count)| count).sum(),
            sum_seconds: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
            buckets,
        }
    }
}

impl LatencySnapshot {
    /// The bound below which this share of all is; `None` where there is nothing.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        bucket.map(|(bound, _)| *bound).filter(|_| self.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_in_the_bucket_of_its_age() {
        let latency = Latency::default();
        let at = |us| Some(Received::from_micros(us));
        // Exactly a bound, just above one, beyond all, from the future, unknown.
        let now = 1_000_000_000;
        let batch = [at(now - 1_000), at(now - 1_001), at(1), at(now + 5), None];
        latency.note(&batch, Received::from_micros(now));
        let snapshot = latency.snapshot();
        let count = |bound: f64| {
            let bucket = snapshot.buckets.iter().find(|(other, _)| *other == bound);
            bucket.map(|(_, count)| *count)
        };
        assert_eq!(count(0.001), Some(2));
        assert_eq!(count(0.0025), Some(1));
        assert_eq!(count(f64::INFINITY), Some(1));
        assert_eq!(snapshot.count, 4);
        assert!((snapshot.sum_seconds - 1_000.002).abs() < 0.01);
        assert_eq!(snapshot.quantile(0.5), Some(0.001));
        assert_eq!(snapshot.quantile(1.0), Some(f64::INFINITY));
        assert_eq!(LatencySnapshot::default().quantile(0.5), None);
    }
}
