//! A bounded log of the requests served, for tests to assert on.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

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
    /// Status code of the answer.
    pub status: u16,
    /// `User-Agent`; empty when absent.
    pub user_agent: String,
    /// `Accept`; empty when absent.
    pub accept: String,
    /// Who asked, for example `system:serviceaccount:default:reader`; empty when the token was
    /// refused.
    pub user: String,
}

impl LoggedRequest {
    /// Whether this was a watch.
    pub fn is_watch(&self) -> bool {
        self.query
            .split('&')
            .any(|pair| matches!(pair, "watch=1" | "watch=true"))
    }
}

/// The newest requests, oldest first.
#[derive(Debug)]
pub struct RequestLog {
    ring: Mutex<VecDeque<LoggedRequest>>,
    limit: usize,
}

impl RequestLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            ring: Mutex::default(),
            limit: limit.max(1),
        }
    }

    pub(crate) fn push(&self, request: LoggedRequest) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() >= self.limit {
            ring.pop_front();
        }
        ring.push_back(request);
    }

    /// A copy of the log, oldest first.
    pub fn all(&self) -> Vec<LoggedRequest> {
        self.ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// How many logged requests `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&LoggedRequest) -> bool) -> usize {
        self.ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|r| wanted(r))
            .count()
    }

    /// Forgets everything logged so far.
    pub fn clear(&self) {
        self.ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
