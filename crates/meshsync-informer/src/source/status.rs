//! How a source is doing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// So many problems are named; the others are counted.
const PROBLEMS_MAX: usize = 20;

/// How a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceState {
    /// It is being reached.
    #[default]
    Connecting,
    /// It is observed.
    Live,
    /// Something is wrong with all of it; it is tried again.
    BackingOff,
    /// It cannot go on.
    Failed,
}

impl SourceState {
    /// The name used in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::BackingOff => "backing-off",
            Self::Failed => "failed",
        }
    }
}

/// A moment of a source.
#[derive(Clone, Debug)]
pub struct SourceSnapshot {
    /// Its state.
    pub state: SourceState,
    /// Since when it is in it.
    pub since: SystemTime,
    /// The last error and what to do about it.
    pub last_error: Option<String>,
    /// What of it cannot be read, and where, at most 20: the rest is observed.
    pub problems: Vec<String>,
    /// How many there are of them.
    pub problem_count: usize,
}

/// Written by the source, read by anybody.
#[derive(Debug)]
pub(crate) struct SourceStatus(Mutex<SourceSnapshot>);

impl Default for SourceStatus {
    fn default() -> Self {
        Self(Mutex::new(SourceSnapshot {
            state: SourceState::Connecting,
            since: SystemTime::now(),
            last_error: None,
            problems: Vec::new(),
            problem_count: 0,
        }))
    }
}

impl SourceStatus {
    pub(crate) fn snapshot(&self) -> SourceSnapshot {
        self.lock().clone()
    }

    /// Whether that is news.
    pub(crate) fn set(&self, state: SourceState) -> bool {
        let mut status = self.lock();
        let is_news = status.state != state;
        if is_news {
            status.state = state;
            status.since = SystemTime::now();
        }
        is_news
    }

    /// Whether that is news.
    pub(crate) fn fail(&self, error: String) -> bool {
        let is_news = self.set(SourceState::BackingOff);
        self.lock().last_error = Some(error);
        is_news
    }

    /// Whether they are news.
    pub(crate) fn set_problems(&self, mut problems: Vec<String>) -> bool {
        let mut status = self.lock();
        status.problem_count = problems.len();
        problems.truncate(PROBLEMS_MAX);
        let is_news = status.problems != problems;
        status.problems = problems;
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, SourceSnapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
