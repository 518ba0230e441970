//! What the stream holds, as far as a writer has to know: per object the sequence
//! of its last message and what that says, 24 bytes and what a hash table adds.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use meshsync_model::ResourceId;
use xxhash_rust::xxh3::xxh3_64;

use super::mark::{Digest, Mark};

/// An object's place: the hash of its subject. Two subjects of one hash, one pair
/// in some ten billion clusters of 100,000 objects, cost each other a round trip
/// at every change and make the digest of their resource useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place(u64);

impl Place {
    pub(super) fn of(subject: &str) -> Self {
        Self(xxh3_64(subject.as_bytes()))
    }
}

/// The last message of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Sequence, and in the highest bit whether this run was given the object.
    seq: u64,
    /// The [`Mark`] of the state, 0 for a tombstone.
    mark: u64,
}

const SEEN: u64 = 1 << 63;

impl Entry {
    pub(super) fn new(seq: u64, mark: Option<Mark>) -> Self {
        let mark = mark.map_or(0, Mark::as_u64);
        Self { seq, mark }
    }

    pub(super) fn seq(self) -> u64 {
        self.seq & !SEEN
    }

    pub(super) fn is_live(self) -> bool {
        self.mark != 0
    }

    pub(super) fn says(self, mark: Mark) -> bool {
        self.mark == mark.as_u64()
    }

    fn is_seen(self) -> bool {
        self.seq & SEEN != 0
    }

    /// Live, and this run was not given it.
    fn is_stray(self) -> bool {
        self.is_live() && !self.is_seen()
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Held {
    shelves: HashMap<ResourceId, Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<u64, Entry, BuildHasherDefault<AsItIs>>,
    live: u64,
    strays: u64,
    digest: Digest,
}

impl Held {
    pub(super) fn find(&self, resource: &ResourceId, place: Place) -> Option<Entry> {
        self.shelves.get(resource)?.entries.get(&place.0).copied()
    }

    /// Notes the last message of a subject; whether this run was given the object
    /// stays as it was.
    pub(super) fn note(&mut self, resource: &ResourceId, place: Place, entry: Entry) {
        let seen = self
            .find(resource, place)
            .is_some_and(|old| old.is_seen() && entry.is_live());
        self.put(resource, place, entry, seen);
    }

    /// Notes that this run was given an object, and what is the last message now.
    pub(super) fn give(&mut self, resource: &ResourceId, place: Place, entry: Entry) {
        self.put(resource, place, entry, entry.is_live());
    }

    fn put(&mut self, resource: &ResourceId, place: Place, mut entry: Entry, seen: bool) {
        entry.seq = entry.seq() | if seen { SEEN } else { 0 };
        let shelf = match self.shelves.get_mut(resource) {
            Some(shelf) => shelf,
            None => self.shelves.entry(resource.clone()).or_default(),
        };
        let old = shelf.entries.insert(place.0, entry);
        shelf.account(old, Some(entry));
    }

    /// Forgets a subject that has no message any more.
    pub(super) fn forget(&mut self, resource: &ResourceId, place: Place) {
        if let Some(shelf) = self.shelves.get_mut(resource) {
            let old = shelf.entries.remove(&place.0);
            shelf.account(old, None);
        }
    }

    /// How many live objects of a resource there are, and their digest.
    pub(super) fn summary(&self, resource: &ResourceId) -> (u64, Digest) {
        self.shelves
            .get(resource)
            .map(|shelf| (shelf.live, shelf.digest))
            .unwrap_or_default()
    }

    /// How many live objects of a resource this run was not given.
    pub(super) fn strays(&self, resource: &ResourceId) -> u64 {
        self.shelves.get(resource).map_or(0, |shelf| shelf.strays)
    }

    pub(super) fn is_stray(&self, resource: &ResourceId, place: Place) -> bool {
        self.find(resource, place).is_some_and(Entry::is_stray)
    }

    /// Begins a reading of a resource, or of everything: nothing has been given yet.
    pub(super) fn begin_again(&mut self, of: Option<&ResourceId>) {
        for (_, shelf) in self.shelves.iter_mut().filter(|(id, _)| is_of(id, of)) {
            for entry in shelf.entries.values_mut() {
                entry.seq = entry.seq();
            }
            shelf.strays = shelf.live;
        }
    }

    /// Ends it: what was not given is not there.
    pub(super) fn drop_strays(&mut self, of: Option<&ResourceId>) {
        for (_, shelf) in self.shelves.iter_mut().filter(|(id, _)| is_of(id, of)) {
            let strays: Vec<u64> = shelf
                .entries
                .iter()
                .filter(|(_, entry)| entry.is_stray())
                .map(|(place, _)| *place)
                .collect();
            for place in strays {
                let old = shelf.entries.remove(&place);
                shelf.account(old, None);
            }
        }
    }

    /// The resources of which there are live objects that this run was not given.
    pub(super) fn stray_resources(&self) -> Vec<ResourceId> {
        let shelves = self.shelves.iter();
        let strays = shelves.filter(|(_, shelf)| shelf.strays > 0);
        strays.map(|(resource, _)| resource.clone()).collect()
    }

    /// Takes what was read back in place of what was known. Returns the resources
    /// of which something that this run was given is not there as it was, what is
    /// in `doubt` aside.
    pub(super) fn replace(&mut self, mut read: Self, doubt: &HashSet<Place>) -> Vec<ResourceId> {
        let mut lost = Vec::new();
        for (resource, shelf) in std::mem::take(&mut self.shelves) {
            let mut differs = false;
            for (place, old) in shelf.entries.into_iter().filter(|(_, old)| old.is_seen()) {
                let place = Place(place);
                let new = read.find(&resource, place);
                differs |= new.is_none_or(|new| new.mark != old.mark) && !doubt.contains(&place);
                if let Some(new) = new.filter(|new| new.is_live()) {
                    read.give(&resource, place, new);
                }
            }
            if differs {
                lost.push(resource);
            }
        }
        *self = read;
        lost
    }
}

fn is_of(id: &ResourceId, of: Option<&ResourceId>) -> bool {
    of.is_none_or(|of| of == id)
}

impl Shelf {
    fn account(&mut self, old: Option<Entry>, new: Option<Entry>) {
        if let Some(old) = old.filter(|old| old.is_live()) {
            self.live -= 1;
            self.strays -= u64::from(old.is_stray());
            self.digest.sub(old.mark);
        }
        if let Some(new) = new.filter(|new| new.is_live()) {
            self.live += 1;
            self.strays += u64::from(new.is_stray());
            self.digest.add(new.mark);
        }
    }
}

/// Places are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only u64 is hashed here; anything else would still be hashed well.
        self.0 ^= xxh3_64(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> ResourceId {
        ResourceId::new("", "pods")
    }

    fn mark(text: &str) -> Mark {
        Mark::of(text, "", "", "", "")
    }

    fn live(seq: u64, text: &str) -> Entry {
        Entry::new(seq, Some(mark(text)))
    }

    #[test]
    fn counts_and_digest_follow_what_is_noted() {
        let (mut held, pods) = (Held::default(), pods());
        let (a, b) = (Place::of("a"), Place::of("b"));
        held.note(&pods, a, live(1, "a1"));
        held.note(&pods, b, live(2, "b1"));
        assert_eq!(held.strays(&pods), 2);
        held.give(&pods, a, live(3, "a2"));
        let expected = Digest::default().with(mark("a2")).with(mark("b1"));
        assert_eq!(held.summary(&pods), (2, expected));
        assert!(held.is_stray(&pods, b) && !held.is_stray(&pods, a));
        held.give(&pods, b, Entry::new(4, None));
        assert_eq!(held.summary(&pods), (1, Digest::default().with(mark("a2"))));
        assert_eq!(held.strays(&pods), 0);
        held.forget(&pods, b);
        assert_eq!(held.find(&pods, b), None);
        assert_eq!(held.find(&pods, a).unwrap().seq(), 3);
    }

    #[test]
    fn what_was_read_back_takes_the_place_and_losses_are_named() {
        let (mut held, pods) = (Held::default(), pods());
        let [a, b, c, d] = ["a", "b", "c", "d"].map(Place::of);
        for (place, text) in [(a, "a"), (b, "b"), (c, "c")] {
            held.give(&pods, place, live(1, text));
        }
        let mut read = Held::default();
        read.note(&pods, a, live(1, "a"));
        read.note(&pods, b, live(2, "another"));
        read.note(&pods, d, live(3, "stray"));
        let doubt = HashSet::from([b, c]);
        assert_eq!(held.replace(read, &doubt), [], "b and c are on their way");
        assert!(!held.is_stray(&pods, a) && !held.is_stray(&pods, b));
        assert!(held.is_stray(&pods, d));
        assert_eq!(held.summary(&pods).0, 3);
        let lost = held.replace(Held::default(), &HashSet::new());
        assert_eq!(lost, std::slice::from_ref(&pods));
        assert_eq!(held.summary(&pods), (0, Digest::default()));
    }
}
