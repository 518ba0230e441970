//! How many lists may run at once: halved when the server is in trouble, one more
//! with every list that goes well.

use std::time::Duration;

use tokio::time::Instant;

/// What is told of the same trouble within this time counts once.
const TROUBLE: Duration = Duration::from_secs(1);

/// An answer is slow when it takes so many times what answers usually take, and
/// this long.
const SLOW_TIMES: u32 = 4;
const SLOW_MIN: Duration = Duration::from_secs(1);

/// See the [module](self). Pure.
#[derive(Debug)]
pub(super) struct Limit {
    max: usize,
    now: usize,
    halved: Option<Instant>,
    /// What the head of an answer usually takes.
    usual: Option<Duration>,
}

impl Limit {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            now: max,
            halved: None,
            usual: None,
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// The server has too much to do: it says so (429).
    pub(super) fn refused(&mut self, at: Instant) {
        if self.halved.is_none_or(|before| at - before >= TROUBLE) {
            self.halved = Some(at);
            self.now = (self.now / 2).max(1);
        }
    }

    /// A list was answered after this time.
    pub(super) fn answered(&mut self, at: Instant, took: Duration) {
        let usual = *self.usual.get_or_insert(took);
        let is_slow = took >= SLOW_MIN && took > usual * SLOW_TIMES;
        // Slowness that stays becomes usual, a little with every answer.
        self.usual = Some((usual * 15 + took) / 16);
        if is_slow {
            self.refused(at);
        } else if self.now < self.max {
            self.now += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_halves_it_and_each_good_answer_adds_one() {
        let start = Instant::now();
        let mut limit = Limit::new(16);
        limit.refused(start);
        limit.refused(start + Duration::from_millis(500));
        assert_eq!(limit.now(), 8, "the same trouble counts once");
        for second in 1..10 {
            limit.refused(start + Duration::from_secs(second));
        }
        assert_eq!(limit.now(), 1, "one always runs");
        for _ in 0..100 {
            limit.answered(start, Duration::from_millis(5));
        }
        assert_eq!(limit.now(), 16);
    }

    #[test]
    fn rising_latency_is_trouble_and_latency_that_is_usual_is_none() {
        let start = Instant::now();
        let mut limit = Limit::new(16);
        limit.answered(start, Duration::from_millis(20));
        limit.answered(start, Duration::from_millis(900));
        assert_eq!(limit.now(), 16, "nobody waits for less than a second");
        limit.answered(start, Duration::from_secs(2));
        assert_eq!(limit.now(), 8);
        let mut far = Limit::new(16);
        for second in 0..100 {
            far.answered(start + Duration::from_secs(second), Duration::from_secs(2));
        }
        assert_eq!(far.now(), 16, "a server far away is always slow");
    }
}
