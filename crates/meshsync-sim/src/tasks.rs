//! The only place that spawns: every task belongs to a tracker and is awaited on stop.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Owner of tasks that end when told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Cancelled when the owner stops.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.tracker.spawn(task));
    }

    /// Tells all tasks to end and waits for them.
    pub(crate) async fn shutdown(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Tells all tasks to end without waiting.
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }
}

/// Lets hyper run its HTTP/2 streams on the same owner.
impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.tracker.spawn(future));
    }
}
