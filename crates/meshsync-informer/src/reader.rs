//! Somebody who wants to see every object once more.

use futures::future::BoxFuture;
use meshsync_model::{Context, Object};

/// Is shown every object of one resource, read again in pages beside its watch.
///
/// An object is shown only in the state that the ledger knows: one that changed
/// or vanished since has its own change, told to the sinks in its turn. So what
/// a reader does with a state at once, in [`Reader::object`] or
/// [`Reader::flush`], is done before any later change of that object is told.
///
/// It is dropped when there is no more to see, or when reading failed for good.
pub trait Reader: Send {
    /// An object as it is.
    fn object(&mut self, context: &Context<'_>, object: &Object<'_>);

    /// Namespace and name of the one object it wants to see; all of them unless told.
    /// That one is asked for by name, once.
    fn only(&self) -> Option<(Option<&str>, &str)> {
        None
    }

    /// Nothing is shown for a while: whatever waits must be handed on now.
    fn flush(&mut self);

    /// Waits until more can be shown; for as long as it takes, within reason.
    /// Can be dropped half-way.
    fn ready(&mut self) -> BoxFuture<'_, ()>;
}
