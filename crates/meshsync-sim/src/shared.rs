//! What requests, the in-process API and background tasks share.

use std::{
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use bytes::Bytes;

use crate::{faults::Faults, requests::RequestLog, store::Store};

/// State of one simulator.
#[derive(Debug)]
pub(crate) struct Shared {
    store: RwLock<Store>,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
    pub(crate) bookmark_interval: Duration,
    /// A watch this many changes behind is closed.
    pub(crate) watch_lag_max: u64,
    /// The `/version` document.
    pub(crate) version: Bytes,
}

impl Shared {
    pub(crate) fn new(
        store: Store,
        requests: RequestLog,
        bookmark_interval: Duration,
        watch_lag_max: u64,
        version: Bytes,
    ) -> Self {
        let faults = Faults::default();
        Self {
            store: RwLock::new(store),
            faults,
            requests,
            bookmark_interval,
            watch_lag_max,
            version,
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}
