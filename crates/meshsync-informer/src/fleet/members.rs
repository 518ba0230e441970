//! A resource of the plan: its task, and those of single namespaces where it may
//! not be observed as a whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use meshsync_discovery::{NamespaceSelection, View};
use meshsync_model::{Resource, ResourceId};
use tokio_util::sync::CancellationToken;

use super::together::Together;
use crate::picture::Estate;
use crate::status::ResourceStatus;
use crate::task::{End, Orders, Permit};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Member {
    retire: CancellationToken,
    pub(super) unselected: CancellationToken,
    pub(super) hand_over: CancellationToken,
    pub(super) orders: Orders,
    pub(super) status: Arc<ResourceStatus>,
    /// What happens when all its tasks have ended.
    pub(super) after: After,
    /// The tasks of its namespaces. While there are any, its own task only keeps
    /// what is not seen.
    pub(super) parts: HashMap<String, Part>,
    pub(super) together: Arc<Together>,
    /// Objects are on their way to new tasks.
    pub(super) is_parting: bool,
    /// Its own task has ended.
    pub(super) has_ended: bool,
    /// What tasks that have ended left behind.
    pub(super) left: End,
    /// The last survey said that it is not permitted as a whole.
    pub(super) is_refused: bool,
    /// Everything may be observed: namespaces' tasks end, and its own takes over.
    is_whole_again: bool,
}

/// The task of one namespace.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) retire: CancellationToken,
    pub(super) unselected: CancellationToken,
    pub(super) part: CancellationToken,
    pub(super) orders: Orders,
}

/// What follows when a resource's tasks have ended.
#[derive(Debug, Default)]
pub(super) enum After {
    #[default]
    Nothing,
    /// What takes its place.
    Start(Resource),
    /// It starts over after a while.
    Restart(Duration),
}

/// A task has answered that it gives objects away; or not, where it could go on.
pub(super) struct Parted {
    pub(super) id: ResourceId,
    pub(super) namespaces: HashSet<String>,
    pub(super) parts: Option<HashMap<String, Estate>>,
}

impl Member {
    pub(super) fn new(
        (retire, unselected, hand_over): (CancellationToken, CancellationToken, CancellationToken),
        orders: Orders,
        status: Arc<ResourceStatus>,
    ) -> Self {
        Self {
            retire,
            unselected,
            hand_over,
            orders,
            status,
            after: After::Nothing,
            parts: HashMap::new(),
            together: Arc::default(),
            is_parting: false,
            has_ended: false,
            left: End::default(),
            is_refused: false,
            is_whole_again: false,
        }
    }

    /// The resource leaves the plan, all of its tasks.
    pub(super) fn retire(&self) {
        self.retire.cancel();
        for part in self.parts.values() {
            part.retire.cancel();
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.retire.is_cancelled() || self.is_whole_again
    }

    /// Observes other objects. Namespaces that are not wanted any more leave.
    pub(super) fn view(&self, view: &View) {
        self.orders.view(view.clone());
        for (namespace, part) in &self.parts {
            if view.namespaces.contains(Some(namespace)) {
                part.orders.view(view_of(view, namespace));
            } else {
                part.unselected.cancel();
                part.retire.cancel();
            }
        }
    }

    /// Of its task, or of its namespaces' tasks where there are any.
    pub(super) fn all_orders(&self) -> impl Iterator<Item = &Orders> {
        let own = self.parts.is_empty().then_some(&self.orders);
        let parts = self.parts.values().map(|part| &part.orders);
        own.into_iter().chain(parts)
    }

    /// Everything may be observed: the namespaces' tasks give back what they know.
    pub(super) fn join_parts(&mut self) {
        self.is_whole_again = true;
        for part in self.parts.values() {
            part.part.cancel();
            part.retire.cancel();
        }
    }

    /// The task of a namespace has ended, or its own.
    pub(super) fn ended(&mut self, namespace: Option<&str>, end: End) {
        match namespace {
            Some(namespace) => {
                self.parts.remove(namespace);
                self.status.leave_part(namespace);
                self.together.leave(namespace);
            }
            None => self.has_ended = true,
        }
        self.left.graves.extend(end.graves);
        self.left.estate.join(end.estate);
    }

    /// Its own task is to start over: with what the others know.
    pub(super) fn restart(&mut self, delay: Duration) {
        if !self.retire.is_cancelled() {
            self.after = After::Restart(delay);
            self.join_parts();
        }
    }

    /// What ended tasks of namespaces knew goes back to its own.
    pub(super) fn take_back(&mut self) {
        let estate = std::mem::take(&mut self.left.estate);
        let whole = std::mem::take(&mut self.is_whole_again);
        if !whole && estate.is_empty() {
            return;
        }
        let permit = match whole {
            true => Permit::Resume(estate),
            false => Permit::Keep(estate),
        };
        // It hears when it has heard what it was told before.
        if let Err(Permit::Resume(estate) | Permit::Keep(estate)) = self.orders.permit(permit) {
            self.left.estate = estate;
            self.is_whole_again = whole;
        }
    }

    /// The same, where it did not hear.
    pub(super) fn take_back_later(&mut self) {
        if self.parts.is_empty() && !self.has_ended {
            self.take_back();
        }
    }
}

/// What is observed of one namespace.
pub(super) fn view_of(view: &View, namespace: &str) -> View {
    let mut view = view.clone();
    // It is one that a namespace has, so that it is one that it may have.
    view.namespaces = NamespaceSelection::only([namespace]).unwrap_or_default();
    view
}
