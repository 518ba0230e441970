//! The lanes that run.

use std::collections::HashMap;
use std::sync::Arc;

use meshsync_informer::source::SourceError;
use meshsync_model::error_chain;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::start::{Settings, Start};
use crate::handle::Handle;
use crate::lane::Lane;

/// A task for each source.
#[derive(Default)]
pub(super) struct Lanes {
    tasks: JoinSet<Result<(), RunError>>,
    lanes: HashMap<Id, Arc<Lane>>,
    is_alone: bool,
}

impl Lanes {
    pub(super) fn start(
        starts: Vec<Start>,
        settings: &Arc<Settings>,
        handle: &Handle,
        halt: &CancellationToken,
    ) -> Self {
        let mut lanes = Self {
            is_alone: settings.is_alone,
            ..Self::default()
        };
        for start in starts {
            let lane = Arc::clone(&start.lane);
            let run = start.run(Arc::clone(settings), handle.clone(), halt.clone());
            let task = lanes.tasks.spawn(run);
            lanes.lanes.insert(task.id(), lane);
        }
        lanes
    }

    /// Waits for the next one to end, and returns how; `None` when none is left. Can
    /// be dropped and called again.
    pub(super) async fn ended(&mut self) -> Option<Result<(), RunError>> {
        let (id, result) = match self.tasks.join_next_with_id().await? {
            Ok(ended) => ended,
            Err(error) => {
                let what = "the source panicked: this is a defect in it";
                let failed = SourceError::configuration(what).because(error.to_string());
                (error.id(), Err(RunError::Source(failed)))
            }
        };
        if let (Err(error), Some(lane)) = (&result, self.lanes.remove(&id)) {
            let text = error_chain(error);
            if !self.is_alone {
                let source = lane.name();
                tracing::error!(source, error = text, "a source has ended; the others go on");
            }
            let failed = SourceError::configuration(text);
            lane.board().source_failed(&failed);
        }
        Some(result)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
