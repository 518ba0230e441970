//! What one picture leaves to another: the objects of some namespaces change
//! hands, and no sink hears of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Picture;
use crate::ledger::{Known, OwnedRef};
use crate::{Deliver, SinkSet};

/// What is known of some objects, and by which sinks.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    /// Objects, each with the design it belongs to.
    known: Vec<(Known, Option<Arc<str>>)>,
    /// What sinks were given in an earlier life and no list has shown yet.
    remembered: Vec<(OwnedRef, SinkSet)>,
}

impl Estate {
    /// What was remembered of an earlier life.
    pub(crate) fn remembered(remembered: Vec<(OwnedRef, SinkSet)>) -> Self {
        Self {
            known: Vec::new(),
            remembered,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.remembered.is_empty()
    }

    /// Both together.
    pub(crate) fn join(&mut self, other: Self) {
        self.known.extend(other.known);
        self.remembered.extend(other.remembered);
    }
}

impl<D: Deliver> Picture<D> {
    /// Gives away the objects of each of these namespaces.
    pub(crate) fn part(&mut self, namespaces: &HashSet<String>) -> HashMap<String, Estate> {
        let mut estates: HashMap<String, Estate> = HashMap::new();
        let of = |namespace: Option<&str>| namespace.unwrap_or_default().to_owned();
        for known in self.ledger.part(Some(namespaces)) {
            let object = known.object.as_ref();
            let design = self.designs.part(object, &self.status);
            let estate = estates.entry(of(object.namespace)).or_default();
            estate.known.push((known, design));
        }
        let is_of = |object: &OwnedRef| {
            let namespace = object.namespace.as_deref();
            namespace.is_some_and(|namespace| namespaces.contains(namespace))
        };
        for (object, sinks) in self.remembered.extract_if(.., |(object, _)| is_of(object)) {
            let estate = estates.entry(of(object.namespace.as_deref())).or_default();
            estate.remembered.push((object, sinks));
        }
        // Nobody is told that it is complete before it is again.
        self.unsynced = SinkSet::NONE;
        self.confirming = false;
        self.note_sizes();
        estates
    }

    /// Gives away everything.
    pub(crate) fn part_with_all(&mut self) -> Estate {
        let mut estate = Estate::remembered(std::mem::take(&mut self.remembered));
        for known in self.ledger.part(None) {
            let design = self.designs.part(known.object.as_ref(), &self.status);
            estate.known.push((known, design));
        }
        self.note_sizes();
        estate
    }

    /// Takes over what another picture knew. The next pass shows what has become of
    /// it.
    pub(crate) fn adopt(&mut self, estate: Estate) {
        for (known, design) in estate.known {
            if let Some(design) = design {
                let object = known.object.as_ref();
                self.designs.adopt(object, design, &self.status);
            }
            self.ledger.adopt(known);
        }
        self.remembered.extend(estate.remembered);
        self.note_sizes();
    }

    /// What is kept of places that are not wanted any more, or are no more, is gone.
    pub(crate) fn leave_namespaces(&mut self, is_left: impl Fn(Option<&str>) -> bool) {
        let mut left = self.ledger.objects();
        left.retain(|object| is_left(object.namespace.as_deref()));
        self.remove_all(&left, None);
        let remembered = self
            .remembered
            .extract_if(.., |(object, _)| is_left(object.namespace.as_deref()));
        let remembered: Vec<_> = remembered.collect();
        self.bury_remembered(remembered, None);
        self.settled_up();
    }
}
