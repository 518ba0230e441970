//! The table behind the ledger: entries in chunks, found by namespace and name.
//!
//! It grows chunk by chunk, so that growing never needs twice the memory, and has no allocation
//! per entry. What an entry costs: 48 bytes, the name in granules of eight, and a place in the
//! index (five bytes, at most sixteen sevenths of that).

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use meshsync_model::{ResourceVersion, Uid};

use super::texts::{TextAt, Texts};
use crate::SinkSet;

/// Entries of a chunk. The first chunk grows into it.
const CHUNK_ENTRIES: usize = 256;

/// Where an entry is; good until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EntryAt(u32);

/// What is known of an object, packed.
#[derive(Debug)]
pub(super) struct Entry {
    /// Sixteen bytes, or the place of a text.
    uid: [u8; 16],
    /// A number, or the place of a text.
    version: u64,
    namespace: u32,
    name: TextAt,
    pub(super) pass: u32,
    pub(super) given: SinkSet,
    pub(super) dirty: SinkSet,
    state: State,
    uid_is_text: bool,
    version_is_text: bool,
}

/// What a place is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An object that is there.
    Live,
    /// None, but somebody has to be told of a delete.
    Gone,
    /// Nothing: `namespace` is the next free place.
    Free,
}

impl Entry {
    pub(super) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    pub(super) fn namespace(&self) -> u32 {
        self.namespace
    }

    /// The object is gone, and nobody lacks a state of it.
    pub(super) fn end(&mut self) {
        self.state = State::Gone;
        self.dirty = SinkSet::NONE;
        self.given = SinkSet::NONE;
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Entries {
    chunks: Vec<Vec<Entry>>,
    /// The first of the free places, plus one.
    free: u32,
    index: HashTable<u32>,
    texts: Texts,
    hasher: DefaultHashBuilder,
}

impl Entries {
    pub(super) fn find(&self, namespace: u32, name: &str) -> Option<EntryAt> {
        let hash = self.hash(namespace, name.as_bytes());
        let is_it = |&at: &u32| {
            let entry = self.get(EntryAt(at));
            entry.namespace == namespace && self.texts.get(entry.name) == name.as_bytes()
        };
        self.index.find(hash, is_it).map(|&at| EntryAt(at))
    }

    pub(super) fn get(&self, at: EntryAt) -> &Entry {
        let at = at.0 as usize;
        &self.chunks[at / CHUNK_ENTRIES][at % CHUNK_ENTRIES]
    }

    pub(super) fn get_mut(&mut self, at: EntryAt) -> &mut Entry {
        let at = at.0 as usize;
        &mut self.chunks[at / CHUNK_ENTRIES][at % CHUNK_ENTRIES]
    }

    /// A new entry under a name that has none: gone until it is [born](Self::bear).
    pub(super) fn insert(&mut self, namespace: u32, name: &str) -> EntryAt {
        let entry = Entry {
            uid: [0; 16],
            version: 0,
            namespace,
            name: self.texts.keep(name),
            pass: 0,
            given: SinkSet::NONE,
            dirty: SinkSet::NONE,
            state: State::Gone,
            uid_is_text: false,
            version_is_text: false,
        };
        let at = self.place(entry);
        let hash = self.hash(namespace, name.as_bytes());
        let (chunks, texts, hasher) = (&self.chunks, &self.texts, &self.hasher);
        self.index.insert_unique(hash, at.0, |&at| {
            let entry = &chunks[at as usize / CHUNK_ENTRIES][at as usize % CHUNK_ENTRIES];
            hasher.hash_one((entry.namespace, texts.get(entry.name)))
        });
        at
    }

    /// Forgets an entry and its name.
    pub(super) fn remove(&mut self, at: EntryAt) {
        self.free_texts(at);
        let entry = self.get(at);
        let (namespace, name) = (entry.namespace, entry.name);
        let hash = self.hash(namespace, self.texts.get(name));
        if let Ok(found) = self.index.find_entry(hash, |&other| other == at.0) {
            found.remove();
        }
        self.texts.free(name);
        let next = std::mem::replace(&mut self.free, at.0 + 1);
        let entry = self.get_mut(at);
        entry.state = State::Free;
        entry.namespace = next;
        if self.index.is_empty() {
            *self = Self::default();
        }
    }

    /// An object lives under the name of this entry from now on.
    pub(super) fn bear(&mut self, at: EntryAt, uid: &str, version: &str, pass: u32) {
        self.free_texts(at);
        let uid = Uid::new(uid);
        let (uid, uid_is_text) = match uid.uuid() {
            Some(bytes) => (bytes, false),
            None => {
                let mut bytes = [0; 16];
                let text = self.texts.keep(&uid.to_string());
                bytes[..4].copy_from_slice(&text.0.to_le_bytes());
                (bytes, true)
            }
        };
        let (version, version_is_text) = self.pack_version(version);
        let entry = self.get_mut(at);
        (entry.uid, entry.uid_is_text) = (uid, uid_is_text);
        (entry.version, entry.version_is_text) = (version, version_is_text);
        (entry.pass, entry.state) = (pass, State::Live);
        (entry.given, entry.dirty) = (SinkSet::NONE, SinkSet::NONE);
    }

    pub(super) fn set_version(&mut self, at: EntryAt, version: &str) {
        if let Some(text) = version_text(self.get(at)) {
            self.texts.free(text);
        }
        let (version, version_is_text) = self.pack_version(version);
        let entry = self.get_mut(at);
        (entry.version, entry.version_is_text) = (version, version_is_text);
    }

    pub(super) fn uid(&self, at: EntryAt) -> Uid {
        let entry = self.get(at);
        match uid_text(entry) {
            Some(text) => Uid::new(&self.text(text)),
            None => Uid::of_uuid(entry.uid),
        }
    }

    pub(super) fn uid_matches(&self, at: EntryAt, uid: &str) -> bool {
        let entry = self.get(at);
        match uid_text(entry) {
            Some(text) => self.texts.get(text) == uid.as_bytes(),
            None => Uid::of_uuid(entry.uid).matches(uid),
        }
    }

    pub(super) fn version(&self, at: EntryAt) -> ResourceVersion {
        let entry = self.get(at);
        match version_text(entry) {
            Some(text) => ResourceVersion::new(&self.text(text)),
            None => ResourceVersion::of_number(entry.version),
        }
    }

    pub(super) fn version_matches(&self, at: EntryAt, version: &str) -> bool {
        let entry = self.get(at);
        match version_text(entry) {
            Some(text) => self.texts.get(text) == version.as_bytes(),
            None => ResourceVersion::of_number(entry.version).matches(version),
        }
    }

    pub(super) fn name(&self, at: EntryAt) -> Box<str> {
        self.text(self.get(at).name).into()
    }

    /// Every entry, whether its object lives or not.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EntryAt, &Entry)> {
        self.index
            .iter()
            .map(|&at| (EntryAt(at), self.get(EntryAt(at))))
    }

    fn pack_version(&mut self, version: &str) -> (u64, bool) {
        match ResourceVersion::new(version).number() {
            Some(number) => (number, false),
            None => (self.texts.keep(version).0.into(), true),
        }
    }

    fn place(&mut self, entry: Entry) -> EntryAt {
        if let Some(at) = self.free.checked_sub(1).map(EntryAt) {
            let place = self.get_mut(at);
            let next = place.namespace;
            *place = entry;
            self.free = next;
            return at;
        }
        if self
            .chunks
            .last()
            .is_none_or(|chunk| chunk.len() == CHUNK_ENTRIES)
        {
            let is_first = self.chunks.is_empty();
            let capacity = if is_first { 0 } else { CHUNK_ENTRIES };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        chunk.push(entry);
        EntryAt((number * CHUNK_ENTRIES + chunk.len() - 1) as u32)
    }

    fn free_texts(&mut self, at: EntryAt) {
        let entry = self.get(at);
        for text in [uid_text(entry), version_text(entry)].into_iter().flatten() {
            self.texts.free(text);
        }
        let entry = self.get_mut(at);
        (entry.uid_is_text, entry.version_is_text) = (false, false);
    }

    fn text(&self, at: TextAt) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.texts.get(at))
    }

    fn hash(&self, namespace: u32, name: &[u8]) -> u64 {
        self.hasher.hash_one((namespace, name))
    }
}

fn uid_text(entry: &Entry) -> Option<TextAt> {
    let [a, b, c, d, ..] = entry.uid;
    entry
        .uid_is_text
        .then(|| TextAt(u32::from_le_bytes([a, b, c, d])))
}

fn version_text(entry: &Entry) -> Option<TextAt> {
    entry
        .version_is_text
        .then_some(TextAt(entry.version as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 48);
    }

    #[test]
    fn places_are_used_again_and_all_is_given_back_with_the_last_entry() {
        let mut entries = Entries::default();
        let first = entries.insert(1, "stays");
        entries.bear(first, "no uuid", "no number", 1);
        for round in 0..10_000 {
            let at = entries.insert(1, &format!("pod-{round}"));
            entries.bear(at, &format!("uid {round}"), &format!("v{round}"), 1);
            assert!(entries.uid_matches(at, &format!("uid {round}")));
            entries.remove(at);
        }
        assert_eq!(entries.chunks.iter().map(Vec::len).sum::<usize>(), 2);
        assert!(entries.uid_matches(first, "no uuid"));
        assert!(entries.version_matches(first, "no number"));
        entries.remove(first);
        assert_eq!(entries.chunks.capacity(), 0);
    }

    #[test]
    fn entries_are_found_by_namespace_and_name() {
        let mut entries = Entries::default();
        for number in 0..1_000_u32 {
            let at = entries.insert(number % 10, &format!("pod-{}", number / 10));
            entries.bear(at, "", &number.to_string(), 1);
        }
        for number in 0..1_000_u32 {
            let found = entries.find(number % 10, &format!("pod-{}", number / 10));
            assert!(entries.version_matches(found.unwrap(), &number.to_string()));
        }
        assert_eq!(entries.find(10, "pod-1"), None);
        assert_eq!(entries.find(1, "pod-100"), None);
        assert_eq!(entries.iter().count(), 1_000);
    }
}
