//! The way to the sinks without its type, so that the port is one type.

use futures::future::BoxFuture;
use meshsync_model::{Change, Context, Deleted, Object, ObjectRef};

use crate::{Deliver, Room, SinkSet};

/// A [`Deliver`] of whatever type.
pub struct BoxDeliver(Box<dyn AnyDeliver>);

/// A [`Room`] of whatever type.
pub struct BoxRoom(Box<dyn AnyRoom>);

impl std::fmt::Debug for BoxDeliver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoxDeliver(..)")
    }
}

impl std::fmt::Debug for BoxRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoxRoom(..)")
    }
}

impl BoxDeliver {
    /// Any way to the sinks.
    pub fn new(deliver: impl Deliver + 'static) -> Self {
        Self(Box::new(deliver))
    }
}

impl Deliver for BoxDeliver {
    type Room = BoxRoom;

    fn sinks(&self) -> SinkSet {
        self.0.sinks()
    }

    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet {
        self.0.state(context, object, to, given)
    }

    fn delete(&mut self, context: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        self.0.delete(context, deleted, to)
    }

    fn gone(&mut self, context: &Context<'_>, object: ObjectRef<'_>) {
        self.0.gone(context, object);
    }

    fn synced(&mut self, context: &Context<'_>, change: &Change<'_>, to: SinkSet) {
        self.0.synced(context, change, to);
    }

    fn room(&self) -> BoxRoom {
        self.0.any_room()
    }
}

impl Room for BoxRoom {
    async fn free(&mut self) {
        self.0.any_free().await;
    }

    fn reachable(&self) -> SinkSet {
        self.0.any_reachable()
    }

    fn lost(&mut self) -> SinkSet {
        self.0.any_lost()
    }

    async fn again(&mut self) {
        self.0.any_again().await;
    }
}

trait AnyDeliver: Send {
    fn sinks(&self) -> SinkSet;
    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet;
    fn delete(&mut self, context: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet;
    fn gone(&mut self, context: &Context<'_>, object: ObjectRef<'_>);
    fn synced(&mut self, context: &Context<'_>, change: &Change<'_>, to: SinkSet);
    fn any_room(&self) -> BoxRoom;
}

impl<D: Deliver> AnyDeliver for D
where
    D::Room: 'static,
{
    fn sinks(&self) -> SinkSet {
        Deliver::sinks(self)
    }

    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet {
        Deliver::state(self, context, object, to, given)
    }

    fn delete(&mut self, context: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        Deliver::delete(self, context, deleted, to)
    }

    fn gone(&mut self, context: &Context<'_>, object: ObjectRef<'_>) {
        Deliver::gone(self, context, object);
    }

    fn synced(&mut self, context: &Context<'_>, change: &Change<'_>, to: SinkSet) {
        Deliver::synced(self, context, change, to);
    }

    fn any_room(&self) -> BoxRoom {
        BoxRoom(Box::new(Deliver::room(self)))
    }
}

trait AnyRoom: Send {
    fn any_free(&mut self) -> BoxFuture<'_, ()>;
    fn any_reachable(&self) -> SinkSet;
    fn any_lost(&mut self) -> SinkSet;
    fn any_again(&mut self) -> BoxFuture<'_, ()>;
}

impl<R: Room> AnyRoom for R {
    fn any_free(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.free())
    }

    fn any_reachable(&self) -> SinkSet {
        self.reachable()
    }

    fn any_lost(&mut self) -> SinkSet {
        self.lost()
    }

    fn any_again(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.again())
    }
}
