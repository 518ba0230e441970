//! What sinks were given by a process before this one.

use meshsync_model::{ObjectRef, Resource};

use crate::SinkSet;
use crate::ledger::OwnedRef;

/// Objects of one resource that sinks were given in an earlier life. Those that
/// the first complete list does not show are told as deleted.
#[derive(Clone, Debug)]
pub struct Remembered {
    pub(crate) resource: Resource,
    pub(crate) objects: Vec<(OwnedRef, SinkSet)>,
}

impl Remembered {
    /// Nothing of that resource.
    pub fn new(resource: Resource) -> Self {
        Self {
            resource,
            objects: Vec::new(),
        }
    }

    /// Adds an object and who was given it.
    pub fn add(&mut self, object: ObjectRef<'_>, given: SinkSet) {
        let object = OwnedRef {
            namespace: object.namespace.map(Into::into),
            name: object.name.into(),
            uid: object.uid.to_owned(),
        };
        self.objects.push((object, given));
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}
