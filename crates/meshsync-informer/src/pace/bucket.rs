//! So much a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket that fills at a rate and holds what flows in within a second. More than
/// it holds may be taken; who does waits until it has flowed in.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: u64,
    /// When it is full again.
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    pub(super) fn new(per_second: u64) -> Self {
        Self {
            per_second: per_second.max(1),
            full_at: Mutex::default(),
        }
    }

    /// Takes out so much, and waits until it may be used.
    pub(super) async fn take(&self, amount: u64) {
        let wait = self.wait(Instant::now(), amount);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn wait(&self, now: Instant, amount: u64) -> Duration {
        const HOLDS: Duration = Duration::from_secs(1);
        let flow = Duration::from_secs_f64(amount as f64 / self.per_second as f64);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.map_or(now, |full_at| full_at.max(now)) + flow;
        *full_at = Some(next);
        (next - now).saturating_sub(HOLDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_it_may_be_had_at_once_and_the_rest_as_it_flows_in() {
        let bucket = Bucket::new(10);
        let now = Instant::now();
        for _ in 0..10 {
            assert_eq!(bucket.wait(now, 1), Duration::ZERO);
        }
        assert_eq!(bucket.wait(now, 1), Duration::from_millis(100));
        assert_eq!(bucket.wait(now, 9), Duration::from_secs(1));
        // Two seconds later all of that has flowed in, and no more is held than a second's.
        let later = now + Duration::from_secs(60);
        assert_eq!(bucket.wait(later, 10), Duration::ZERO);
        assert_eq!(bucket.wait(later, 5), Duration::from_millis(500));
    }
}
