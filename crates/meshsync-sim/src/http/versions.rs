//! Waiting for a version that is not there yet.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#unavailable-resource-versions>

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::time::{Instant, timeout_at};

use crate::{
    api::{GroupResource, Status},
    shared::Shared,
};

/// Waits until what serves a request has seen `version`; 504 when that takes too long.
pub(super) async fn wait_for_version(
    shared: &Arc<Shared>,
    gr: &GroupResource,
    verb: &str,
    version: u64,
) -> Result<(), Status> {
    let deadline = Instant::now() + shared.version_wait;
    let _waiting = Waiting::new(shared);
    let mut lags = shared.faults.lag_changes();
    let mut versions = shared.read().versions();
    loop {
        let seen = seen(shared, gr, verb);
        if version <= seen {
            return Ok(());
        }
        let changed = async {
            tokio::select! {
                _ = lags.changed() => {}
                _ = versions.changed() => {}
            }
        };
        if timeout_at(deadline, changed).await.is_err() {
            return Err(Status::rv_too_large(version, seen));
        }
    }
}

/// Counts one who waits, for as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        Self(&shared.waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The newest version that what serves a request has seen: that of the cluster, unless it lags.
pub(super) fn seen(shared: &Shared, gr: &GroupResource, verb: &str) -> u64 {
    let current = shared.read().rv;
    shared
        .faults
        .lag(gr, verb)
        .map_or(current, |lag| lag.min(current))
}
