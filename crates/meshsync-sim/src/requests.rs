//! A bounded log of the requests served, for tests to assert on.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use crate::api::GroupResource;

/// One request and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Raw query; empty when there is none.
    pub query: String,
    /// Verb as authorisation sees it: `get`, `list`, `watch`, `create`, ...; for paths that are no
    /// resource the HTTP method in lower case.
    pub verb: String,
    /// The resource; `None` for discovery, version and the like.
    pub resource: Option<GroupResource>,
    /// Subresource; empty when absent.
    pub subresource: String,
    /// Namespace; empty for the cluster scope.
    pub namespace: String,
    /// Name; empty for collections.
    pub name: String,
    /// Status code of the answer.
    pub status: u16,
    /// `User-Agent`; empty when absent.
    pub user_agent: String,
    /// `Accept`; empty when absent.
    pub accept: String,
    /// Who asked, for example `system:serviceaccount:default:reader`; empty when the token was
    /// refused.
    pub user: String,
    /// When the request arrived.
    pub started: SystemTime,
    /// Bytes of the body sent so far.
    pub bytes: u64,
    /// From the arrival to the end of the body; `None` while it is being sent.
    pub took: Option<Duration>,
}

impl LoggedRequest {
    /// Whether this was a watch.
    pub fn is_watch(&self) -> bool {
        self.verb == "watch"
    }

    /// The value of a query parameter as it was sent, not decoded.
    pub fn query_value(&self, key: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name == key).then_some(value)
        })
    }
}

/// What is still being counted of a request.
#[derive(Debug)]
struct Progress {
    arrived: Instant,
    bytes: AtomicU64,
    took: OnceLock<Duration>,
}

/// Counts the body of one answer; the answer ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Meter(Arc<Progress>);

impl Meter {
    pub(crate) fn start() -> Self {
        Self(Arc::new(Progress {
            arrived: Instant::now(),
            bytes: AtomicU64::new(0),
            took: OnceLock::new(),
        }))
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.0.took.get_or_init(|| self.0.arrived.elapsed());
    }
}

/// The newest requests, oldest first.
#[derive(Debug)]
pub struct RequestLog {
    ring: Mutex<VecDeque<(LoggedRequest, Arc<Progress>)>>,
    limit: usize,
}

impl RequestLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            ring: Mutex::default(),
            limit: limit.max(1),
        }
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<(LoggedRequest, Arc<Progress>)>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, request: LoggedRequest, meter: &Meter) {
        let mut ring = self.ring();
        if ring.len() >= self.limit {
            ring.pop_front();
        }
        ring.push_back((request, Arc::clone(&meter.0)));
    }

    /// A copy of the log, oldest first.
    pub fn all(&self) -> Vec<LoggedRequest> {
        self.ring().iter().map(now).collect()
    }

    /// The logged requests `wanted` accepts, oldest first.
    pub fn matching(&self, wanted: impl Fn(&LoggedRequest) -> bool) -> Vec<LoggedRequest> {
        self.ring().iter().map(now).filter(wanted).collect()
    }

    /// How many logged requests `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&LoggedRequest) -> bool) -> usize {
        self.ring()
            .iter()
            .map(now)
            .filter(|request| wanted(request))
            .count()
    }

    /// Forgets everything logged so far.
    pub fn clear(&self) {
        self.ring().clear();
    }
}

/// A request with what has been counted of it so far.
fn now((request, progress): &(LoggedRequest, Arc<Progress>)) -> LoggedRequest {
    LoggedRequest {
        bytes: progress.bytes.load(Ordering::Relaxed),
        took: progress.took.get().copied(),
        ..request.clone()
    }
}
