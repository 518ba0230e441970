//! What is known of one source of a pipeline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use meshsync_informer::StatusBoard;
use meshsync_informer::source::SourceState;
use meshsync_model::{ClusterId, Platform};
use tokio::sync::watch;

use crate::fingerprints::Fingerprints;
use crate::outlets::Outlets;

/// One source's own part of a pipeline: its status, its outboxes, its products. It
/// shares sinks with the others and nothing else.
#[derive(Debug)]
pub(crate) struct Lane {
    /// How it is called before it is known.
    name: String,
    platform: Platform,
    board: Arc<StatusBoard>,
    /// Replaced only before the pipeline runs.
    outlets: Mutex<Arc<Outlets>>,
    /// Name and identity, once known.
    identity: OnceLock<(String, ClusterId)>,
    full_sync: watch::Sender<bool>,
    prints: Option<Arc<Fingerprints>>,
    /// It was found in trouble before it was told in full: nobody waits for it.
    excused: AtomicBool,
}

impl Lane {
    pub(crate) fn new(
        name: String,
        platform: Platform,
        outlets: Outlets,
        prints: Option<Arc<Fingerprints>>,
    ) -> Self {
        Self {
            name,
            platform,
            board: Arc::default(),
            outlets: Mutex::new(Arc::new(outlets)),
            identity: OnceLock::new(),
            full_sync: watch::Sender::new(false),
            prints,
            excused: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.identity.get().map_or(&self.name, |(name, _)| name)
    }

    pub(crate) fn platform(&self) -> &Platform {
        &self.platform
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.platform == Platform::KUBERNETES
    }

    /// Name and identity, once known.
    pub(crate) fn identity(&self) -> Option<(&str, &ClusterId)> {
        let identity = self.identity.get();
        identity.map(|(name, scope)| (name.as_str(), scope))
    }

    pub(crate) fn set_identity(&self, name: String, scope: ClusterId) {
        // Set once: a pipeline runs once.
        self.identity.get_or_init(|| (name, scope));
    }

    pub(crate) fn board(&self) -> &Arc<StatusBoard> {
        &self.board
    }

    pub(crate) fn prints(&self) -> Option<&Arc<Fingerprints>> {
        self.prints.as_ref()
    }

    pub(crate) fn outlets(&self) -> Arc<Outlets> {
        let outlets = self.outlets.lock();
        Arc::clone(&outlets.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_outlets(&self, next: Outlets) {
        let outlets = self.outlets.lock();
        *outlets.unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }

    pub(crate) fn full_sync(&self) -> &watch::Sender<bool> {
        &self.full_sync
    }

    /// Whether every sink has confirmed all of it once.
    pub(crate) fn is_synced(&self) -> bool {
        *self.full_sync.borrow()
    }

    /// Whether it has been told in full, or was found in trouble before that.
    pub(crate) fn is_synced_or_excused(&self) -> bool {
        if self.is_synced() {
            return true;
        }
        let state = self.board.source_snapshot().state;
        if matches!(state, SourceState::BackingOff | SourceState::Failed) {
            // For good: what was ready is not unready because a source is back.
            self.excused.store(true, Ordering::Relaxed);
        }
        self.excused.load(Ordering::Relaxed)
    }
}
