//! The runners of all sinks.

use std::collections::HashMap;
use std::sync::Arc;

use meshsync_broker::{Sink, SinkError, run_sink};
use meshsync_model::error_chain;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::outlets::SinkRow;

/// The runners of all sinks.
#[derive(Default)]
pub(super) struct Sinks {
    runners: JoinSet<Result<(), SinkError>>,
    names: HashMap<tokio::task::Id, String>,
}

impl Sinks {
    pub(super) fn start(
        sinks: Vec<Box<dyn Sink>>,
        rows: &[SinkRow],
        abandon: &CancellationToken,
    ) -> Self {
        let mut running = Self::default();
        for (mut sink, row) in sinks.into_iter().zip(rows) {
            if row.outlets.len() > 1 {
                sink.expect_sources(row.outlets.len());
            }
            let outlets = row.outlets.iter().map(Arc::clone).collect::<Vec<_>>();
            let abandon = abandon.clone();
            let name = row.status.name().to_owned();
            let runner = async move { run_sink(sink, &outlets, abandon.cancelled_owned()).await };
            let runner = running.runners.spawn(runner);
            running.names.insert(runner.id(), name);
        }
        running
    }

    /// Waits for the next runner to end and returns how; `None` when none is
    /// left. Can be dropped and called again.
    pub(super) async fn ended(&mut self) -> Option<Result<(), SinkError>> {
        let (id, result) = match self.runners.join_next_with_id().await? {
            Ok((id, result)) => (id, Ok(result)),
            Err(panic) => (panic.id(), Err(panic)),
        };
        let sink = self.names.remove(&id).unwrap_or_default();
        Some(match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let cause = error_chain(&error);
                tracing::warn!(sink, error = %cause, "a sink is closed; the others go on");
                Err(error)
            }
            Err(error) => {
                tracing::error!(sink, %error, "a sink panicked and is closed; the others go on");
                let source = error.into();
                Err(SinkError::Broken { sink, source })
            }
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runners.is_empty()
    }
}
