//! What is in force: what somebody selected, and what is opened on top of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshsync_discovery::{Opened, Selection};
use meshsync_informer::Control;

/// Puts one selection in force that has several authors. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Composer {
    control: Control,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    selected: Arc<Selection>,
    opened: Vec<Opened>,
}

impl Composer {
    pub(crate) fn new(control: Control) -> Self {
        let state = State {
            selected: control.selection(),
            opened: Vec::new(),
        };
        Self {
            control,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// What somebody selected, without what is opened on top.
    pub(crate) fn selected(&self) -> Arc<Selection> {
        Arc::clone(&self.lock().selected)
    }

    /// Somebody selects something else.
    pub(crate) fn select(&self, selection: Selection) {
        let mut state = self.lock();
        state.selected = Arc::new(selection);
        self.put_in_force(&state);
    }

    /// Other products are observed in depth.
    pub(crate) fn open(&self, opened: Vec<Opened>) {
        let mut state = self.lock();
        state.opened = opened;
        self.put_in_force(&state);
    }

    fn put_in_force(&self, state: &State) {
        let mut selection = Selection::clone(&state.selected);
        selection.depth.opened.clone_from(&state.opened);
        self.control.reconfigure(selection);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
