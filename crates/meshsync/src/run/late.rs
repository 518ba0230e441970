//! Sinks of Meshery messages begin when the cluster is known: what they were given
//! before is remembered under its name.

use std::path::PathBuf;

use meshsync_broker::{Batch, BoxFuture, Published, Sink, SinkError, Wire};
use meshsync_informer::Remembered;
use meshsync_model::ClusterId;
use tokio::sync::oneshot;

use super::RunError;
use super::start::Start;
use crate::memory;
use crate::outlets::Outlets;

/// Puts the sinks of Meshery messages off until the cluster is known, which then
/// learns what they were given before. Of several clusters nothing is remembered:
/// none of them could wait for the others.
pub(super) fn put_off(
    sinks: Vec<Box<dyn Sink>>,
    folder: Option<PathBuf>,
    starts: &mut [Start],
) -> Vec<Box<dyn Sink>> {
    let mut clusters = starts.iter_mut().filter(|start| start.lane.is_cluster());
    let (Some(start), None) = (clusters.next(), clusters.next()) else {
        return sinks;
    };
    let mut memory = Memory {
        folder,
        sinks: Vec::new(),
        opened: Vec::new(),
    };
    let mut outputs: Vec<Box<dyn Sink>> = Vec::new();
    for sink in sinks {
        if sink.wire() != Wire::Meshery {
            outputs.push(sink);
            continue;
        }
        let (give, opened) = oneshot::channel();
        let name = sink.name();
        memory.sinks.push(sink);
        memory.opened.push(give);
        outputs.push(Box::new(LateSink {
            name,
            opened,
            sink: None,
        }));
    }
    start.memory = Some(memory);
    outputs
}

/// What was published before, once it is asked for.
pub(super) struct Memory {
    folder: Option<PathBuf>,
    sinks: Vec<Box<dyn Sink>>,
    opened: Vec<oneshot::Sender<Box<dyn Sink>>>,
}

impl Memory {
    /// Opens the sinks, and says what they were given.
    pub(super) async fn recall(
        self,
        outlets: &Outlets,
        scope: &ClusterId,
    ) -> Result<Vec<Remembered>, RunError> {
        let mut sinks = self.sinks;
        if let Some(folder) = &self.folder {
            sinks = memory::keep(sinks, folder, scope).await?;
        }
        let remembered = memory::recall_all(&mut sinks, outlets, scope).await;
        for (sink, opened) in sinks.into_iter().zip(self.opened) {
            // Where its runner has ended nobody waits for it.
            drop(opened.send(sink));
        }
        Ok(remembered)
    }
}

/// A sink that is opened later. Nothing is given to it before.
struct LateSink {
    name: String,
    opened: oneshot::Receiver<Box<dyn Sink>>,
    sink: Option<Box<dyn Sink>>,
}

impl LateSink {
    async fn opened(&mut self) -> Result<&mut dyn Sink, SinkError> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => (&mut self.opened).await.map_err(|_| SinkError::Closed {
                sink: self.name.clone(),
            })?,
        };
        Ok(&mut **self.sink.insert(sink))
    }
}

impl Sink for LateSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn wire(&self) -> Wire {
        Wire::Meshery
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(async move { self.opened().await?.publish(batch).await })
    }

    fn idle(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match self.opened().await {
                Ok(sink) => sink.idle().await,
                // The next batch meets it, too.
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        match &mut self.sink {
            Some(sink) => sink.close(),
            None => Box::pin(async {}),
        }
    }
}
