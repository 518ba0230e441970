//! The namespaces of a resource, each observed on its own, as one resource for the
//! sinks: it is in sync when all of them are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshsync_model::{Change, Context, Deleted, Object, ObjectRef};

use crate::status::ResourceStatus;
use crate::{Deliver, SinkSet};

/// Who has said of which namespace that it is in sync.
#[derive(Debug, Default)]
pub(super) struct Together(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Nothing that is wanted is out of sight: only then may a sink take what it
    /// was not shown for gone.
    complete: bool,
    namespaces: HashMap<String, Told>,
}

#[derive(Debug, Default)]
struct Told {
    sinks: SinkSet,
    objects: u64,
}

impl Together {
    pub(super) fn set_complete(&self, complete: bool) {
        self.state().complete = complete;
    }

    pub(super) fn enter(&self, namespace: &str) {
        let told = Told::default();
        self.state().namespaces.insert(namespace.to_owned(), told);
    }

    pub(super) fn leave(&self, namespace: &str) {
        self.state().namespaces.remove(namespace);
    }

    /// A namespace is in sync for these sinks: the sinks for which all are, and how
    /// many objects there are in all.
    fn told(&self, namespace: &str, objects: u64, sinks: SinkSet) -> (SinkSet, u64) {
        let mut state = self.state();
        if let Some(told) = state.namespaces.get_mut(namespace) {
            told.sinks = told.sinks.with(sinks);
            told.objects = objects;
        }
        if !state.complete {
            return (SinkSet::NONE, 0);
        }
        let all = state.namespaces.values();
        all.fold((sinks, 0), |(sinks, objects), told| {
            (sinks.and(told.sinks), objects + told.objects)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of one namespace's changes to the sinks.
pub(super) struct OfNamespace<D> {
    pub(super) deliver: D,
    pub(super) namespace: String,
    pub(super) together: Arc<Together>,
    /// Of the resource as a whole.
    pub(super) status: Arc<ResourceStatus>,
}

impl<D: Deliver> Deliver for OfNamespace<D> {
    type Room = D::Room;

    fn sinks(&self) -> SinkSet {
        self.deliver.sinks()
    }

    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet {
        self.deliver.state(context, object, to, given)
    }

    fn gone(&mut self, context: &Context<'_>, object: ObjectRef<'_>) {
        self.deliver.gone(context, object);
    }

    fn delete(&mut self, context: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        self.deliver.delete(context, deleted, to)
    }

    fn synced(&mut self, context: &Context<'_>, change: &Change<'_>, to: SinkSet) {
        let Change::Synced {
            objects,
            resource_version,
        } = change
        else {
            return self.deliver.synced(context, change, to);
        };
        let (to, objects) = self.together.told(&self.namespace, *objects, to);
        if to.is_empty() {
            return;
        }
        let change = Change::Synced {
            objects,
            resource_version,
        };
        self.deliver.synced(context, &change, to);
        self.status.settle(true);
    }

    fn room(&self) -> D::Room {
        self.deliver.room()
    }
}
