//! How long what may take, and how long to wait before the next try.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The clocks of a resource's task. The defaults are for real clusters; tests of
/// faults make them short, so that thousands of faults pass in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Back-off after a failure: doubles from the first to the second. Default:
    /// 200 ms to 30 s.
    pub back_off: RangeInclusive<Duration>,
    /// The same for what is forbidden or missing: rights change, and discovery
    /// may be behind. Default: 15 s to 5 min.
    pub refused: RangeInclusive<Duration>,
    /// How often it is asked what is permitted, while something is not, and
    /// again at the earliest when there is a hint that it has changed. Default: 60 s
    /// and 5 s.
    pub permissions: Duration,
    /// See [`Timing::permissions`].
    pub permissions_min: Duration,
    /// A server that says `Retry-After` is believed up to here. Default: 120 s.
    pub retry_after_max: Duration,
    /// A list that is silent for this long is given up. Default: 60 s.
    pub list_silence_max: Duration,
    /// Servers that send bookmarks send one about every minute; a watch of theirs
    /// that is silent for three times that is dead. Default: 180 s.
    pub watch_silence_max: Duration,
    /// A watch that ends after this time ended in good order: servers end them,
    /// or we ask them to. One that ends sooner may be a server in trouble.
    /// Default: 30 s.
    pub watch_lived: Duration,
    /// How often what cannot be watched is listed. Default: 60 s.
    pub poll_interval: Duration,
    /// Between readings for sinks that had no room, while they help nobody.
    /// Default: 1 s to 5 min.
    pub repair: RangeInclusive<Duration>,
    /// A difference that a check finds is one if it lasts this long. Default:
    /// 10 s.
    pub verify_settle: Duration,
    /// Checks are asked for no more often than this. Default: 5 min.
    pub verify_interval_min: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            back_off: Duration::from_millis(200)..=seconds(30),
            refused: seconds(15)..=seconds(300),
            permissions: seconds(60),
            permissions_min: seconds(5),
            retry_after_max: seconds(120),
            list_silence_max: seconds(60),
            watch_silence_max: seconds(180),
            watch_lived: seconds(30),
            poll_interval: seconds(60),
            repair: seconds(1)..=seconds(300),
            verify_settle: seconds(10),
            verify_interval_min: seconds(300),
        }
    }
}

/// Doubles from the range's start with every failure up to its end, then takes a
/// random time between half of that and all of it. `jitter` is from 0 to 1.
pub(crate) fn exponential(
    range: &RangeInclusive<Duration>,
    failures: u32,
    jitter: f64,
) -> Duration {
    let doubled = range
        .start()
        .saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled
        .min(*range.end())
        .mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_is_bounded_and_jittered() {
        let range = Timing::default().back_off;
        for failures in 0..200 {
            for jitter in [0.0, 0.5, 1.0] {
                let wait = exponential(&range, failures, jitter);
                assert!(wait >= *range.start() / 2 && wait <= *range.end());
            }
        }
        assert_ne!(exponential(&range, 4, 0.0), exponential(&range, 4, 1.0));
    }
}
