//! What a fleet can be told while it runs.

use std::sync::Arc;

use meshsync_discovery::Selection;
use meshsync_model::Resource;
use tokio::sync::{mpsc, watch};

use crate::Reader;

/// So many readings may wait to be handed to the resources' tasks.
const READINGS_MAX: usize = 16;

/// Tells a fleet what to do, before it runs and while it does. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Control {
    selection: watch::Sender<Arc<Selection>>,
    readings: mpsc::Sender<Reading>,
}

/// The fleet's end of a [`Control`].
#[derive(Debug)]
pub struct Controlled {
    pub(crate) selection: watch::Receiver<Arc<Selection>>,
    pub(crate) readings: mpsc::Receiver<Reading>,
}

/// Makes one reader per resource; none where a resource is of no interest.
type MakeReader = Box<dyn FnMut(&Arc<Resource>) -> Option<Box<dyn Reader>> + Send>;

/// Somebody wants to see every object.
pub(crate) struct Reading(pub(crate) MakeReader);

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reading(..)")
    }
}

/// Too many readings wait already, or the fleet has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many readings of the cluster wait already: try again later")]
pub struct Busy;

impl Control {
    /// A control and the end for the fleet, which begins with `selection`.
    pub fn new(selection: Selection) -> (Self, Controlled) {
        let (selection, changes) = watch::channel(Arc::new(selection));
        let (readings, received) = mpsc::channel(READINGS_MAX);
        let controlled = Controlled {
            selection: changes,
            readings: received,
        };
        let control = Self {
            selection,
            readings,
        };
        (control, controlled)
    }

    /// What is selected, whether the fleet has taken it up or not.
    pub fn selection(&self) -> Arc<Selection> {
        Arc::clone(&self.selection.borrow())
    }

    /// Selects something else. Only what it changes is touched: what is no
    /// longer selected is told as deleted, what is now is listed, and all others
    /// go on undisturbed. Of several in quick succession the last one counts.
    pub fn reconfigure(&self, selection: Selection) {
        self.selection.send_if_modified(|current| {
            let changed = **current != selection;
            if changed {
                *current = Arc::new(selection);
            }
            changed
        });
    }

    /// Shows every object of every resource once more, as it is, to the readers
    /// that `make` makes. See [`Reader`].
    ///
    /// # Errors
    ///
    /// When too many readings wait already.
    pub fn read(
        &self,
        make: impl FnMut(&Arc<Resource>) -> Option<Box<dyn Reader>> + Send + 'static,
    ) -> Result<(), Busy> {
        let reading = Reading(Box::new(make));
        self.readings.try_send(reading).map_err(|_| Busy)
    }
}
