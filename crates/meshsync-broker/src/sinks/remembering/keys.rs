//! The keys in a journal, and the lines that they are written as.

use std::collections::HashMap;
use std::sync::Arc;

use meshsync_model::{EventType, Gvk, ObjectKey, Resource};
use serde::{Deserialize, Serialize};

use crate::Batch;

/// A journal is written anew when it has this many lines more than twice the keys
/// that are in it.
const SURPLUS_LINES_MAX: usize = 10_000;

/// An object that was published and not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedObject {
    /// Its resource, at the version it was published at.
    pub resource: Resource,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// What a journal says, line by line.
#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: HashMap<Arc<ObjectKey>, Arc<Resource>>,
    resources: HashMap<(Gvk, String), Arc<Resource>>,
    lines: usize,
}

/// Lines to write, and what is so once they are written.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) lines: Vec<u8>,
    keys: Vec<(Arc<ObjectKey>, Arc<Resource>)>,
    there: bool,
}

/// One line: a key that was published, or is no longer.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "is")]
    there: bool,
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    plural: &'a str,
    namespaced: bool,
    namespace: Option<&'a str>,
    name: &'a str,
}

#[derive(Deserialize)]
struct LineOwned {
    #[serde(rename = "is")]
    there: bool,
    group: String,
    version: String,
    kind: String,
    plural: String,
    namespaced: bool,
    namespace: Option<String>,
    name: String,
}

impl Keys {
    /// Takes up lines that were written in an earlier life; returns how many could
    /// not be read, as the last one of a process that was killed.
    pub(super) fn replay(&mut self, text: &[u8]) -> usize {
        let mut unreadable = 0;
        for text in text
            .split(|byte| *byte == b'\n')
            .filter(|text| !text.is_empty())
        {
            self.lines += 1;
            match serde_json::from_slice::<LineOwned>(text) {
                Ok(line) => self.take_up(line),
                Err(_) => unreadable += 1,
            }
        }
        unreadable
    }

    fn take_up(&mut self, line: LineOwned) {
        let gvk = Gvk::new(line.group, line.version, line.kind);
        let resource = self
            .resources
            .entry((gvk.clone(), line.plural.clone()))
            .or_insert_with(|| Arc::new(Resource::new(gvk, line.plural, line.namespaced)));
        let key = ObjectKey {
            resource: resource.id().into(),
            namespace: line.namespace.map(Into::into),
            name: line.name.into(),
        };
        if line.there {
            self.keys.insert(Arc::new(key), Arc::clone(resource));
        } else {
            self.keys.remove(&key);
        }
    }

    pub(super) fn published(&self) -> Vec<PublishedObject> {
        let published = self.keys.iter().map(|(key, resource)| PublishedObject {
            resource: Resource::clone(resource),
            namespace: key.namespace.as_deref().map(str::to_owned),
            name: key.name.to_string(),
        });
        published.collect()
    }

    /// What of a batch is about to be published for the first time.
    pub(super) fn unknown(&self, batch: &Batch) -> Entries {
        let deliveries = batch.deliveries.iter();
        let states = deliveries.filter(|delivery| delivery.event != EventType::Deleted);
        let keys = states.filter_map(|delivery| {
            let (key, resource) = (delivery.key.as_ref()?, delivery.resource.as_ref()?);
            let is_new = !self.keys.contains_key(key);
            is_new.then(|| (Arc::clone(key), Arc::clone(resource)))
        });
        Entries::of(keys.collect(), true)
    }

    /// What of a batch was published as deleted, unless something of that name was
    /// published after it.
    pub(super) fn gone(&self, batch: &Batch) -> Entries {
        let mut gone: HashMap<&Arc<ObjectKey>, bool> = HashMap::new();
        for delivery in &batch.deliveries {
            if let Some(key) = &delivery.key {
                gone.insert(key, delivery.event == EventType::Deleted);
            }
        }
        let gone = gone.into_iter().filter(|(_, gone)| *gone);
        let known = gone.filter_map(|(key, _)| self.keys.get_key_value(key));
        let keys = known.map(|(key, resource)| (Arc::clone(key), Arc::clone(resource)));
        Entries::of(keys.collect(), false)
    }

    /// What these have and `other` lacks.
    #[cfg(feature = "nats")]
    pub(super) fn without(&self, other: &Self) -> Entries {
        let keys = self.keys.iter();
        let lacking = keys.filter(|(key, _)| !other.keys.contains_key(*key));
        let keys = lacking.map(|(key, resource)| (Arc::clone(key), Arc::clone(resource)));
        Entries::of(keys.collect(), true)
    }

    /// All of them.
    pub(super) fn all(&self) -> Entries {
        let keys = self.keys.iter();
        let keys = keys.map(|(key, resource)| (Arc::clone(key), Arc::clone(resource)));
        Entries::of(keys.collect(), true)
    }

    /// Notes that these lines are in the journal now. Only now: what is not written
    /// down must not be taken for it at the next try.
    pub(super) fn written(&mut self, entries: Entries) {
        self.lines += entries.keys.len();
        for (key, resource) in entries.keys {
            if entries.there {
                self.keys.insert(key, resource);
            } else {
                self.keys.remove(&key);
            }
        }
    }

    /// Whether the journal should be written anew.
    pub(super) fn is_bulky(&self) -> bool {
        self.lines > self.keys.len() * 2 + SURPLUS_LINES_MAX
    }

    /// Notes that nothing but the keys is in the journal.
    pub(super) fn rewritten(&mut self) {
        self.lines = self.keys.len();
    }
}

impl Entries {
    fn of(keys: Vec<(Arc<ObjectKey>, Arc<Resource>)>, there: bool) -> Self {
        let mut lines = Vec::new();
        for (key, resource) in &keys {
            push_line(&mut lines, there, key, resource);
        }
        Self { lines, keys, there }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn push_line(lines: &mut Vec<u8>, there: bool, key: &ObjectKey, resource: &Resource) {
    let line = Line {
        there,
        group: &resource.gvk.group,
        version: &resource.gvk.version,
        kind: &resource.gvk.kind,
        plural: &resource.plural,
        namespaced: resource.namespaced,
        namespace: key.namespace.as_deref(),
        name: &key.name,
    };
    // Texts and flags: there is nothing in it that could not be written.
    if serde_json::to_writer(&mut *lines, &line).is_ok() {
        lines.push(b'\n');
    }
}
