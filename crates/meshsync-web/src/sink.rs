//! The store's sink, and who is told what it wrote.

use std::sync::Arc;

use meshsync::store::StoreSink;
use meshsync::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

use crate::feed::Feed;

/// Writes to the store, then tells the page: whoever hears of a change finds it.
#[derive(Debug)]
pub struct TellingSink {
    store: StoreSink,
    feed: Arc<Feed>,
}

impl TellingSink {
    pub(crate) fn new(store: StoreSink, feed: Arc<Feed>) -> Self {
        Self { store, feed }
    }
}

impl Sink for TellingSink {
    fn name(&self) -> String {
        self.store.name()
    }

    fn wire(&self) -> Wire {
        self.store.wire()
    }

    fn expect_sources(&mut self, count: usize) {
        self.store.expect_sources(count);
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(async move {
            let published = self.store.publish(batch).await?;
            self.feed.note(&batch.deliveries);
            Ok(published)
        })
    }

    fn idle(&mut self) -> BoxFuture<'_, ()> {
        self.store.idle()
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.store.close()
    }
}
