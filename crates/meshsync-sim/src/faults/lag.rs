//! A replica whose watch cache has fallen behind.

use tokio::sync::watch;

use super::{FaultScope, Faults};
use crate::api::GroupResource;

/// Where replicas stand still: scope, and the version they stand at.
pub(crate) type Lags = Vec<(FaultScope, u64)>;

impl Faults {
    pub(crate) fn lag_at(&self, scope: FaultScope, version: u64) {
        self.lags.send_modify(|lags| lags.push((scope, version)));
    }

    /// Lets every lagging replica catch up at once.
    pub fn catch_up(&self) {
        self.lags.send_modify(Vec::clear);
    }

    /// The version at which what serves this request stands still.
    pub(crate) fn lag(&self, gr: &GroupResource, verb: &str) -> Option<u64> {
        let lags = self.lags.borrow();
        let covers = |(scope, _): &&(FaultScope, u64)| scope.covers(gr, verb);
        lags.iter().rfind(covers).map(|(_, version)| *version)
    }

    pub(crate) fn lag_changes(&self) -> watch::Receiver<Lags> {
        self.lags.subscribe()
    }
}
