//! Evidence by object, and the verdicts it adds up to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshsync_model::Object;

use super::instance::{self, Known, Part, verdicts_of};
use super::record::{ObjectId, Record};
use super::relate::relate;
use super::scout::{Evidence, Scout};
use super::subject::Subject;
use super::verdict::{Proof, Verdict};
use crate::catalog::Catalog;

/// Takes objects as they come, change and go, and says what is installed.
///
/// What it says depends on the objects that are there alone. An object that no
/// rule knows is not remembered.
#[derive(Debug)]
pub struct Engine {
    catalog: Arc<Catalog>,
    scout: Scout,
    objects: BTreeMap<Arc<ObjectId>, Record>,
    by_rule: BTreeMap<u16, BTreeSet<Arc<ObjectId>>>,
    /// Rules whose objects changed since their verdicts were made.
    stale: BTreeSet<u16>,
    /// Verdicts of each rule, without their relations to others.
    made: BTreeMap<u16, Vec<Verdict>>,
}

impl Engine {
    /// An engine that knows of no object yet.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            scout: Scout::new(Arc::clone(&catalog)),
            catalog,
            objects: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            stale: BTreeSet::new(),
            made: BTreeMap::new(),
        }
    }

    /// Looks at Helm's records of releases too; see [`Scout::with_releases`].
    #[must_use]
    pub fn with_releases(mut self) -> Self {
        self.scout = self.scout.with_releases();
        self
    }

    /// The rules it uses.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// How many objects it remembers.
    pub fn remembered(&self) -> usize {
        self.objects.len()
    }

    /// Whether verdicts may have changed since they were last asked for.
    pub fn is_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Takes an object's state. Returns whether any evidence changed.
    pub fn apply(&mut self, group: &str, kind: &str, object: &Object<'_>) -> bool {
        match self.scout.look(group, kind, object) {
            Some(evidence) => self.put(evidence),
            None => self.remove(group, kind, object.namespace(), object.name()),
        }
    }

    /// Takes what a [`Scout`] of the same catalog saw in an object. Returns whether
    /// any evidence changed.
    pub fn put(&mut self, evidence: Evidence) -> bool {
        let Evidence { id, record } = evidence;
        self.remember(id, record)
    }

    /// Takes the news that an object is gone. Returns whether any evidence went
    /// with it.
    pub fn remove(&mut self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> bool {
        !self.objects.is_empty()
            && (Subject::of(group, kind).is_some() || (group.is_empty() && kind == "Secret"))
            && self.forget(&ObjectId::new(group, kind, namespace, name))
    }

    /// Everything that is installed, in order of products, namespaces and
    /// instances. Only what changed since the last time is worked out again.
    pub fn verdicts(&mut self) -> Vec<Verdict> {
        self.refresh();
        relate(&self.catalog, &self.made)
    }

    /// All that speaks for a product, whether it is enough for a verdict or not.
    pub fn evidence_of(&self, product: &str) -> Vec<Proof> {
        let mut all = Vec::new();
        for (id, record) in &self.objects {
            for claim in &record.claims {
                if self.catalog.rule_at(claim.rule).id == product {
                    instance::push_proofs(&self.catalog, Known { id, record, claim }, &mut all);
                }
            }
        }
        instance::sort_proofs(&mut all);
        all
    }

    fn refresh(&mut self) {
        let stale = std::mem::take(&mut self.stale);
        let catalog = Arc::clone(&self.catalog);
        let is_bundle = |rule: &u16| catalog.rule_at(*rule).bundle;
        let (bundles, plain): (Vec<u16>, Vec<u16>) = stale.into_iter().partition(is_bundle);
        let changed = !plain.is_empty();
        for rule in plain {
            self.make(rule, &[]);
        }
        // What bundles contain may have changed with any of them.
        let bundles: Vec<u16> = if changed {
            let all = self.by_rule.keys().chain(&bundles).copied();
            let all: BTreeSet<u16> = all.filter(is_bundle).collect();
            all.into_iter().collect()
        } else {
            bundles
        };
        if bundles.is_empty() {
            return;
        }
        let parts: Vec<Part> = self.made.values().flatten().filter_map(Part::of).collect();
        for rule in bundles {
            self.make(rule, &parts);
        }
    }

    fn make(&mut self, rule: u16, parts: &[Part]) {
        let known: Vec<Known<'_>> = self
            .by_rule
            .get(&rule)
            .into_iter()
            .flatten()
            .filter_map(|id| {
                let record = self.objects.get(id)?;
                let claim = record.claims.iter().find(|claim| claim.rule == rule)?;
                Some(Known { id, record, claim })
            })
            .collect();
        let verdicts = verdicts_of(&self.catalog, rule, &known, parts);
        if verdicts.is_empty() {
            self.made.remove(&rule);
        } else {
            self.made.insert(rule, verdicts);
        }
    }

    fn remember(&mut self, id: ObjectId, record: Record) -> bool {
        if self.objects.get(&id) == Some(&record) {
            return false;
        }
        self.forget(&id);
        let id = Arc::new(id);
        for claim in &record.claims {
            self.stale.insert(claim.rule);
            self.by_rule
                .entry(claim.rule)
                .or_default()
                .insert(Arc::clone(&id));
        }
        self.objects.insert(id, record);
        true
    }

    fn forget(&mut self, id: &ObjectId) -> bool {
        let Some(record) = self.objects.remove(id) else {
            return false;
        };
        for claim in &record.claims {
            self.stale.insert(claim.rule);
            if let Some(objects) = self.by_rule.get_mut(&claim.rule) {
                objects.remove(id);
                if objects.is_empty() {
                    self.by_rule.remove(&claim.rule);
                }
            }
        }
        true
    }
}
