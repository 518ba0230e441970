//! When the list of sessions is published.

use std::time::Duration;

use tokio::time::Instant;

/// How often once somebody asked, and for how long after the last time.
const TICK: Duration = Duration::from_secs(10);
const TICKS_FOR: Duration = Duration::from_secs(600);

/// One rhythm for everybody who asks; nobody for a while ends it.
#[derive(Debug, Default)]
pub(super) struct Ticker {
    /// When it is due next, and until when it goes on.
    running: Option<(Instant, Instant)>,
}

impl Ticker {
    /// Ticks from now on for a while. Asked for again, it goes on for longer and
    /// not faster.
    pub(super) fn ask(&mut self) {
        let now = Instant::now();
        let next = self.running.map_or(now + TICK, |(next, _)| next);
        self.running = Some((next, now + TICKS_FOR));
    }

    /// Waits for the next tick, for ever where nobody asked. Can be dropped
    /// half-way.
    pub(super) async fn tick(&mut self) {
        let Some((next, until)) = self.running else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(next).await;
        let now = Instant::now();
        self.running = (now < until).then_some((now + TICK, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after `start` at which it ticks within an hour.
    async fn ticks(ticker: &mut Ticker, start: Instant) -> Vec<u64> {
        let mut at = Vec::new();
        let hour = tokio::time::sleep_until(start + Duration::from_secs(3600));
        tokio::pin!(hour);
        loop {
            tokio::select! {
                () = ticker.tick() => at.push(start.elapsed().as_secs()),
                () = &mut hour => return at,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_ticks_every_ten_seconds_for_ten_minutes_however_many_asked() {
        let start = Instant::now();
        let mut ticker = Ticker::default();
        for _ in 0..100 {
            ticker.ask();
        }
        let expected: Vec<u64> = (1..=60).map(|n| n * 10).collect();
        assert_eq!(ticks(&mut ticker, start).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_later_makes_it_longer_and_moves_no_tick() {
        let start = Instant::now();
        let mut ticker = Ticker::default();
        ticker.ask();
        tokio::time::sleep(Duration::from_secs(7)).await;
        ticker.ask();
        let at = ticks(&mut ticker, start).await;
        assert_eq!(at.first(), Some(&10));
        assert_eq!(at.last(), Some(&610), "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_never_ticks_where_nobody_asked() {
        assert!(
            ticks(&mut Ticker::default(), Instant::now())
                .await
                .is_empty()
        );
    }
}
