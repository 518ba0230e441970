//! How much is asked of an API server at once.
//!
//! - [`Pace`]: the limits.
//! - `gate`: how many lists run at once, and who is next.
//! - `limit`: fewer of them when the server is in trouble, more when it is not.
//! - `bucket`: how much a second.
//! - `order`: what is asked for first.

mod bucket;
mod config;
mod gate;
mod limit;
mod order;

pub use config::Pace;
pub(crate) use gate::{Gate, Pass, Ticket};
pub(crate) use order::{Rank, rank};

/// The limits at work, shared by all tasks of a fleet.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// How many lists run at once.
    pub(crate) gate: std::sync::Arc<Gate>,
    requests: Option<bucket::Bucket>,
    bytes: Option<bucket::Bucket>,
    /// The server has refused to stream lists.
    no_streamed_lists: std::sync::atomic::AtomicBool,
}

impl Pacer {
    pub(crate) fn new(pace: &Pace) -> Self {
        Self {
            gate: std::sync::Arc::new(Gate::new(pace.lists_max.max(1))),
            requests: pace.requests_per_second.map(bucket::Bucket::new),
            bytes: pace.bytes_per_second.map(bucket::Bucket::new),
            no_streamed_lists: false.into(),
        }
    }

    /// Whether the server may be asked to stream lists.
    pub(crate) fn streams_lists(&self) -> bool {
        !self
            .no_streamed_lists
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn no_streamed_lists(&self) {
        let ordering = std::sync::atomic::Ordering::Relaxed;
        self.no_streamed_lists.store(true, ordering);
    }

    /// Waits until one more request may be made.
    pub(crate) async fn request(&self) {
        if let Some(requests) = &self.requests {
            requests.take(1).await;
        }
    }

    /// Waits until more of a list may be read, after so many bytes of one.
    pub(crate) async fn bytes(&self, bytes: usize) {
        if let Some(limit) = &self.bytes {
            limit.take(bytes as u64).await;
        }
    }
}
