//! What is in force: what somebody selected, what others make of it, and what is opened on top.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshsync_discovery::{Opened, Selection};
use meshsync_informer::Control;

use crate::configuration::{Change, Layer};

/// Puts one selection in force that has several authors. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Composer {
    control: Control,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// What all layers lie over.
    base: Arc<Selection>,
    /// In the order of [`Layer::ALL`].
    layers: [Option<Change>; Layer::ALL.len()],
    selected: Arc<Selection>,
    opened: Vec<Opened>,
}

impl Composer {
    pub(crate) fn new(control: Control) -> Self {
        let state = State {
            base: control.selection(),
            layers: Default::default(),
            selected: control.selection(),
            opened: Vec::new(),
        };
        Self {
            control,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// What is selected by all together, without what is opened on top.
    pub(crate) fn selected(&self) -> Arc<Selection> {
        Arc::clone(&self.lock().selected)
    }

    /// Somebody selects something else, which the layers lie over.
    pub(crate) fn select(&self, selection: Selection) {
        let mut state = self.lock();
        state.base = Arc::new(selection);
        self.put_in_force(&mut state);
    }

    /// An author says something else, or nothing any more.
    pub(crate) fn lay(&self, layer: Layer, change: Option<Change>) {
        let mut state = self.lock();
        let layers = Layer::ALL.iter().zip(&mut state.layers);
        for (_, slot) in layers.filter(|(other, _)| **other == layer) {
            slot.clone_from(&change);
        }
        self.put_in_force(&mut state);
    }

    /// Other products are observed in depth.
    pub(crate) fn open(&self, opened: Vec<Opened>) {
        let mut state = self.lock();
        state.opened = opened;
        self.put_in_force(&mut state);
    }

    fn put_in_force(&self, state: &mut State) {
        let mut selection = Selection::clone(&state.base);
        for change in state.layers.iter().flatten() {
            selection = change.of(&selection);
        }
        state.selected = Arc::new(selection.clone());
        selection.depth.opened.clone_from(&state.opened);
        self.control.reconfigure(selection);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
