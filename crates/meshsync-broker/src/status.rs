//! What is known of a sink.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::Latency;

/// Whether a sink can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkState {
    /// Nothing has been sent yet.
    Starting,
    /// The last batch was confirmed.
    Up,
    /// The last batch was not confirmed; it is being tried again.
    Away,
    /// The sink ended.
    Closed,
}

impl SinkState {
    /// Whether it is worth waiting for room.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Starting | Self::Up)
    }

    /// The name used in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Away => "away",
            Self::Closed => "closed",
        }
    }
}

/// A counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Status of one sink. Written by its runner, read by anybody.
#[derive(Debug)]
pub struct SinkStatus {
    name: String,
    state: watch::Sender<SinkState>,
    since: Mutex<SystemTime>,
    last_error: Mutex<Option<String>>,
    /// Deliveries handed to the sink, each once however often it is tried.
    pub handed: Counter,
    /// From the time a change was received to the sink's confirmation.
    pub latency: Latency,
    /// Deliveries the sink confirmed.
    pub published: Counter,
    /// Bytes of payload the sink confirmed.
    pub published_bytes: Counter,
    /// Batches that had to be sent again.
    pub retries: Counter,
    /// Deliveries the sink can never take, such as one above its size limit.
    pub rejected: Counter,
    /// Deliveries of which parts were cut, since they were too large as a whole.
    pub cut: Counter,
    /// Offers the full outbox refused; each marks its object to be read again.
    pub refused: Counter,
}

impl SinkStatus {
    /// Status of a sink that has not started. `name` must carry no credentials.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: watch::Sender::new(SinkState::Starting),
            since: Mutex::new(SystemTime::now()),
            last_error: Mutex::new(None),
            handed: Counter::default(),
            latency: Latency::default(),
            published: Counter::default(),
            published_bytes: Counter::default(),
            retries: Counter::default(),
            rejected: Counter::default(),
            cut: Counter::default(),
            refused: Counter::default(),
        }
    }

    /// Name of the sink: its URL without credentials.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Current state.
    pub fn state(&self) -> SinkState {
        *self.state.borrow()
    }

    /// A receiver of state changes.
    pub fn state_changes(&self) -> watch::Receiver<SinkState> {
        self.state.subscribe()
    }

    /// Since when it is in this state.
    pub fn since(&self) -> SystemTime {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last error and what to do about it.
    pub fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_error(&self, error: String) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Moves to a state; returns whether it is another one than before.
    pub(crate) fn set_state(&self, state: SinkState) -> bool {
        let changed = self.state.send_if_modified(|current| {
            let changed = *current != state;
            *current = state;
            changed
        });
        if changed {
            *self.since.lock().unwrap_or_else(PoisonError::into_inner) = SystemTime::now();
        }
        changed
    }
}
