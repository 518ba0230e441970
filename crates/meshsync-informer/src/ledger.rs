//! The ledger: what is known of every object of one resource, without the object.
//!
//! Per object it holds uid, resourceVersion, and for each sink
//! whether it was given the object, still has to be given its latest state
//! (*dirty*), or still has to be told of a delete (a *grave*). Pure, and owned
//! by its resource's task alone.

use std::collections::HashMap;

use meshsync_model::{ObjectRef, Reason, ResourceVersion, Uid};

use self::debts::Debts;
use self::entries::{Entries, EntryAt};
use self::namespaces::Namespaces;
use crate::SinkSet;
use crate::mutation::{Mutation, mutated};

mod debts;
mod digest;
mod entries;
mod namespaces;
mod parts;
mod texts;

pub use self::digest::Digest;
pub use self::parts::Known;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Entries,
    namespaces: Namespaces,
    /// Number of the pass over all objects that is or was last under way.
    pass: u32,
    live: u64,
    debts: Debts,
    /// The deletes that somebody has not taken, in their order. Rarely any.
    graves: HashMap<EntryAt, Vec<Grave>>,
    /// A pass is under way that takes no state older than what is known.
    guarded: bool,
    /// The version as of which the ledger was complete before it.
    complete: Option<ResourceVersion>,
    /// How many states the pass under way showed that were known to be older.
    stale: u64,
    /// The newest version of the states taken since the last pass began.
    newest: Option<ResourceVersion>,
}

/// What a state of an object means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Known at this resourceVersion.
    Unchanged,
    /// A new object.
    Added,
    /// Another resourceVersion of a known object.
    Modified,
    /// Another object under a known name: the old one is gone.
    Reborn(Gone),
    /// From further back than what is known; not taken.
    Stale,
}

/// An object that is gone, and who has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its uid.
    pub uid: Uid,
    /// The sinks that were given it.
    pub given: SinkSet,
}

/// A delete that some sinks have not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grave {
    /// uid of the object that is gone.
    pub uid: Uid,
    /// Who has to be told.
    pub pending: SinkSet,
    /// Why, where the cluster may still have it.
    pub reason: Option<Reason>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many objects there are.
    pub fn len(&self) -> u64 {
        self.live
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// For how many objects some sink is owed a state or a delete.
    pub fn owed_count(&self) -> u64 {
        self.debts.entries()
    }

    /// The sinks that are owed something.
    pub fn owed(&self) -> SinkSet {
        self.debts.sinks()
    }

    /// The sinks that have not the latest state of some live object.
    pub fn dirty_sinks(&self) -> SinkSet {
        self.debts.dirty_sinks()
    }

    /// Begins a pass over all objects. One that was under way is forgotten;
    /// what it did not confirm stays.
    pub fn begin_pass(&mut self) {
        self.pass = self.pass.wrapping_add(1);
        self.newest = None;
        self.end_pass();
    }

    /// The same, but states that are older than the known ones are not taken.
    /// Where the ledger is complete as of a version, neither are states up to that
    /// one which are not known. Who shows them is behind, or tells of another
    /// history.
    pub fn begin_guarded_pass(&mut self, complete: Option<ResourceVersion>) {
        self.begin_pass();
        self.guarded = true;
        self.complete = complete;
    }

    /// The pass has ended, well or not.
    pub fn end_pass(&mut self) {
        self.guarded = false;
        self.stale = 0;
    }

    /// How many states the pass under way has shown that were not taken.
    pub fn stale_count(&self) -> u64 {
        self.stale
    }

    /// The newest version of the states taken since the last pass began.
    pub fn newest(&self) -> Option<&ResourceVersion> {
        self.newest.as_ref()
    }

    /// The server's history is another one: that a version is equal says nothing
    /// any more, so that every object's next state is news.
    pub fn forget_versions(&mut self) {
        if mutated(Mutation::TrustEqualVersions) {
            return;
        }
        let all: Vec<EntryAt> = self.entries.iter().map(|(at, _)| at).collect();
        for at in all {
            self.entries.set_version(at, "");
        }
    }

    /// Takes a state of an object.
    pub fn apply(&mut self, object: ObjectRef<'_>, version: &str) -> Seen {
        if self.refuses(object, version) {
            return Seen::Stale;
        }
        self.note_newest(version);
        let pass = self.pass;
        let Some(at) = self.find(object) else {
            let namespace = self.namespaces.retain(object.namespace);
            let at = self.entries.insert(namespace, object.name);
            self.entries.bear(at, object.uid, version, pass);
            self.live += 1;
            return Seen::Added;
        };
        if !self.entries.get(at).is_live() {
            self.entries.bear(at, object.uid, version, pass);
            self.live += 1;
            return Seen::Added;
        }
        if !self.entries.uid_matches(at, object.uid) && !mutated(Mutation::SkipRebirth) {
            let before = self.owed_of(at);
            let gone = Gone {
                uid: self.entries.uid(at),
                given: self.entries.get(at).given,
            };
            self.entries.bear(at, object.uid, version, pass);
            self.debts.shift(before, self.owed_of(at));
            return Seen::Reborn(gone);
        }
        self.entries.get_mut(at).pass = pass;
        // Without a resourceVersion nothing can be said to be unchanged.
        if self.entries.version_matches(at, version) && !version.is_empty() {
            return Seen::Unchanged;
        }
        self.entries.set_version(at, version);
        Seen::Modified
    }

    /// Takes the news that an object is gone. `None` when it is not known, or
    /// another one lives under its name.
    pub fn remove(&mut self, object: ObjectRef<'_>) -> Option<Gone> {
        let at = self.find(object)?;
        let other = !object.uid.is_empty() && !self.entries.uid_matches(at, object.uid);
        if !self.entries.get(at).is_live() || other {
            return None;
        }
        let before = self.owed_of(at);
        let gone = Gone {
            uid: self.entries.uid(at),
            given: self.entries.get(at).given,
        };
        self.entries.get_mut(at).end();
        self.debts.shift(before, self.owed_of(at));
        self.live -= 1;
        if !self.graves.contains_key(&at) {
            self.forget(at);
        }
        Some(gone)
    }

    /// The objects that the pass under way has not shown. Only after a complete
    /// pass are they gone; [`Ledger::remove`] each.
    pub fn unseen(&self) -> Vec<OwnedRef> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.is_live() && entry.pass != self.pass)
            .map(|(at, _)| self.owned(at, self.entries.uid(at).to_string()))
            .collect()
    }

    /// Whether the pass under way, or a change since, has shown this object.
    pub fn is_seen(&self, object: ObjectRef<'_>) -> bool {
        self.find_live(object)
            .is_some_and(|at| self.entries.get(at).pass == self.pass)
    }

    /// The pass under way shows that an object is there, in whatever state.
    pub fn see(&mut self, object: ObjectRef<'_>) {
        if let Some(at) = self.find_live(object) {
            self.entries.get_mut(at).pass = self.pass;
        }
    }

    /// Every object there is.
    pub fn objects(&self) -> Vec<OwnedRef> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.is_live())
            .map(|(at, _)| self.owned(at, self.entries.uid(at).to_string()))
            .collect()
    }

    /// The sinks that were given this object; none where it is not known.
    pub fn given(&self, object: ObjectRef<'_>) -> SinkSet {
        self.find(object)
            .map_or(SinkSet::NONE, |at| self.entries.get(at).given)
    }

    /// The sinks that have not been told of an earlier delete under this name:
    /// a new state must not overtake it.
    pub fn mourned(&self, object: ObjectRef<'_>) -> SinkSet {
        self.find(object)
            .map_or(SinkSet::NONE, |at| self.mourned_of(at))
    }

    /// Notes which sinks of `wanted` took the latest state of a live object.
    pub fn settle(&mut self, object: ObjectRef<'_>, wanted: SinkSet, taken: SinkSet) {
        let Some(at) = self.find(object) else { return };
        let before = self.owed_of(at);
        let entry = self.entries.get_mut(at);
        entry.given = entry.given.with(taken);
        entry.dirty = entry.dirty.without(taken).with(wanted.without(taken));
        if mutated(Mutation::DropDirtyMark) {
            entry.dirty = SinkSet::NONE;
        }
        self.debts.shift(before, self.owed_of(at));
    }

    /// Remembers a delete that its pending sinks have not taken.
    pub fn bury(&mut self, object: ObjectRef<'_>, grave: Grave) {
        if grave.pending.is_empty() || mutated(Mutation::LoseTombstone) {
            return;
        }
        let at = match self.find(object) {
            Some(at) => at,
            None => {
                let namespace = self.namespaces.retain(object.namespace);
                self.entries.insert(namespace, object.name)
            }
        };
        let before = self.owed_of(at);
        let graves = self.graves.entry(at).or_default();
        graves.push(grave);
        self.debts.shift(before, self.owed_of(at));
    }

    /// Every object with graves, each object's in their order.
    pub fn graves(&self) -> Vec<(OwnedRef, Vec<Grave>)> {
        self.graves
            .iter()
            .map(|(at, graves)| (self.owned(*at, String::new()), graves.clone()))
            .collect()
    }

    /// Notes that sinks have been told of the delete of `uid`.
    pub fn mourn(&mut self, object: ObjectRef<'_>, uid: &Uid, told: SinkSet) {
        let Some(at) = self.find(object) else { return };
        let before = self.owed_of(at);
        let Some(graves) = self.graves.get_mut(&at) else {
            return;
        };
        for grave in graves.iter_mut().filter(|grave| grave.uid == *uid) {
            grave.pending = grave.pending.without(told);
        }
        graves.retain(|grave| !grave.pending.is_empty());
        let done = graves.is_empty();
        if done {
            self.graves.remove(&at);
        }
        self.debts.shift(before, self.owed_of(at));
        if done && !self.entries.get(at).is_live() {
            self.forget(at);
        }
    }

    /// The sinks that still have to be given exactly this state of an object.
    /// None when the ledger knows of another state: its own event is on its way
    /// and will be given then.
    pub fn dirty(&self, object: ObjectRef<'_>, version: &str) -> SinkSet {
        self.find_live(object)
            .filter(|&at| self.is_at(at, object, version))
            .map_or(SinkSet::NONE, |at| {
                self.entries.get(at).dirty.without(self.mourned_of(at))
            })
    }

    /// Whether there is an object of this name, whatever its uid.
    pub fn has(&self, object: ObjectRef<'_>) -> bool {
        self.find_live(object).is_some()
    }

    /// The state in which an object is known.
    pub fn state(&self, object: ObjectRef<'_>) -> Option<(Uid, ResourceVersion)> {
        let at = self.find_live(object)?;
        Some((self.entries.uid(at), self.entries.version(at)))
    }

    /// Digest of all objects, with the key of `of`.
    pub fn digest(&self, of: &Digest) -> Digest {
        let mut digest = of.another();
        for (at, entry) in self.entries.iter().filter(|(_, entry)| entry.is_live()) {
            let namespace = self.namespaces.text(entry.namespace());
            let name = self.entries.name(at);
            digest.add(
                namespace,
                &name,
                &self.entries.uid(at),
                &self.entries.version(at),
            );
        }
        digest
    }

    /// Whether an object is known in exactly this state.
    pub fn is_current(&self, object: ObjectRef<'_>, version: &str) -> bool {
        self.find_live(object)
            .is_some_and(|at| self.is_at(at, object, version))
    }

    /// Whether the pass under way does not take this state; it counts it then.
    pub fn refuses(&mut self, object: ObjectRef<'_>, version: &str) -> bool {
        let stale = self.is_stale(object, version);
        self.stale += u64::from(stale);
        stale
    }

    fn note_newest(&mut self, version: &str) {
        if let Some(newest) = &self.newest
            && (newest.is_newer_than(version) || newest.matches(version))
        {
            return;
        }
        self.newest = Some(ResourceVersion::new(version));
    }

    fn is_stale(&self, object: ObjectRef<'_>, version: &str) -> bool {
        if !self.guarded {
            return false;
        }
        match self.find_live(object) {
            Some(at) if self.is_at(at, object, version) => false,
            // Of this object, or of a later one of its name.
            Some(at) if self.entries.version(at).is_newer_than(version) => true,
            _ => self.complete.as_ref().is_some_and(|complete| {
                complete.matches(version) || complete.is_newer_than(version)
            }),
        }
    }

    /// Whether an entry is of this object in this state.
    fn is_at(&self, at: EntryAt, object: ObjectRef<'_>, version: &str) -> bool {
        self.entries.uid_matches(at, object.uid) && self.entries.version_matches(at, version)
    }

    fn find_live(&self, object: ObjectRef<'_>) -> Option<EntryAt> {
        self.find(object)
            .filter(|&at| self.entries.get(at).is_live())
    }

    fn find(&self, object: ObjectRef<'_>) -> Option<EntryAt> {
        let namespace = self.namespaces.find(object.namespace)?;
        self.entries.find(namespace, object.name)
    }

    /// The sinks that lack the latest state, and those that have graves.
    fn owed_of(&self, at: EntryAt) -> (SinkSet, SinkSet) {
        let entry = self.entries.get(at);
        let dirty = if entry.is_live() {
            entry.dirty
        } else {
            SinkSet::NONE
        };
        (dirty, self.mourned_of(at))
    }

    fn mourned_of(&self, at: EntryAt) -> SinkSet {
        if self.graves.is_empty() {
            return SinkSet::NONE;
        }
        let graves = self.graves.get(&at).into_iter().flatten();
        graves.fold(SinkSet::NONE, |set, grave| set.with(grave.pending))
    }

    fn forget(&mut self, at: EntryAt) {
        let namespace = self.entries.get(at).namespace();
        self.entries.remove(at);
        self.namespaces.release(namespace);
    }

    fn owned(&self, at: EntryAt, uid: String) -> OwnedRef {
        OwnedRef {
            namespace: self.namespaces.name(self.entries.get(at).namespace()),
            name: self.entries.name(at),
            uid,
        }
    }
}

/// An object's identity, owned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedRef {
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<Box<str>>,
    /// Name.
    pub name: Box<str>,
    /// uid.
    pub uid: String,
}

impl OwnedRef {
    /// The same, borrowed.
    pub fn as_ref(&self) -> ObjectRef<'_> {
        ObjectRef {
            namespace: self.namespace.as_deref(),
            name: &self.name,
            uid: &self.uid,
        }
    }
}

#[cfg(test)]
mod tests;
