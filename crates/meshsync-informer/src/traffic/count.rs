//! The counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::classify::Asked;
use super::histogram::{Histogram, HistogramSnapshot};
use super::watches::{CloseReason, Finished, WatchSnapshot, Watches};

/// So many series there are of requests; what would make more is of the resource
/// `other`. A large cluster has some hundred resources, listed and watched.
const SERIES_MAX: usize = 2_048;

/// From a request to the head of its answer.
const REQUEST_SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Counts of what was asked of one API server. Any number of writers and readers; a
/// request takes the lock once.
#[derive(Debug, Default)]
pub struct Traffic {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(&'static str, String, Option<u16>), u64>,
    durations: BTreeMap<&'static str, Histogram>,
    watches: Watches,
    /// Who wants to know of each, where somebody does.
    listener: Option<mpsc::Sender<Finished>>,
}

/// A moment of a [`Traffic`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrafficSnapshot {
    /// Requests that were answered, or that ended without an answer.
    pub requests: Vec<RequestCount>,
    /// By verb, from a request to the head of its answer.
    pub durations: Vec<(&'static str, HistogramSnapshot)>,
    /// The watches.
    pub watches: WatchSnapshot,
}

/// How many requests of one sort there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCount {
    /// `list`, `watch`, `get`, `create` and so on.
    pub verb: &'static str,
    /// Plural and group, such as `deployments.apps`.
    pub resource: String,
    /// Status of the answer; nothing where there was none.
    pub code: Option<u16>,
    /// How many.
    pub count: u64,
}

impl Traffic {
    /// All of it at this moment.
    pub fn snapshot(&self) -> TrafficSnapshot {
        let counts = self.counts();
        let requests = counts.requests.iter();
        TrafficSnapshot {
            requests: requests
                .map(|((verb, resource, code), count)| RequestCount {
                    verb,
                    resource: resource.clone(),
                    code: *code,
                    count: *count,
                })
                .collect(),
            durations: counts
                .durations
                .iter()
                .map(|(verb, histogram)| (*verb, histogram.snapshot()))
                .collect(),
            watches: counts.watches.snapshot(),
        }
    }

    /// Tells of each request and watch that is over from now on. Where more wait than
    /// `capacity` they are left out. Who listened before hears no more.
    pub fn listen(&self, capacity: usize) -> mpsc::Receiver<Finished> {
        let (sender, receiver) = mpsc::channel(capacity);
        self.counts().listener = Some(sender);
        receiver
    }

    pub(super) fn requested(
        &self,
        asked: Asked,
        code: Option<u16>,
        began: SystemTime,
        took: Duration,
    ) {
        let mut counts = self.counts();
        counts.tell(|| Finished {
            name: asked.verb,
            resource: asked.resource.clone(),
            outcome: code.map_or_else(|| "none".to_owned(), |code| code.to_string()),
            is_failure: code.is_none_or(|code| code >= 400),
            began,
            took,
        });
        let durations = counts.durations.entry(asked.verb);
        durations
            .or_insert_with(|| Histogram::new(REQUEST_SECONDS))
            .note(took);
        let mut key = (asked.verb, asked.resource, code);
        if counts.requests.len() >= SERIES_MAX && !counts.requests.contains_key(&key) {
            key.1 = "other".to_owned();
        }
        *counts.requests.entry(key).or_default() += 1;
    }

    pub(super) fn watch_opened(&self) {
        self.counts().watches.opened();
    }

    pub(super) fn watch_closed(
        &self,
        resource: &str,
        reason: CloseReason,
        began: SystemTime,
        lived: Duration,
    ) {
        let mut counts = self.counts();
        counts.tell(|| Finished {
            name: "watching",
            resource: resource.to_owned(),
            outcome: reason.as_str().to_owned(),
            is_failure: reason.is_failure(),
            began,
            took: lived,
        });
        counts.watches.closed(reason, lived);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn tell(&mut self, finished: impl FnOnce() -> Finished) {
        if let Some(listener) = &self.listener {
            // Full means that this one is left out; closed, that nobody listens any more.
            if let Err(mpsc::error::TrySendError::Closed(_)) = listener.try_send(finished()) {
                self.listener = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(resource: String) -> Asked {
        Asked {
            verb: "list",
            resource,
        }
    }

    #[test]
    fn there_is_a_limit_to_series_and_nothing_is_lost_by_it() {
        let traffic = Traffic::default();
        let (began, took) = (SystemTime::UNIX_EPOCH, Duration::from_millis(7));
        let many = SERIES_MAX + 10;
        for at in 0..many {
            traffic.requested(asked(format!("r{at}")), Some(200), began, took);
        }
        let snapshot = traffic.snapshot();
        assert_eq!(snapshot.requests.len(), SERIES_MAX + 1);
        let sum: u64 = snapshot.requests.iter().map(|one| one.count).sum();
        assert_eq!(sum, many as u64);
        let (verb, durations) = &snapshot.durations[0];
        assert_eq!((*verb, durations.count), ("list", many as u64));
        assert_eq!(durations.buckets[1], (0.01, many as u64));
    }

    #[test]
    fn nobody_waits_for_who_listens() {
        let traffic = Traffic::default();
        let mut heard = traffic.listen(1);
        for code in [200, 503] {
            let (began, took) = (SystemTime::UNIX_EPOCH, Duration::ZERO);
            traffic.requested(asked("pods".to_owned()), Some(code), began, took);
        }
        let first = heard.try_recv().unwrap();
        assert_eq!((first.outcome.as_str(), first.is_failure), ("200", false));
        assert!(heard.try_recv().is_err(), "the second did not fit");
        let sum: u64 = (traffic.snapshot().requests.iter())
            .map(|one| one.count)
            .sum();
        assert_eq!(sum, 2);
    }
}
