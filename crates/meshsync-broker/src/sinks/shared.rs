//! One sink for the changes of several sources.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// A sink that others give to, too: a batch at a time, whosever it is.
pub struct SharedSink {
    name: String,
    wire: Wire,
    sink: Arc<Mutex<Box<dyn Sink>>>,
}

impl std::fmt::Debug for SharedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SharedSink").field(&self.name).finish()
    }
}

/// Divides a sink among `count`. It is closed with the last of them.
///
/// For sinks that have nothing to do while nothing is published: a sink that is
/// idle in one of them could not publish for another.
pub fn share(sink: Box<dyn Sink>, count: usize) -> Vec<SharedSink> {
    let (name, wire) = (sink.name(), sink.wire());
    let sink = Arc::new(Mutex::new(sink));
    let one = |_| SharedSink {
        name: name.clone(),
        wire,
        sink: Arc::clone(&sink),
    };
    (0..count).map(one).collect()
}

impl Sink for SharedSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(async move { self.sink.lock().await.publish(batch).await })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Those that have closed keep none.
            let closed: Box<dyn Sink> = Box::new(Closed(self.name.clone(), self.wire));
            let sink = std::mem::replace(&mut self.sink, Arc::new(Mutex::new(closed)));
            if let Some(last) = Arc::into_inner(sink) {
                last.into_inner().close().await;
            }
        })
    }
}

/// What is left of a share that has closed.
struct Closed(String, Wire);

impl Sink for Closed {
    fn name(&self) -> String {
        self.0.clone()
    }

    fn wire(&self) -> Wire {
        self.1
    }

    fn publish<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        let sink = self.0.clone();
        Box::pin(async { Err(SinkError::Closed { sink }) })
    }
}
