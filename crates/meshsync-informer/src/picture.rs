//! The picture of one resource: its ledger, and what the sinks know of it.

use std::sync::Arc;

use jiff::Timestamp;
use meshsync_discovery::NamespaceSelection;
use meshsync_model::{Change, ClusterId, Context, Deleted, Object, ObjectRef, Resource, Tier};

use crate::ledger::{Gone, Ledger, OwnedRef, Seen};
use crate::status::ResourceStatus;
use crate::{Deliver, SinkSet};

/// Turns what a server says into changes for the sinks. Owned by one task.
#[derive(Debug)]
pub(crate) struct Picture<D> {
    resource: Arc<Resource>,
    scope: ClusterId,
    namespaces: NamespaceSelection,
    ledger: Ledger,
    deliver: D,
    status: Arc<ResourceStatus>,
    /// Sinks that have not been told that the last complete pass is complete.
    unsynced: SinkSet,
    version: String,
}

impl<D: Deliver> Picture<D> {
    pub(crate) fn new(
        resource: Arc<Resource>,
        scope: ClusterId,
        namespaces: NamespaceSelection,
        deliver: D,
        status: Arc<ResourceStatus>,
    ) -> Self {
        Self {
            resource,
            scope,
            namespaces,
            ledger: Ledger::new(),
            deliver,
            status,
            unsynced: SinkSet::NONE,
            version: String::new(),
        }
    }

    /// A pass over all objects begins.
    pub(crate) fn begin_pass(&mut self) {
        self.ledger.begin_pass();
    }

    /// A state of an object.
    pub(crate) fn apply(&mut self, object: &Object<'_>) {
        if !self.namespaces.contains(object.namespace()) {
            return;
        }
        let r#ref = object.object_ref();
        let seen = self.ledger.apply(r#ref, object.resource_version());
        match seen {
            // A relist repays what a sink had no room for.
            Seen::Unchanged => return self.repay_state(object),
            Seen::Added | Seen::Modified => {}
            Seen::Reborn(gone) => {
                self.status.event();
                let old = gone.uid.to_string();
                self.tell_gone(Deleted::Partial(ObjectRef { uid: &old, ..r#ref }), &gone);
            }
        }
        self.status.event();
        self.offer(object, self.deliver.sinks());
        self.note_sizes();
    }

    /// The last state of an object that is gone.
    pub(crate) fn delete(&mut self, object: &Object<'_>) {
        if let Some(gone) = self.ledger.remove(object.object_ref()) {
            self.status.event();
            self.tell_gone(Deleted::Last(object), &gone);
            self.note_sizes();
        }
    }

    /// The pass is complete: what it has not shown is gone. When parts of it
    /// could not be read, nothing is known to be gone.
    pub(crate) fn finish_pass(&mut self, version: &str, readable: bool) {
        if readable {
            self.remove_all(&self.ledger.unseen());
        }
        self.version = version.to_owned();
        self.unsynced = self.deliver.sinks();
        self.note_sizes();
        self.tell_synced();
    }

    /// The resource is observed no more: all its objects leave the picture.
    pub(crate) fn retire(&mut self) {
        self.remove_all(&self.ledger.objects());
        self.version.clear();
        self.unsynced = self.deliver.sinks();
        self.tell_synced();
    }

    /// Tells of deletes that sinks refused before. Returns whether states have
    /// to be read again for somebody.
    pub(crate) fn repay_deletes(&mut self) -> bool {
        if !self.ledger.owes() {
            return false;
        }
        for (object, graves) in self.ledger.graves() {
            for grave in graves {
                let uid = grave.uid.to_string();
                let gone = ObjectRef {
                    uid: &uid,
                    ..object.as_ref()
                };
                let told = self.with_context(|context, deliver| {
                    deliver.delete(context, Deleted::Partial(gone), grave.pending)
                });
                self.ledger.mourn(gone, &grave.uid, told);
                if told != grave.pending {
                    // Graves of one name are told in their order.
                    break;
                }
            }
        }
        self.note_sizes();
        self.tell_synced();
        self.ledger.dirty_count() > 0
    }

    /// An object as it was read again: given to the sinks that still lack just
    /// this state. Another state than the ledger knows has its own event coming.
    pub(crate) fn repay_state(&mut self, object: &Object<'_>) {
        let to = self
            .ledger
            .dirty(object.object_ref(), object.resource_version());
        if !to.is_empty() {
            self.offer(object, to);
        }
    }

    /// The end of a reading again. Returns whether somebody still lacks a state.
    pub(crate) fn repaid(&mut self) -> bool {
        self.note_sizes();
        self.tell_synced();
        self.ledger.dirty_count() > 0
    }

    fn offer(&mut self, object: &Object<'_>, to: SinkSet) {
        let r#ref = object.object_ref();
        // A state must not overtake the delete of what had the name before.
        let may = to.without(self.ledger.mourned(r#ref));
        let given = self.ledger.given(r#ref);
        let (taken, hash) =
            self.with_context(|context, deliver| deliver.state(context, object, may, given));
        self.ledger.settle(r#ref, to, taken, Some(hash));
    }

    fn tell_gone(&mut self, deleted: Deleted<'_>, gone: &Gone) {
        let object = match &deleted {
            Deleted::Last(object) => object.object_ref(),
            Deleted::Partial(object) => *object,
        };
        let may = gone.given.without(self.ledger.mourned(object));
        let told = self.with_context(|context, deliver| deliver.delete(context, deleted, may));
        self.ledger
            .bury(object, gone.uid.clone(), gone.given.without(told));
    }

    fn remove_all(&mut self, objects: &[OwnedRef]) {
        for object in objects {
            if let Some(gone) = self.ledger.remove(object.as_ref()) {
                self.status.event();
                self.tell_gone(Deleted::Partial(object.as_ref()), &gone);
            }
        }
        self.note_sizes();
    }

    fn tell_synced(&mut self) {
        if self.unsynced.is_empty() {
            return;
        }
        let to = self.unsynced.without(self.ledger.owed());
        if to.is_empty() {
            return;
        }
        let version = std::mem::take(&mut self.version);
        let change = Change::Synced {
            objects: self.ledger.len(),
            resource_version: &version,
        };
        self.with_context(|context, deliver| deliver.synced(context, &change, to));
        self.version = version;
        self.unsynced = self.unsynced.without(to);
    }

    fn with_context<T>(&mut self, f: impl FnOnce(&Context<'_>, &mut D) -> T) -> T {
        let context = Context {
            scope: &self.scope,
            resource: &self.resource,
            tier: Tier::Detail,
            observed: Timestamp::now(),
        };
        f(&context, &mut self.deliver)
    }

    fn note_sizes(&self) {
        self.status.set_objects(self.ledger.len());
        self.status.set_owed(self.ledger.owed_count());
    }
}
