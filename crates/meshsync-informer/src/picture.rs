//! The picture of one resource: its ledger, and what the sinks know of it.

use std::sync::Arc;

use jiff::Timestamp;
use meshsync_discovery::{Candidate, Step, View};
use meshsync_model::design::Marks;
use meshsync_model::{
    Change, ClusterId, Context, Deleted, Object, ObjectRef, Reason, Resource, ResourceVersion,
    Tier, Uid,
};

use crate::canary;
use crate::ledger::{Digest, Gone, Grave, Ledger, OwnedRef, Seen};
use crate::machine::History;
use crate::mutation::{Mutation, mutated};
use crate::status::ResourceStatus;
use crate::{Deliver, Reader, SinkSet};

use self::designs::Designs;
pub(crate) use self::estate::Estate;
use self::refused::Refused;

mod designs;
mod estate;
mod refused;

/// Turns what a server says into changes for the sinks. Owned by one task.
#[derive(Debug)]
pub(crate) struct Picture<D> {
    resource: Arc<Resource>,
    scope: ClusterId,
    view: View,
    ledger: Ledger,
    deliver: D,
    status: Arc<ResourceStatus>,
    /// Sinks that have not been told that the last complete pass is complete.
    unsynced: SinkSet,
    /// Objects that the last pass did not show are being looked at one by one.
    confirming: bool,
    /// A pass has been complete.
    listed: bool,
    version: String,
    /// What sinks were given in an earlier life and no list has shown yet.
    remembered: Vec<(OwnedRef, SinkSet)>,
    designs: Designs,
    refused: Refused,
    /// The server is asked for other objects than those that are known: what the
    /// next list does not show has left the selection.
    reselecting: bool,
    /// Objects are looked at for canaries.
    canaries: bool,
}

/// An object that the server shows no more, in the state it was known in.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) object: OwnedRef,
    known: (Uid, ResourceVersion),
}

/// Deletes that sinks have not been told of, by object.
pub(crate) type Graves = Vec<(OwnedRef, Vec<Grave>)>;

impl<D: Deliver> Picture<D> {
    pub(crate) fn new(
        resource: Arc<Resource>,
        scope: ClusterId,
        view: View,
        deliver: D,
        status: Arc<ResourceStatus>,
    ) -> Self {
        status.set_tier(view.depth.deepest());
        let canaries = canary::are_of(&resource);
        Self {
            resource,
            scope,
            view,
            ledger: Ledger::new(),
            deliver,
            status,
            unsynced: SinkSet::NONE,
            confirming: false,
            listed: false,
            version: String::new(),
            remembered: Vec::new(),
            designs: Designs::default(),
            refused: Refused::default(),
            reselecting: false,
            canaries,
        }
    }

    /// Observes other objects, or tells of other changes. Returns whether
    /// everything has to be listed again to get there.
    pub(crate) fn observe(&mut self, view: View) -> bool {
        let deeper_or_not = self.view.depth != view.depth;
        let step = self.view.step(&view);
        if deeper_or_not {
            // Sinks have every object as it is, but not as they are to have it.
            self.ledger.forget_versions();
        }
        self.status.set_tier(view.depth.deepest());
        self.reselecting |= self.listed && self.view.pushed != view.pushed;
        self.view = view;
        let relist = match &step {
            Step::Same => return false,
            Step::Narrower => false,
            Step::Wider(namespaces) => self.refused.any_of(namespaces),
            Step::Other => true,
        };
        self.leave_places();
        if relist {
            self.refused = Refused::default();
        }
        relist
    }

    /// What its place alone tells to be no longer selected leaves the picture.
    fn leave_places(&mut self) {
        let mut left = self.ledger.objects();
        left.retain(|object| self.is_elsewhere(object));
        self.remove_all(&left, Some(Reason::Unselected));
        self.settled_up();
    }

    /// Whether the place of an object alone tells that it is not selected.
    fn is_elsewhere(&self, object: &OwnedRef) -> bool {
        let subject = Candidate {
            resource: &self.resource,
            namespace: object.namespace.as_deref(),
            name: Some(&object.name),
            object: None,
        };
        self.view.judge(&subject, || false).selected == Some(false)
    }

    /// Whether the server forbids the resource for now.
    pub(crate) fn is_refused(&self) -> bool {
        self.status.is_forbidden()
    }

    /// Whether there are no objects.
    pub(crate) fn is_empty(&self) -> bool {
        self.ledger.is_empty()
    }

    /// Whether there is an object of that name.
    pub(crate) fn has_named(&self, namespace: Option<&str>, name: &str) -> bool {
        self.ledger.has(ObjectRef {
            namespace,
            name,
            uid: "",
        })
    }

    /// Shows an object to a reader, if it is in just the state that is known.
    pub(crate) fn show(&mut self, object: &Object<'_>, reader: &mut dyn Reader) {
        let r#ref = object.object_ref();
        // A state must not overtake the delete of what had the name before.
        let is_mourned = !self.ledger.mourned(r#ref).is_empty();
        if !is_mourned && self.ledger.is_current(r#ref, object.resource_version()) {
            let tier = self.view.depth.tier(object.namespace());
            let bare = object.without_body();
            let object = if tier == Tier::Presence {
                &bare
            } else {
                object
            };
            self.with_context(tier, |context, _| reader.object(context, object));
        }
    }

    /// A pass over all objects begins.
    pub(crate) fn begin_pass(&mut self, history: History) {
        match history {
            History::Unordered => self.ledger.begin_pass(),
            History::Known(complete) => self.ledger.begin_guarded_pass(complete),
            History::Another => {
                self.ledger.forget_versions();
                self.ledger.begin_guarded_pass(None);
            }
        }
    }

    /// Whether the pass under way shows states from before what is known.
    pub(crate) fn is_contradicted(&self) -> bool {
        self.ledger.stale_count() > 0
    }

    /// The newest version of the states since the pass began.
    pub(crate) fn newest(&self) -> Option<&ResourceVersion> {
        self.ledger.newest()
    }

    /// Whether just this state of the object is known.
    pub(crate) fn knows(&self, object: &Object<'_>) -> bool {
        self.ledger
            .is_current(object.object_ref(), object.resource_version())
    }

    /// Whether an object is among those that are observed.
    pub(crate) fn admits(&self, object: &Object<'_>) -> bool {
        self.view
            .admits(&self.resource, object, || Marks::of(object).is_some())
            && !self.is_hidden(object)
    }

    fn is_hidden(&self, object: &Object<'_>) -> bool {
        self.canaries && canary::is_hidden(object)
    }

    /// The state in which an object is known.
    pub(crate) fn state(&self, object: ObjectRef<'_>) -> Option<(Uid, ResourceVersion)> {
        self.ledger.state(object)
    }

    /// Every object that is known.
    pub(crate) fn objects(&self) -> Vec<OwnedRef> {
        self.ledger.objects()
    }

    /// Digest of every object that is known, with the key of `of`.
    pub(crate) fn digest(&self, of: &Digest) -> Digest {
        self.ledger.digest(of)
    }

    /// A state of an object.
    pub(crate) fn apply(&mut self, object: &Object<'_>) {
        let marks = Marks::of(object);
        let is_managed = || marks.is_some();
        let hidden = self.is_hidden(object);
        if hidden || !self.view.admits(&self.resource, object, is_managed) {
            self.refused.note(&self.view, object);
            // It was in the picture, maybe, until its labels changed.
            let (r#ref, version) = (object.object_ref(), object.resource_version());
            if self.ledger.has(r#ref) && !self.ledger.refuses(r#ref, version) {
                self.unselect(r#ref);
            }
            return;
        }
        let r#ref = object.object_ref();
        let seen = self.ledger.apply(r#ref, object.resource_version());
        match seen {
            // A relist repays what a sink had no room for.
            Seen::Unchanged => return self.repay_state(object),
            Seen::Stale => return,
            Seen::Added | Seen::Modified => {}
            Seen::Reborn(gone) => {
                self.status.event();
                let old = gone.uid.to_string();
                let old = ObjectRef { uid: &old, ..r#ref };
                self.tell_gone(Deleted::Partial(old), &gone, None);
            }
        }
        self.status.event();
        self.designs.note(r#ref, marks.as_ref(), &self.status);
        self.offer(object, self.deliver.sinks());
        self.settled_up();
    }

    /// An object is still there, in this state. Returns whether nobody needs to
    /// be shown it for that.
    pub(crate) fn still(&mut self, object: ObjectRef<'_>, version: &str) -> bool {
        let is_enough =
            self.ledger.is_current(object, version) && self.ledger.dirty_sinks().is_empty();
        if is_enough {
            self.ledger.see(object);
        }
        is_enough
    }

    /// An object is there, and its state cannot be read: what is known stays.
    pub(crate) fn keep(&mut self, object: ObjectRef<'_>) {
        self.ledger.see(object);
    }

    /// An object is gone, and its last state is not known.
    pub(crate) fn vanish(&mut self, object: ObjectRef<'_>) {
        let Some(gone) = self.ledger.remove(object) else {
            return;
        };
        self.status.event();
        let uid = gone.uid.to_string();
        let object = ObjectRef {
            uid: &uid,
            ..object
        };
        self.tell_gone(Deleted::Partial(object), &gone, None);
        self.settled_up();
    }

    /// The last state of an object that is gone.
    pub(crate) fn delete(&mut self, object: &Object<'_>) {
        if let Some(gone) = self.ledger.remove(object.object_ref()) {
            self.status.event();
            self.tell_gone(Deleted::Last(object), &gone, None);
            self.settled_up();
        }
    }

    /// An object that the server showed no more, and that has not come back since,
    /// is gone, or has left the selection.
    pub(crate) fn settle_doubt(&mut self, doubt: &Doubt, reason: Option<Reason>) {
        let object = doubt.object.as_ref();
        if self.ledger.state(object).as_ref() == Some(&doubt.known) {
            self.remove_all(std::slice::from_ref(&doubt.object), reason);
            self.settled_up();
        }
    }

    /// What is known of an object that the server shows no more.
    pub(crate) fn doubt(&self, object: ObjectRef<'_>) -> Option<Doubt> {
        let known = self.ledger.state(object)?;
        let object = OwnedRef {
            namespace: object.namespace.map(Into::into),
            name: object.name.into(),
            uid: object.uid.to_owned(),
        };
        Some(Doubt { object, known })
    }

    /// What is not selected any more is told by its identity: its contents are
    /// nobody's wish.
    pub(crate) fn unselect(&mut self, object: ObjectRef<'_>) {
        if let Some(gone) = self.ledger.remove(object) {
            self.status.event();
            self.tell_gone(Deleted::Partial(object), &gone, Some(Reason::Unselected));
            self.settled_up();
        }
    }

    /// The pass is complete: what it has not shown is gone. When parts of it
    /// could not be read, nothing is known to be gone: what was not shown is
    /// returned, to be [confirmed](Self::confirmed_gone) one by one before
    /// anybody is told that the picture is complete.
    pub(crate) fn finish_pass(&mut self, version: &str, readable: bool) -> Vec<OwnedRef> {
        let unseen = self.ledger.unseen();
        self.ledger.end_pass();
        self.listed = true;
        version.clone_into(&mut self.version);
        self.unsynced = self.deliver.sinks();
        let unconfirmed = if readable {
            self.remove_all(&unseen, None);
            self.tell_of_remembered(None);
            Vec::new()
        } else {
            unseen
        };
        self.reselecting = false;
        self.confirming = !unconfirmed.is_empty();
        self.settled_up();
        unconfirmed
    }

    /// The server says that an object which a pass did not show is not there.
    pub(crate) fn confirmed_gone(&mut self, object: &OwnedRef) {
        if !self.ledger.is_seen(object.as_ref()) {
            self.remove_all(std::slice::from_ref(object), None);
        }
    }

    /// All that a pass did not show has been looked at.
    pub(crate) fn confirmed(&mut self) {
        self.confirming = false;
        self.settled_up();
    }

    /// The resource is observed no more, for a reason or because it is gone: all
    /// its objects leave the picture.
    pub(crate) fn retire(&mut self, reason: Option<Reason>) {
        self.tell_of_remembered(reason);
        self.remove_all(&self.ledger.objects(), reason);
        self.version.clear();
        self.confirming = false;
        self.unsynced = self.deliver.sinks();
        self.settled_up();
    }

    /// Sinks lost what they were given: every object is owed to them.
    pub(crate) fn lose(&mut self, sinks: SinkSet) {
        if sinks.is_empty() {
            return;
        }
        for object in self.ledger.objects() {
            self.ledger.settle(object.as_ref(), sinks, SinkSet::NONE);
        }
        if self.listed {
            self.unsynced = self.unsynced.with(sinks);
        }
        self.settled_up();
    }

    /// Deletes that sinks have not been told of.
    pub(crate) fn graves(&self) -> Graves {
        self.ledger.graves()
    }

    /// Takes over the deletes that a picture before this one left behind.
    pub(crate) fn inherit(&mut self, graves: Graves) {
        for (object, graves) in graves {
            for grave in graves {
                self.ledger.bury(object.as_ref(), grave);
            }
        }
        self.note_sizes();
    }

    /// Tells of deletes that sinks refused before.
    pub(crate) fn repay_deletes(&mut self) {
        if self.ledger.owed_count() == 0 {
            return;
        }
        // A sink that refuses one is not asked again in this round; and for each
        // name, deletes are told in their order.
        let mut full = SinkSet::NONE;
        for (object, graves) in self.ledger.graves() {
            let mut blocked = full;
            for grave in graves {
                let to = grave.pending.without(blocked);
                let uid = grave.uid.to_string();
                let gone = ObjectRef {
                    uid: &uid,
                    ..object.as_ref()
                };
                let tier = self.view.depth.tier(gone.namespace);
                let told = self.with_context((tier, grave.reason), |context, deliver| {
                    deliver.delete(context, Deleted::Partial(gone), to)
                });
                self.ledger.mourn(gone, &grave.uid, told);
                blocked = blocked.with(grave.pending.without(told));
                full = full.with(to.without(told));
            }
        }
        self.settled_up();
    }

    /// An object as it was read again: given to the sinks that still lack just
    /// this state. Another state than the ledger knows has its own event coming.
    pub(crate) fn repay_state(&mut self, object: &Object<'_>) {
        if self.ledger.dirty_sinks().is_empty() {
            return;
        }
        let to = self
            .ledger
            .dirty(object.object_ref(), object.resource_version());
        if !to.is_empty() {
            self.offer(object, to);
            self.settled_up();
        }
    }

    /// The sinks that lack the latest state of some object.
    pub(crate) fn dirty_sinks(&self) -> SinkSet {
        self.ledger.dirty_sinks()
    }

    /// For how many objects some sink is owed a state or a delete.
    pub(crate) fn owed_count(&self) -> u64 {
        self.ledger.owed_count()
    }

    fn offer(&mut self, object: &Object<'_>, to: SinkSet) {
        let r#ref = object.object_ref();
        // A state must not overtake the delete of what had the name before.
        let may = if mutated(Mutation::PublishOutOfOrder) {
            to
        } else {
            to.without(self.ledger.mourned(r#ref))
        };
        let given = self.ledger.given(r#ref);
        let events = self.view.events;
        let muted = match (events.added, events.modified) {
            (true, true) => SinkSet::NONE,
            (false, false) => may,
            (false, true) => may.without(given),
            (true, false) => may.and(given),
        };
        let told = may.without(muted);
        let tier = self.view.depth.tier(object.namespace());
        let bare = object.without_body();
        let shown = if tier == Tier::Presence {
            &bare
        } else {
            object
        };
        let taken = self.with_context(tier, |context, deliver| {
            deliver.state(context, shown, told, given)
        });
        self.ledger.settle(r#ref, to, taken.with(muted));
    }

    fn tell_gone(&mut self, deleted: Deleted<'_>, gone: &Gone, reason: Option<Reason>) {
        let object = match &deleted {
            Deleted::Last(object) => object.object_ref(),
            Deleted::Partial(object) => *object,
        };
        self.designs.note(object, None, &self.status);
        let tier = self.view.depth.tier(object.namespace);
        let why = (tier, reason);
        self.with_context(why, |context, deliver| deliver.gone(context, object));
        if !self.view.events.deleted {
            return;
        }
        let may = gone.given.without(self.ledger.mourned(object));
        let bare;
        let deleted = match deleted {
            Deleted::Last(last) if tier == Tier::Presence => {
                bare = last.without_body();
                Deleted::Last(&bare)
            }
            deleted => deleted,
        };
        let told = self.with_context(why, |context, deliver| {
            deliver.delete(context, deleted, may)
        });
        let grave = Grave {
            uid: gone.uid.clone(),
            pending: gone.given.without(told),
            reason,
        };
        self.ledger.bury(object, grave);
    }

    /// What was given in an earlier life and is not there is told as deleted.
    fn tell_of_remembered(&mut self, reason: Option<Reason>) {
        let remembered = std::mem::take(&mut self.remembered);
        self.bury_remembered(remembered, reason);
    }

    fn bury_remembered(&mut self, remembered: Vec<(OwnedRef, SinkSet)>, reason: Option<Reason>) {
        if remembered.is_empty() {
            return;
        }
        for (object, sinks) in remembered {
            // Another object under that name has taken its place at the sink.
            if !self.ledger.has(object.as_ref()) {
                let grave = Grave {
                    uid: Uid::new(&object.uid),
                    pending: sinks,
                    reason: reason.or_else(|| self.why_unseen(&object)),
                };
                self.ledger.bury(object.as_ref(), grave);
            }
        }
        self.repay_deletes();
    }

    fn remove_all(&mut self, objects: &[OwnedRef], reason: Option<Reason>) {
        for object in objects {
            if let Some(gone) = self.ledger.remove(object.as_ref()) {
                self.status.event();
                let reason = reason.or_else(|| self.why_unseen(object));
                self.tell_gone(Deleted::Partial(object.as_ref()), &gone, reason);
            }
        }
    }

    /// Why a list does not show an object: it is nobody's wish any more, or, for
    /// all that can be known, it is gone.
    fn why_unseen(&self, object: &OwnedRef) -> Option<Reason> {
        (self.reselecting || self.is_elsewhere(object)).then_some(Reason::Unselected)
    }

    /// After anything that may have paid a debt.
    fn settled_up(&mut self) {
        self.note_sizes();
        self.tell_synced();
    }

    fn tell_synced(&mut self) {
        if self.unsynced.is_empty() || self.confirming {
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
        let tier = self.view.depth.deepest();
        self.with_context(tier, |context, deliver| {
            deliver.synced(context, &change, to)
        });
        self.version = version;
        self.unsynced = self.unsynced.without(to);
    }

    fn with_context<T>(
        &mut self,
        why: impl Into<Why>,
        f: impl FnOnce(&Context<'_>, &mut D) -> T,
    ) -> T {
        let Why(tier, reason) = why.into();
        let context = Context {
            scope: &self.scope,
            resource: &self.resource,
            tier,
            observed: Timestamp::now(),
            reason,
        };
        f(&context, &mut self.deliver)
    }

    fn note_sizes(&self) {
        self.status.set_objects(self.ledger.len());
        self.status.set_owed(self.ledger.owed_count());
    }
}

/// How much of an object is told, and why it leaves.
struct Why(Tier, Option<Reason>);

impl From<Tier> for Why {
    fn from(tier: Tier) -> Self {
        Self(tier, None)
    }
}

impl From<(Tier, Option<Reason>)> for Why {
    fn from((tier, reason): (Tier, Option<Reason>)) -> Self {
        Self(tier, reason)
    }
}

#[cfg(test)]
mod tests;
