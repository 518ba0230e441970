//! What a task is told from outside while it runs.

use std::collections::{HashMap, HashSet};

use meshsync_discovery::View;
use tokio::sync::{mpsc, oneshot, watch};

use crate::Reader;
use crate::picture::Estate;

/// So many readers may wait for one resource.
const READERS_MAX: usize = 8;

/// So many orders about what is permitted may wait: one a survey, and a survey
/// waits for the one before.
const PERMITS_MAX: usize = 8;

/// A fleet's end: one per task.
#[derive(Debug)]
pub(crate) struct Orders {
    view: watch::Sender<View>,
    readers: mpsc::Sender<Box<dyn Reader>>,
    permits: mpsc::Sender<Permit>,
}

/// The task's end.
pub(crate) struct Ordered {
    view: watch::Receiver<View>,
    readers: mpsc::Receiver<Box<dyn Reader>>,
    permits: mpsc::Receiver<Permit>,
}

/// News about what is permitted, for a task that was refused.
#[derive(Debug)]
pub(crate) enum Permit {
    /// Others observe these namespaces from now on: their objects are given away,
    /// and nothing is asked of the server until told to resume. No answer means
    /// that the task has found a way meanwhile, and keeps it.
    Part {
        namespaces: HashSet<String>,
        reply: oneshot::Sender<HashMap<String, Estate>>,
    },
    /// Everything may be asked for again: what others knew comes back.
    Resume(Estate),
    /// It is worth trying now.
    Retry,
    /// These namespaces are all there are: objects of others are gone.
    Namespaces(HashSet<String>),
    /// What others knew comes back, though it cannot be asked for.
    Keep(Estate),
}

/// One of them.
pub(super) enum Order {
    View(Box<View>),
    Read(Box<dyn Reader>),
    Permit(Permit),
}

/// Both ends for a task that begins with `view`.
pub(crate) fn orders(view: View) -> (Orders, Ordered) {
    let (view, changes) = watch::channel(view);
    let (readers, received) = mpsc::channel(READERS_MAX);
    let (permits, permitted) = mpsc::channel(PERMITS_MAX);
    let ordered = Ordered {
        view: changes,
        readers: received,
        permits: permitted,
    };
    let orders = Orders {
        view,
        readers,
        permits,
    };
    (orders, ordered)
}

impl Orders {
    /// Observes other objects or changes. The same again is no order.
    pub(crate) fn view(&self, view: View) {
        self.view.send_if_modified(|current| {
            let changed = *current != view;
            *current = view;
            changed
        });
    }

    /// Shows every object to a reader; returns whether it will.
    pub(crate) fn read(&self, reader: Box<dyn Reader>) -> bool {
        self.readers.try_send(reader).is_ok()
    }

    /// Tells what is permitted; gives it back where it will not be heard.
    pub(crate) fn permit(&self, permit: Permit) -> Result<(), Permit> {
        self.permits
            .try_send(permit)
            .map_err(mpsc::error::TrySendError::into_inner)
    }
}

impl Ordered {
    /// The view to begin with.
    pub(super) fn first_view(&mut self) -> View {
        self.view.borrow_and_update().clone()
    }

    /// Waits for the next order. Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self) -> Order {
        tokio::select! {
            Ok(()) = self.view.changed() => Order::View(Box::new(self.view.borrow_and_update().clone())),
            Some(reader) = self.readers.recv() => Order::Read(reader),
            Some(permit) = self.permits.recv() => Order::Permit(permit),
            // The fleet has gone; its task will hear of it.
            else => std::future::pending().await,
        }
    }
}
