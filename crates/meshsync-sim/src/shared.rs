//! What requests, the in-process API and background tasks share.

use std::{
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    auth::{Authorizer, Users},
    faults::Faults,
    http::Tls,
    requests::RequestLog,
    store::Store,
};

/// State of one simulator.
#[derive(Debug)]
pub(crate) struct Shared {
    store: RwLock<Store>,
    pub(crate) faults: Faults,
    pub(crate) users: Users,
    pub(crate) authorizer: Authorizer,
    /// Present when the server speaks TLS.
    pub(crate) tls: Option<Tls>,
    pub(crate) requests: RequestLog,
    pub(crate) bookmark_interval: Duration,
    /// A watch this many changes behind is closed.
    pub(crate) watch_lag_max: u64,
    /// The time by which ages are told; that of the machine unless given.
    pub(crate) clock: Option<Timestamp>,
    /// How long a request waits for a version from the future.
    pub(crate) version_wait: Duration,
    /// Requests that wait for one.
    pub(crate) waiting: AtomicUsize,
    /// Whether managedFields are left out for those who ask for that.
    pub(crate) drops_managed_fields: bool,
    /// The `/version` document.
    pub(crate) version: Bytes,
}

/// What a simulator does the same way from start to end.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) request_log: usize,
    pub(crate) bookmark_interval: Duration,
    pub(crate) watch_lag_max: u64,
    pub(crate) version: Bytes,
    pub(crate) rbac: bool,
    pub(crate) clock: Option<Timestamp>,
    pub(crate) version_wait: Duration,
    pub(crate) drops_managed_fields: bool,
    pub(crate) tls: Option<Tls>,
}

impl Shared {
    pub(crate) fn new(store: Store, settings: Settings) -> Self {
        Self {
            store: RwLock::new(store),
            faults: Faults::default(),
            users: Users::default(),
            authorizer: Authorizer::new(settings.rbac),
            tls: settings.tls,
            requests: RequestLog::new(settings.request_log),
            bookmark_interval: settings.bookmark_interval,
            watch_lag_max: settings.watch_lag_max,
            waiting: AtomicUsize::new(0),
            clock: settings.clock,
            version_wait: settings.version_wait,
            drops_managed_fields: settings.drops_managed_fields,
            version: settings.version,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(Timestamp::now)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}
