//! Watching single resources beside the plan, for what they say and not for the
//! sinks.

use std::future::pending;
use std::sync::Arc;

use meshsync_discovery::{Catalog, Depth, NamespaceSelection, View, WatchPlan};
use meshsync_model::{
    Change, ClusterId, Context, Deleted, Object, ObjectRef, Resource, ResourceId,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::Connection;
use crate::pace::Pacer;
use crate::picture::{Estate, Graves};
use crate::status::StatusBoard;
use crate::task::{End, Orders, Setup, Task, orders};
use crate::timing::Timing;
use crate::traffic::Traffic;
use crate::{Deliver, Room, SinkSet};

/// A resource that is watched for what it says, whether it is observed or not.
pub struct Tap {
    /// The resource by its names, the best first: the first that is served is
    /// watched.
    pub resources: Vec<ResourceId>,
    /// Objects of these namespaces.
    pub namespaces: NamespaceSelection,
    /// How much of them.
    pub depth: Depth,
    /// Not while the plan observes it: then its changes reach the fleet anyway.
    pub unless_planned: bool,
    /// Makes who is told; once each time the resource appears.
    pub listen: Box<dyn FnMut() -> Box<dyn Listener> + Send>,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap")
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// Who is told of a [`Tap`]'s objects. Called from the resource's task: anything
/// that takes time belongs elsewhere.
pub trait Listener: Send {
    /// A state of an object.
    fn state(&mut self, context: &Context<'_>, object: &Object<'_>);
    /// An object is gone, or the resource is.
    fn gone(&mut self, object: ObjectRef<'_>);
}

/// The taps of a fleet, each with its task while its resource is served.
#[derive(Debug, Default)]
pub(super) struct Taps {
    taps: Vec<Tapped>,
    tasks: JoinSet<End>,
    board: Arc<StatusBoard>,
}

#[derive(Debug)]
struct Tapped {
    tap: Tap,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    resource: Resource,
    retire: CancellationToken,
    /// Kept: a task ends when nobody can give it orders.
    _orders: Orders,
}

/// What the tasks of taps share with those of the fleet.
pub(super) struct Shared<'a> {
    pub(super) connection: &'a Connection,
    pub(super) scope: &'a ClusterId,
    pub(super) watch_list: bool,
    pub(super) timing: &'a Timing,
    pub(super) pacer: &'a Arc<Pacer>,
    pub(super) hint: &'a Arc<Notify>,
    pub(super) stop: &'a CancellationToken,
    pub(super) traffic: &'a Arc<Traffic>,
}

impl Taps {
    pub(super) fn new(taps: Vec<Tap>) -> Self {
        let tapped = |tap| Tapped { tap, running: None };
        Self {
            taps: taps.into_iter().map(tapped).collect(),
            ..Self::default()
        }
    }

    /// One more.
    pub(super) fn add(&mut self, tap: Tap) {
        self.taps.push(Tapped { tap, running: None });
    }

    /// Watches nothing any more.
    pub(super) fn retire(&mut self) {
        for running in self.taps.drain(..).filter_map(|tapped| tapped.running) {
            running.retire.cancel();
        }
    }

    /// Follows what is served and planned now.
    pub(super) fn follow(&mut self, catalog: &Catalog, plan: &WatchPlan, shared: &Shared<'_>) {
        // Tasks that have ended are let go.
        while self.tasks.try_join_next().is_some() {}
        for tapped in &mut self.taps {
            let tap = &mut tapped.tap;
            let found = tap.resources.iter().find_map(|id| catalog.find(id));
            let wanted = found
                .map(|served| &served.resource)
                .filter(|resource| resource.listable && resource.watchable)
                .filter(|resource| !tap.unless_planned || plan.find(&resource.id()).is_none());
            let same = tapped.running.as_ref().map(|running| &running.resource) == wanted;
            if same {
                continue;
            }
            if let Some(running) = tapped.running.take() {
                running.retire.cancel();
            }
            if let Some(resource) = wanted {
                let deliver = Told((tap.listen)());
                let mut view = View::default();
                view.namespaces.clone_from(&tap.namespaces);
                view.depth = tap.depth.of(resource);
                let (give, ordered) = orders(view);
                let retire = CancellationToken::new();
                let shared_resource = Arc::new(resource.clone());
                let task = Task::new(Setup {
                    client: shared.connection.client.clone(),
                    status: self.board.enter_counted(&shared_resource, shared.traffic),
                    resource: shared_resource,
                    scope: shared.scope.clone(),
                    ordered,
                    deliver,
                    watch_list: shared.watch_list,
                    pacer: Arc::clone(shared.pacer),
                    turn: None,
                    discover: Some(Arc::clone(shared.hint)),
                    stop: shared.stop.clone(),
                    retire: retire.clone(),
                    unselected: CancellationToken::new(),
                    hand_over: CancellationToken::new(),
                    part: CancellationToken::new(),
                    graves: Graves::new(),
                    estate: Estate::default(),
                    refused: None,
                    delay: std::time::Duration::ZERO,
                    timing: shared.timing.clone(),
                    verify: None,
                });
                self.tasks.spawn(task.run());
                tapped.running = Some(Running {
                    resource: resource.clone(),
                    retire,
                    _orders: give,
                });
            }
        }
    }

    /// Waits for all of them to end, after they were stopped.
    pub(super) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// A listener as the only sink, which takes everything.
struct Told(Box<dyn Listener>);

impl Deliver for Told {
    type Room = Always;

    fn sinks(&self) -> SinkSet {
        SinkSet::one(0)
    }

    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        _given: SinkSet,
    ) -> SinkSet {
        self.0.state(context, object);
        to
    }

    fn delete(&mut self, _: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        self.0.gone(match &deleted {
            Deleted::Last(object) => object.object_ref(),
            Deleted::Partial(object) => *object,
        });
        to
    }

    fn synced(&mut self, _: &Context<'_>, _: &Change<'_>, _: SinkSet) {}

    fn room(&self) -> Always {
        Always
    }
}

/// There is always room.
struct Always;

impl Room for Always {
    async fn free(&mut self) {}

    fn reachable(&self) -> SinkSet {
        SinkSet::one(0)
    }

    async fn again(&mut self) {
        pending().await
    }
}
