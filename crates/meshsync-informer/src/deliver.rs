//! The port through which a resource's task hands on its changes.

use std::future::Future;

use meshsync_model::{Change, Context, Deleted, Object, ObjectRef};

use crate::SinkSet;

/// Where the changes of resources go: a row of sinks, each with its own outbox.
///
/// Offering never waits. Waiting is a question of its own, asked only during
/// initial lists and repairs.
pub trait Deliver: Send {
    /// All sinks.
    fn sinks(&self) -> SinkSet;

    /// Offers the latest state of an object to the sinks of `to`, as added to
    /// those that are not in `given` and as modified to those that are. Returns
    /// the sinks that took it.
    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet;

    /// Offers a delete to the sinks of `to`. Returns those that need no more
    /// telling.
    fn delete(&mut self, context: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet;

    /// Hears that an object has left the picture, whatever sinks are told of it.
    fn gone(&mut self, _context: &Context<'_>, _object: ObjectRef<'_>) {}

    /// Tells the sinks of `to` that they have been given all of a resource.
    fn synced(&mut self, context: &Context<'_>, change: &Change<'_>, to: SinkSet);

    /// How this row of sinks waits for room.
    type Room: Room;

    /// A way to wait for room, independent of the borrow of this value.
    fn room(&self) -> Self::Room;
}

/// Waiting for room in the outboxes of a row of sinks. Both waits can be dropped
/// half-way.
pub trait Room: Send {
    /// Waits until every sink that can be reached has room.
    fn free(&mut self) -> impl Future<Output = ()> + Send;

    /// The sinks that can be reached: only they can be given what they lack.
    fn reachable(&self) -> SinkSet;

    /// The sinks that lost what they had been given, since the last call: they have
    /// to be given everything again. [`Room::again`] completes when there are any.
    fn lost(&mut self) -> SinkSet {
        SinkSet::NONE
    }

    /// Waits until a sink that refused something since the last call may take it
    /// now.
    fn again(&mut self) -> impl Future<Output = ()> + Send;
}
