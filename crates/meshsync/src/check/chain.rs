//! The links that were looked at so far.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::report::{Link, LinkState};

/// Collects links, with the time of each.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) links: Vec<Link>,
    /// A link takes no longer than this.
    pub(super) timeout: Duration,
    stop: CancellationToken,
}

/// Why a link is broken, and what to do.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) message: String,
    pub(super) remedy: String,
    /// The other side said that we may not.
    pub(super) forbidden: bool,
}

impl Trouble {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: remedy.into(),
            forbidden: false,
        }
    }
}

impl Chain {
    pub(super) fn new(timeout: Duration, stop: CancellationToken) -> Self {
        Self {
            links: Vec::new(),
            timeout,
            stop,
        }
    }

    /// Does what a link does, within its time. What it does answers with what was
    /// seen; `late` says what it means when there is no answer.
    pub(super) async fn step<T>(
        &mut self,
        name: &str,
        late: Trouble,
        link: impl Future<Output = Result<(T, String), Trouble>>,
    ) -> Result<T, Trouble> {
        let begun = Instant::now();
        let result = self.within(self.timeout, late, link).await;
        let (value, detail) = result?;
        self.push(name, LinkState::Ok, Some(begun.elapsed()), detail, None);
        Ok(value)
    }

    /// The same without noting anything, within another time.
    pub(super) async fn within<T>(
        &self,
        timeout: Duration,
        late: Trouble,
        link: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        tokio::select! {
            result = tokio::time::timeout(timeout, link) => match result {
                Ok(result) => result,
                Err(_elapsed) => Err(Trouble {
                    message: format!("{} in {} s", late.message, timeout.as_secs_f64()),
                    ..late
                }),
            },
            () = self.stop.cancelled() => {
                Err(Trouble::new("interrupted", "let it come to its end"))
            }
        }
    }

    pub(super) fn push(
        &mut self,
        name: &str,
        state: LinkState,
        took: Option<Duration>,
        detail: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.links.push(Link {
            link: name.to_owned(),
            state,
            seconds: took.map(|took| took.as_secs_f64()),
            detail: detail.into(),
            remedy,
        });
    }

    pub(super) fn fail(&mut self, name: &str, begun: Instant, trouble: Trouble) {
        let took = Some(begun.elapsed());
        let remedy = Some(trouble.remedy);
        self.push(name, LinkState::Failed, took, trouble.message, remedy);
    }
}

/// A time for people.
pub(super) fn human(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", (seconds * 1_000.0).max(1.0)),
        seconds => format!("{seconds:.1} s"),
    }
}
