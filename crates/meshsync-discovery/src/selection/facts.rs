//! What is known of the namespaces of a cluster.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshsync_model::Object;

use super::LabelSelector;

/// Annotation on an object, or on its namespace, that leaves it out: `"true"`.
pub const IGNORE: &str = "meshsync.io/ignore";

/// What selections ask of namespaces: labels, and whether they opted out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    known: BTreeMap<String, Namespace>,
    /// Those of them that opted out, shared by the views of all resources.
    ignored: Arc<BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Namespace {
    labels: BTreeMap<String, String>,
    ignored: bool,
}

impl Namespaces {
    /// Takes the state of a namespace; returns whether it says anything new.
    pub fn take(&mut self, namespace: &Object<'_>) -> bool {
        let own = |(key, value): (Cow<'_, str>, Cow<'_, str>)| (key.into(), value.into());
        let next = Namespace {
            labels: namespace.labels().map(own).collect(),
            ignored: opts_out(namespace),
        };
        if self.known.get(namespace.name()) == Some(&next) {
            return false;
        }
        let name = namespace.name();
        if self.ignored.contains(name) != next.ignored {
            let ignored = Arc::make_mut(&mut self.ignored);
            if next.ignored {
                ignored.insert(name.to_owned());
            } else {
                ignored.remove(name);
            }
        }
        self.known.insert(name.to_owned(), next);
        true
    }

    /// Forgets a namespace; returns whether it was known.
    pub fn forget(&mut self, name: &str) -> bool {
        if self.ignored.contains(name) {
            Arc::make_mut(&mut self.ignored).remove(name);
        }
        self.known.remove(name).is_some()
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Those that opted out.
    pub(super) fn ignored(&self) -> &Arc<BTreeSet<String>> {
        &self.ignored
    }

    /// Those with such labels.
    pub(super) fn labelled(&self, selector: &LabelSelector) -> BTreeSet<String> {
        let known = self.known.iter();
        let matching = known.filter(|(_, namespace)| {
            let value = |key: &str| {
                namespace
                    .labels
                    .get(key)
                    .map(|value| Cow::from(value.as_str()))
            };
            selector.matches(value)
        });
        matching.map(|(name, _)| name.clone()).collect()
    }
}

/// Whether an object says that it is not to be observed.
pub(super) fn opts_out(object: &Object<'_>) -> bool {
    // Hardly any does, and this is asked of each.
    let may = object
        .metadata("annotations")
        .is_some_and(|raw| memchr::memmem::find(raw.as_bytes(), NEEDLE).is_some());
    may && object
        .annotations()
        .any(|(key, value)| key == IGNORE && value == "true")
}

/// The part of [`IGNORE`] that every writer of JSON leaves as it is; a slash may be escaped.
const NEEDLE: &[u8] = b"ignore";
