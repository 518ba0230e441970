//! The port that sinks implement.

use meshsync_model::ClusterId;

use crate::sinks::PublishedObject;
use crate::{Batch, SinkError};

/// A boxed future, so that the trait can be used as an object.
pub type BoxFuture<'a, T> = futures::future::BoxFuture<'a, T>;

/// The format in which a sink wants its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// One record: [`meshsync_model::wire::record`].
    Record,
    /// The object alone, as a record carries it; identity alone for a delete
    /// whose last state is not known; empty for [`EventType::Synced`].
    ///
    /// [`EventType::Synced`]: meshsync_model::EventType::Synced
    Object,
    /// One Meshery message: [`meshsync_model::wire::meshery`]; empty for
    /// [`EventType::Synced`](meshsync_model::EventType::Synced).
    Meshery,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Published {
    /// Deliveries that this sink can never take. Everything else is confirmed.
    pub rejected: Vec<Rejected>,
    /// Deliveries of which parts were cut, since they were too large as a whole.
    pub cut: Vec<Cut>,
    /// The sink found that it has lost something it had confirmed before:
    /// everything has to be given to it once more.
    pub lost: bool,
    /// What did not work beside the deliveries, why, and what to do about it: it
    /// is logged and shows as the sink's last error.
    pub trouble: Option<String>,
}

/// A delivery of which only parts were published.
#[derive(Debug)]
pub struct Cut {
    /// Its place in the batch.
    pub at: usize,
    /// What is missing and why, and what to do about it.
    pub reason: String,
}

/// A delivery that a sink can never take.
#[derive(Debug)]
pub struct Rejected {
    /// Its place in the batch.
    pub at: usize,
    /// Why, and what to do about it.
    pub reason: String,
}

/// Somewhere changes go.
///
/// An implementation
///
/// - MUST publish the deliveries of a batch in their order, per object at least;
/// - MUST return `Ok` only when everything but the rejected is confirmed as far
///   as the sink promises anything: after that it is not sent again;
/// - MUST tolerate that a batch that failed is given again, in whole, after
///   parts of it had arrived;
/// - MUST return within bounded time; a connection that is down is an error to
///   return ([`SinkError::is_retryable`]), not one to wait for;
/// - SHOULD connect when it is first given something, and again after an error.
///
/// Its runner calls it from one task; it needs no locks.
pub trait Sink: Send + 'static {
    /// Name for status and logs: the URL without credentials.
    fn name(&self) -> String;

    /// The format it wants.
    fn wire(&self) -> Wire;

    /// Says which objects of a cluster it was given by processes before this one and
    /// still has, where it remembers. Called before anything is given to it, again
    /// after an error; what of it is no longer there is given to it as deleted.
    fn recall<'a>(
        &'a mut self,
        _scope: &'a ClusterId,
    ) -> BoxFuture<'a, Result<Vec<PublishedObject>, SinkError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// How many sources give to it, where that is more than one; each batch is of
    /// one of them. Called before anything is published.
    fn expect_sources(&mut self, count: usize) {
        let _ = count;
    }

    /// Publishes a batch.
    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>>;

    /// Does what a sink has to do while there is nothing to publish; completes
    /// when it has lost something it had confirmed, so that everything has to be
    /// given to it once more. Dropped half-way when there is something to publish.
    fn idle(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Ends in good order; everything given before was confirmed or given up. Cut
    /// off after two seconds.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
