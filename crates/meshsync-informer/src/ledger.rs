//! The ledger: what is known of every object of one resource, without the object.
//!
//! Per object it holds uid, resourceVersion, content hash, and for each sink
//! whether it was given the object, still has to be given its latest state
//! (*dirty*), or still has to be told of a delete (a *grave*). Pure, and owned
//! by its resource's task alone.

use hashbrown::{Equivalent, HashMap};
use meshsync_model::{ContentHash, ObjectRef, ResourceVersion, Uid};

use crate::SinkSet;

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Ledger {
    entries: HashMap<Key, Entry>,
    namespaces: Namespaces,
    /// Number of the pass over all objects that is or was last under way.
    pass: u32,
    live: u64,
    /// Entries for which some sink is dirty or has a grave.
    owing: u64,
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
    hash: Option<[u8; 16]>,
    pass: u32,
    live: bool,
    given: SinkSet,
    dirty: SinkSet,
    graves: Vec<Grave>,
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
    fn owes(&self) -> bool {
        !self.graves.is_empty() || (self.live && !self.dirty.is_empty())
    }

    fn mourned(&self) -> SinkSet {
        self.graves
            .iter()
            .fold(SinkSet::NONE, |set, grave| set.with(grave.pending))
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

    /// Whether some sink still has to be given or told something.
    pub fn owes(&self) -> bool {
        self.owing > 0
    }

    /// Begins a pass over all objects. One that was under way is forgotten;
    /// what it did not confirm stays.
    pub fn begin_pass(&mut self) {
        self.pass = self.pass.wrapping_add(1);
    }

    /// For how many objects some sink is owed a state or a delete.
    pub fn owed_count(&self) -> u64 {
        self.owing
    }

    /// Takes a state of an object.
    pub fn apply(&mut self, object: ObjectRef<'_>, version: &str) -> Seen {
        let pass = self.pass;
        let namespace = self.namespaces.intern(object.namespace);
        let key = BorrowedKey {
            namespace,
            name: object.name,
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            let key = Key {
                namespace,
                name: object.name.into(),
            };
            self.entries
                .insert(key, Entry::new(object.uid, version, pass));
            self.live += 1;
            return Seen::Added;
        };
        entry.pass = pass;
        if !entry.live {
            let graves = std::mem::take(&mut entry.graves);
            *entry = Entry {
                graves,
                ..Entry::new(object.uid, version, pass)
            };
            self.live += 1;
            return Seen::Added;
        }
        if !entry.uid.matches(object.uid) {
            let owed = entry.owes();
            let fresh = Entry::new(object.uid, version, pass);
            let graves = std::mem::take(&mut entry.graves);
            let old = std::mem::replace(entry, Entry { graves, ..fresh });
            self.owing = self.owing - u64::from(owed) + u64::from(entry.owes());
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
        let owed = entry.owes();
        entry.live = false;
        entry.dirty = SinkSet::NONE;
        let gone = Gone {
            uid: entry.uid.clone(),
            given: entry.given,
        };
        entry.given = SinkSet::NONE;
        self.owing = self.owing - u64::from(owed) + u64::from(entry.owes());
        self.live -= 1;
        if entry.graves.is_empty() {
            self.entries.remove(&key);
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
    pub fn settle(
        &mut self,
        object: ObjectRef<'_>,
        wanted: SinkSet,
        taken: SinkSet,
        hash: Option<ContentHash>,
    ) {
        let Some(key) = self.key(object) else { return };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let owed = entry.owes();
        entry.given = entry.given.with(taken);
        entry.dirty = entry.dirty.without(taken).with(wanted.without(taken));
        if let Some(hash) = hash {
            entry.hash = Some(hash.as_u128().to_le_bytes());
        }
        self.owing = self.owing - u64::from(owed) + u64::from(entry.owes());
    }

    /// Remembers a delete that the sinks of `pending` have not taken.
    pub fn bury(&mut self, object: ObjectRef<'_>, uid: Uid, pending: SinkSet) {
        if pending.is_empty() {
            return;
        }
        let pass = self.pass;
        let namespace = self.namespaces.intern(object.namespace);
        let key = Key {
            namespace,
            name: object.name.into(),
        };
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            live: false,
            ..Entry::new("", "", pass)
        });
        let owed = entry.owes();
        entry.graves.push(Grave { uid, pending });
        self.owing = self.owing - u64::from(owed) + 1;
    }

    /// Every object with a grave.
    pub fn graves(&self) -> Vec<(OwnedRef, Vec<Grave>)> {
        self.entries
            .iter()
            .filter(|(_, entry)| !entry.graves.is_empty())
            .map(|(key, entry)| (self.owned(key, String::new()), entry.graves.clone()))
            .collect()
    }

    /// Notes that sinks have been told of the delete of `uid`.
    pub fn mourn(&mut self, object: ObjectRef<'_>, uid: &Uid, told: SinkSet) {
        let Some(key) = self.key(object) else { return };
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let owed = entry.owes();
        for grave in entry.graves.iter_mut().filter(|grave| grave.uid == *uid) {
            grave.pending = grave.pending.without(told);
        }
        entry.graves.retain(|grave| !grave.pending.is_empty());
        self.owing = self.owing - u64::from(owed) + u64::from(entry.owes());
        if !entry.live && entry.graves.is_empty() {
            self.entries.remove(&key);
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

    /// How many live objects some sink has not the latest state of.
    pub fn dirty_count(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.live && !entry.dirty.is_empty())
            .count()
    }

    /// The sinks that are owed something.
    pub fn owed(&self) -> SinkSet {
        if self.owing == 0 {
            return SinkSet::NONE;
        }
        self.entries.values().fold(SinkSet::NONE, |set, entry| {
            let dirty = if entry.live {
                entry.dirty
            } else {
                SinkSet::NONE
            };
            set.with(dirty).with(entry.mourned())
        })
    }

    fn entry(&self, object: ObjectRef<'_>) -> Option<&Entry> {
        self.entries.get(&self.key(object)?)
    }

    fn key<'a>(&self, object: ObjectRef<'a>) -> Option<BorrowedKey<'a>> {
        let namespace = self.namespaces.find(object.namespace)?;
        Some(BorrowedKey {
            namespace,
            name: object.name,
        })
    }

    fn owned(&self, key: &Key, uid: String) -> OwnedRef {
        OwnedRef {
            namespace: self.namespaces.name(key.namespace),
            name: key.name.clone(),
            uid,
        }
    }
}

impl Entry {
    fn new(uid: &str, version: &str, pass: u32) -> Self {
        Self {
            uid: Uid::new(uid),
            version: ResourceVersion::new(version),
            hash: None,
            pass,
            live: true,
            given: SinkSet::NONE,
            dirty: SinkSet::NONE,
            graves: Vec::new(),
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

/// Namespace names, each kept once. Number 0 is no namespace.
#[derive(Debug, Default)]
struct Namespaces {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Namespaces {
    fn intern(&mut self, namespace: Option<&str>) -> u32 {
        let Some(namespace) = namespace else { return 0 };
        if let Some(number) = self.numbers.get(namespace) {
            return *number;
        }
        self.names.push(namespace.into());
        let number = self.names.len() as u32;
        self.numbers.insert(namespace.into(), number);
        number
    }

    fn find(&self, namespace: Option<&str>) -> Option<u32> {
        match namespace {
            None => Some(0),
            Some(namespace) => self.numbers.get(namespace).copied(),
        }
    }

    fn name(&self, number: u32) -> Option<Box<str>> {
        let at = (number as usize).checked_sub(1)?;
        self.names.get(at).cloned()
    }
}

#[cfg(test)]
mod tests;
