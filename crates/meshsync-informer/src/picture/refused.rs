//! The namespaces of objects that were not selected.

use std::collections::BTreeSet;

use meshsync_discovery::View;
use meshsync_model::Object;

/// So many are told apart; then any may be one of them.
const NAMESPACES_MAX: usize = 1_000;

/// The namespaces of objects that the server showed and that were not selected since the last
/// list: when one joins the selection, and is none of these, nothing has to be listed again.
#[derive(Debug, Default)]
pub(super) struct Refused {
    namespaces: BTreeSet<Box<str>>,
    any: bool,
}

impl Refused {
    pub(super) fn note(&mut self, view: &View, object: &Object<'_>) {
        if self.any || !view.follows_namespaces() {
            return;
        }
        let Some(namespace) = object.namespace() else {
            return;
        };
        if !self.namespaces.contains(namespace) {
            self.namespaces.insert(namespace.into());
            self.any = self.namespaces.len() > NAMESPACES_MAX;
        }
    }

    pub(super) fn any_of(&self, namespaces: &[String]) -> bool {
        self.any
            || namespaces
                .iter()
                .any(|namespace| self.namespaces.contains(namespace.as_str()))
    }
}
