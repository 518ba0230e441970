//! Waiting for a condition rather than for a time.

use std::{
    ops::AsyncFnMut,
    thread,
    time::{Duration, Instant},
};

/// Time between two looks at a condition: short against a test, long against a look.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// What a condition answers: `bool`, or `Option<T>` to hand out what was found.
pub trait Condition {
    /// What the wait returns once the condition holds.
    type Value;

    /// The value if the condition holds.
    fn holds(self) -> Option<Self::Value>;
}

impl Condition for bool {
    type Value = ();

    fn holds(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Condition for Option<T> {
    type Value = T;

    fn holds(self) -> Self {
        self
    }
}

/// Polls `condition` until it holds and returns its value.
///
/// Measures tokio's time, so that it follows a paused clock. An await inside the condition is cut
/// off at the deadline too.
///
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut looks = 0;
/// let found = meshsync_testkit::eventually("three looks", Duration::from_secs(5), async || {
///     looks += 1;
///     (looks == 3).then_some("found")
/// })
/// .await;
/// assert_eq!(found, "found");
/// # }
/// ```
///
/// # Panics
///
/// When the condition does not hold within `deadline`; the message names `what`.
pub async fn eventually<C: Condition>(
    what: &str,
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> C,
) -> C::Value {
    let poll = async {
        loop {
            if let Some(value) = condition().await.holds() {
                return value;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    match tokio::time::timeout(deadline, poll).await {
        Ok(value) => value,
        Err(_elapsed) => panic!("did not happen within {deadline:?}: {what}"),
    }
}

/// [`eventually`] for tests without a runtime: blocks the thread between looks.
///
/// # Panics
///
/// When the condition does not hold within `deadline`; the message names `what`.
pub fn eventually_blocking<C: Condition>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> C,
) -> C::Value {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().holds() {
            return value;
        }
        assert!(
            started.elapsed() < deadline,
            "did not happen within {deadline:?}: {what}"
        );
        thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(30);

    #[test]
    fn blocking_wait_returns_the_value_found() {
        let mut looks = 0;
        let found = eventually_blocking("third look", LONG, || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "did not happen within 30ms: a miracle")]
    fn blocking_wait_ends_at_the_deadline() {
        eventually_blocking("a miracle", SHORT, || false);
    }

    #[tokio::test]
    async fn wait_returns_once_the_condition_holds() {
        let mut looks = 0;
        eventually("third look", LONG, async || {
            looks += 1;
            looks == 3
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "did not happen within 30ms: an answer")]
    async fn wait_cuts_off_a_condition_that_hangs() {
        eventually("an answer", SHORT, async || {
            std::future::pending::<()>().await;
            true
        })
        .await;
    }
}
