//! Changes at a steady rate.

use std::sync::Arc;

use crate::{shared::Shared, tasks::Tasks};

/// A running churn; stops when dropped.
#[derive(Debug)]
pub struct Churn {
    tasks: Tasks,
}
impl Churn {
    /// Ends it and waits.
    pub async fn stop(self) {
        self.tasks.shutdown().await;
    }
}
impl Drop for Churn {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}
pub(crate) fn churn(_shared: Arc<Shared>, _per_second: f64, _seed: u64) -> Churn {
    Churn {
        tasks: Tasks::default(),
    }
}
