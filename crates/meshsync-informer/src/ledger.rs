//! The ledger: what is known of every object of one resource, without the object.
//!
//! Per object it holds uid, resourceVersion, and for each sink
//! whether it was given the object, still has to be given its latest state
//! (*dirty*), or still has to be told of a delete (a *grave*). Pure, and owned
//! by its resource's task alone.

use hashbrown::{Equivalent, HashMap, HashSet};
use meshsync_model::{ObjectRef, ResourceVersion, Uid};

use self::debts::Debts;
use self::namespaces::Namespaces;
use crate::SinkSet;
use crate::mutation::{Mutation, mutated};

mod debts;
mod namespaces;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<Key, Entry>,
    namespaces: Namespaces,
    /// Number of the pass over all objects that is or was last under way.
    pass: u32,
    live: u64,
    debts: Debts,
    /// Where the graves are.
    mourning: HashSet<Key>,
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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    namespace: u32,
    name: Box<str>,
}

/// Hashes as [`Key`] does: the same fields in the same order, and `Box<str>`
/// hashes as `str`.
#[derive(Hash)]
struct BorrowedKey<'a> {
    namespace: u32,
    name: &'a str,
}

impl Equivalent<Key> for BorrowedKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.namespace == key.namespace && *self.name == *key.name
    }
}

#[derive(Debug)]
struct Entry {
    uid: Uid,
    version: ResourceVersion,
    pass: u32,
    live: bool,
    given: SinkSet,
    dirty: SinkSet,
    /// Rarely any: a box keeps entries small.
    #[expect(
        clippy::box_collection,
        reason = "eight bytes in every entry instead of 24"
    )]
    graves: Option<Box<Vec<Grave>>>,
}

/// A delete that some sinks have not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grave {
    /// uid of the object that is gone.
    pub uid: Uid,
    /// Who has to be told.
    pub pending: SinkSet,
}

impl Entry {
    fn new(uid: &str, version: &str, pass: u32) -> Self {
        Self {
            uid: Uid::new(uid),
            version: ResourceVersion::new(version),
            pass,
            live: true,
            given: SinkSet::NONE,
            dirty: SinkSet::NONE,
            graves: None,
        }
    }

    /// The sinks that lack the latest state, and those that have graves.
    fn owed(&self) -> (SinkSet, SinkSet) {
        let dirty = if self.live { self.dirty } else { SinkSet::NONE };
        (dirty, self.mourned())
    }

    fn mourned(&self) -> SinkSet {
        self.graves()
            .iter()
            .fold(SinkSet::NONE, |set, grave| set.with(grave.pending))
    }

    fn graves(&self) -> &[Grave] {
        self.graves.as_deref().map_or(&[], Vec::as_slice)
    }
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
        for entry in self.entries.values_mut() {
            entry.version = ResourceVersion::new("");
        }
    }

    /// Takes a state of an object.
    pub fn apply(&mut self, object: ObjectRef<'_>, version: &str) -> Seen {
        if self.refuses(object, version) {
            return Seen::Stale;
        }
        self.note_newest(version);
        let pass = self.pass;
        let Some(entry) = self
            .namespaces
            .find(object.namespace)
            .and_then(|namespace| {
                self.entries
                    .get_mut(&BorrowedKey::new(namespace, object.name))
            })
        else {
            let key = Key {
                namespace: self.namespaces.retain(object.namespace),
                name: object.name.into(),
            };
            self.entries
                .insert(key, Entry::new(object.uid, version, pass));
            self.live += 1;
            return Seen::Added;
        };
        entry.pass = pass;
        if !entry.live {
            let graves = entry.graves.take();
            *entry = Entry {
                graves,
                ..Entry::new(object.uid, version, pass)
            };
            self.live += 1;
            return Seen::Added;
        }
        if !entry.uid.matches(object.uid) && !mutated(Mutation::SkipRebirth) {
            let before = entry.owed();
            let graves = entry.graves.take();
            let next = Entry {
                graves,
                ..Entry::new(object.uid, version, pass)
            };
            let old = std::mem::replace(entry, next);
            self.debts.shift(before, entry.owed());
            return Seen::Reborn(Gone {
                uid: old.uid,
                given: old.given,
            });
        }
        // Without a resourceVersion nothing can be said to be unchanged.
        if entry.version.matches(version) && !version.is_empty() {
            return Seen::Unchanged;
        }
        entry.version = ResourceVersion::new(version);
        Seen::Modified
    }

    /// Takes the news that an object is gone. `None` when it is not known, or
    /// another one lives under its name.
    pub fn remove(&mut self, object: ObjectRef<'_>) -> Option<Gone> {
        let key = self.key(object)?;
        let entry = self.entries.get_mut(&key)?;
        let other = !object.uid.is_empty() && !entry.uid.matches(object.uid);
        if !entry.live || other {
            return None;
        }
        let before = entry.owed();
        entry.live = false;
        entry.dirty = SinkSet::NONE;
        let gone = Gone {
            uid: entry.uid.clone(),
            given: std::mem::take(&mut entry.given),
        };
        self.debts.shift(before, entry.owed());
        self.live -= 1;
        if entry.graves().is_empty() {
            self.forget(&key);
        }
        Some(gone)
    }

    /// The objects that the pass under way has not shown. Only after a complete
    /// pass are they gone; [`Ledger::remove`] each.
    pub fn unseen(&self) -> Vec<OwnedRef> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.live && entry.pass != self.pass)
            .map(|(key, entry)| self.owned(key, entry.uid.to_string()))
            .collect()
    }

    /// Whether the pass under way, or a change since, has shown this object.
    pub fn is_seen(&self, object: ObjectRef<'_>) -> bool {
        self.entry(object)
            .is_some_and(|entry| entry.live && entry.pass == self.pass)
    }

    /// Every object there is.
    pub fn objects(&self) -> Vec<OwnedRef> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.live)
            .map(|(key, entry)| self.owned(key, entry.uid.to_string()))
            .collect()
    }

    /// The sinks that were given this object; none where it is not known.
    pub fn given(&self, object: ObjectRef<'_>) -> SinkSet {
        self.entry(object)
            .map_or(SinkSet::NONE, |entry| entry.given)
    }

    /// The sinks that have not been told of an earlier delete under this name:
    /// a new state must not overtake it.
    pub fn mourned(&self, object: ObjectRef<'_>) -> SinkSet {
        self.entry(object).map_or(SinkSet::NONE, Entry::mourned)
    }

    /// Notes which sinks of `wanted` took the latest state of a live object.
    pub fn settle(&mut self, object: ObjectRef<'_>, wanted: SinkSet, taken: SinkSet) {
        let Some(key) = self.key(object) else { return };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let before = entry.owed();
        entry.given = entry.given.with(taken);
        entry.dirty = entry.dirty.without(taken).with(wanted.without(taken));
        if mutated(Mutation::DropDirtyMark) {
            entry.dirty = SinkSet::NONE;
        }
        self.debts.shift(before, entry.owed());
    }

    /// Remembers a delete that the sinks of `pending` have not taken.
    pub fn bury(&mut self, object: ObjectRef<'_>, uid: Uid, pending: SinkSet) {
        if pending.is_empty() || mutated(Mutation::LoseTombstone) {
            return;
        }
        let known = self
            .key(object)
            .filter(|key| self.entries.contains_key(key));
        let namespace = match known {
            Some(key) => key.namespace,
            None => self.namespaces.retain(object.namespace),
        };
        let key = Key {
            namespace,
            name: object.name.into(),
        };
        let pass = self.pass;
        self.mourning.insert(key.clone());
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            live: false,
            ..Entry::new("", "", pass)
        });
        let before = entry.owed();
        entry
            .graves
            .get_or_insert_default()
            .push(Grave { uid, pending });
        self.debts.shift(before, entry.owed());
    }

    /// Every object with graves, each object's in their order.
    pub fn graves(&self) -> Vec<(OwnedRef, Vec<Grave>)> {
        self.mourning
            .iter()
            .filter_map(|key| {
                let graves = self.entries.get(key)?.graves().to_vec();
                Some((self.owned(key, String::new()), graves))
            })
            .collect()
    }

    /// Notes that sinks have been told of the delete of `uid`.
    pub fn mourn(&mut self, object: ObjectRef<'_>, uid: &Uid, told: SinkSet) {
        let Some(key) = self.key(object) else { return };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let before = entry.owed();
        if let Some(graves) = &mut entry.graves {
            for grave in graves.iter_mut().filter(|grave| grave.uid == *uid) {
                grave.pending = grave.pending.without(told);
            }
            graves.retain(|grave| !grave.pending.is_empty());
        }
        self.debts.shift(before, entry.owed());
        if entry.graves().is_empty() {
            entry.graves = None;
            let live = entry.live;
            self.mourning.remove(&key);
            if !live {
                self.forget(&key);
            }
        }
    }

    /// The sinks that still have to be given exactly this state of an object.
    /// None when the ledger knows of another state: its own event is on its way
    /// and will be given then.
    pub fn dirty(&self, object: ObjectRef<'_>, version: &str) -> SinkSet {
        self.entry(object)
            .filter(|entry| {
                entry.live && entry.uid.matches(object.uid) && entry.version.matches(version)
            })
            .map_or(SinkSet::NONE, |entry| entry.dirty.without(entry.mourned()))
    }

    /// Whether there is an object of this name, whatever its uid.
    pub fn has(&self, object: ObjectRef<'_>) -> bool {
        self.entry(object).is_some_and(|entry| entry.live)
    }

    /// Whether an object is known in exactly this state.
    pub fn is_current(&self, object: ObjectRef<'_>, version: &str) -> bool {
        self.entry(object).is_some_and(|entry| {
            entry.live && entry.uid.matches(object.uid) && entry.version.matches(version)
        })
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
        match self.entry(object).filter(|entry| entry.live) {
            Some(entry) if entry.uid.matches(object.uid) && entry.version.matches(version) => false,
            // Of this object, or of a later one of its name.
            Some(entry) if entry.version.is_newer_than(version) => true,
            _ => self.complete.as_ref().is_some_and(|complete| {
                complete.matches(version) || complete.is_newer_than(version)
            }),
        }
    }

    fn entry(&self, object: ObjectRef<'_>) -> Option<&Entry> {
        self.entries.get(&self.key(object)?)
    }

    fn key<'a>(&self, object: ObjectRef<'a>) -> Option<BorrowedKey<'a>> {
        let namespace = self.namespaces.find(object.namespace)?;
        Some(BorrowedKey::new(namespace, object.name))
    }

    fn forget(&mut self, key: &BorrowedKey<'_>) {
        if self.entries.remove(key).is_some() {
            self.namespaces.release(key.namespace);
        }
    }

    fn owned(&self, key: &Key, uid: String) -> OwnedRef {
        OwnedRef {
            namespace: self.namespaces.name(key.namespace),
            name: key.name.clone(),
            uid,
        }
    }
}

impl<'a> BorrowedKey<'a> {
    fn new(namespace: u32, name: &'a str) -> Self {
        Self { namespace, name }
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
