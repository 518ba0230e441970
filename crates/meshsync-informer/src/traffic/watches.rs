//! How watches begin and end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::count::Traffic;
use super::histogram::{Histogram, HistogramSnapshot};

/// A server ends a watch after some minutes of its own accord.
const WATCH_SECONDS: &[f64] = &[
    1.0, 10.0, 60.0, 300.0, 450.0, 600.0, 1_800.0, 3_600.0, 21_600.0,
];

/// Why a watch is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CloseReason {
    /// The server ended it, as it does after some minutes.
    Ended,
    /// The connection broke.
    Broken,
    /// It was silent for too long.
    Silent,
    /// The server said that its history does not reach back that far (410).
    Expired,
    /// The server ended it with another error.
    Refused,
    /// It told what it had told before.
    WentBack,
    /// We wanted something else: another selection, another tier, a list.
    Changed,
    /// We stop, or the resource is not observed any more.
    Stopped,
}

impl CloseReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ended,
        Self::Broken,
        Self::Silent,
        Self::Expired,
        Self::Refused,
        Self::WentBack,
        Self::Changed,
        Self::Stopped,
    ];

    /// The name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Broken => "broken",
            Self::Silent => "silent",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::WentBack => "went-back",
            Self::Changed => "changed",
            Self::Stopped => "stopped",
        }
    }

    /// Whether something is wrong.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Ended | Self::Changed | Self::Stopped)
    }
}

/// A request, or a watch, that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The verb of a request; `watching` for the life of a watch.
    pub name: &'static str,
    /// Plural and group, such as `deployments.apps`.
    pub resource: String,
    /// Status of the answer, or why the watch is over.
    pub outcome: String,
    /// Whether that is a failure.
    pub is_failure: bool,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
}

/// A moment of all watches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchSnapshot {
    /// How many were opened.
    pub opened: u64,
    /// How many were closed, by reason; every reason is there.
    pub closed: Vec<(CloseReason, u64)>,
    /// How long those lived that were closed.
    pub lives: HistogramSnapshot,
}

#[derive(Debug)]
pub(super) struct Watches {
    opened: u64,
    closed: BTreeMap<CloseReason, u64>,
    lives: Histogram,
}

impl Default for Watches {
    fn default() -> Self {
        Self {
            opened: 0,
            closed: CloseReason::ALL.map(|reason| (reason, 0)).into(),
            lives: Histogram::new(WATCH_SECONDS),
        }
    }
}

impl Watches {
    pub(super) fn opened(&mut self) {
        self.opened += 1;
    }

    pub(super) fn closed(&mut self, reason: CloseReason, lived: Duration) {
        *self.closed.entry(reason).or_default() += 1;
        self.lives.note(lived);
    }

    pub(super) fn snapshot(&self) -> WatchSnapshot {
        WatchSnapshot {
            opened: self.opened,
            closed: self
                .closed
                .iter()
                .map(|(reason, n)| (*reason, *n))
                .collect(),
            lives: self.lives.snapshot(),
        }
    }
}

/// A watch that is open; it counts as closed when it is dropped.
#[derive(Debug)]
pub(crate) struct WatchLife {
    traffic: Arc<Traffic>,
    resource: String,
    began: SystemTime,
    since: Instant,
    /// Why it will have been closed, as far as is known.
    pub(crate) reason: CloseReason,
}

impl WatchLife {
    pub(crate) fn begin(traffic: Arc<Traffic>, resource: String) -> Self {
        traffic.watch_opened();
        Self {
            traffic,
            resource,
            began: SystemTime::now(),
            since: Instant::now(),
            // It is dropped half-way only then.
            reason: CloseReason::Stopped,
        }
    }
}

impl Drop for WatchLife {
    fn drop(&mut self) {
        let lived = self.since.elapsed();
        self.traffic
            .watch_closed(&self.resource, self.reason, self.began, lived);
    }
}
