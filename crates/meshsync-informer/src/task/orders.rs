//! What a task is told from outside while it runs.

use meshsync_discovery::View;
use tokio::sync::{mpsc, watch};

use crate::Reader;

/// So many readers may wait for one resource.
const READERS_MAX: usize = 8;

/// A fleet's end: one per task.
#[derive(Debug)]
pub(crate) struct Orders {
    view: watch::Sender<View>,
    readers: mpsc::Sender<Box<dyn Reader>>,
}

/// The task's end.
pub(crate) struct Ordered {
    view: watch::Receiver<View>,
    readers: mpsc::Receiver<Box<dyn Reader>>,
}

/// One of them.
pub(super) enum Order {
    View(View),
    Read(Box<dyn Reader>),
}

/// Both ends for a task that begins with `view`.
pub(crate) fn orders(view: View) -> (Orders, Ordered) {
    let (view, changes) = watch::channel(view);
    let (readers, received) = mpsc::channel(READERS_MAX);
    let ordered = Ordered {
        view: changes,
        readers: received,
    };
    (Orders { view, readers }, ordered)
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
}

impl Ordered {
    /// The view to begin with.
    pub(super) fn first_view(&mut self) -> View {
        self.view.borrow_and_update().clone()
    }

    /// Waits for the next order. Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self) -> Order {
        tokio::select! {
            Ok(()) = self.view.changed() => Order::View(self.view.borrow_and_update().clone()),
            Some(reader) = self.readers.recv() => Order::Read(reader),
            // The fleet has gone; its task will hear of it.
            else => std::future::pending().await,
        }
    }
}
