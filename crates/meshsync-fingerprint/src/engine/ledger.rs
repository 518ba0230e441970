//! Evidence by object, and the verdicts it adds up to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meshsync_model::Object;

use super::instance::{Known, verdicts_of};
use super::record::{ObjectId, Record};
use super::scan::{Scanner, controller};
use super::stated::{View, fill};
use super::subject::Subject;
use super::verdict::{Proof, Verdict};
use super::{instance, resolve};
use crate::catalog::Catalog;

/// Takes objects as they come, change and go, and says what is installed.
///
/// What it says depends on the objects that are there alone. An object that no
/// rule knows is not remembered.
#[derive(Debug)]
pub struct Engine {
    catalog: Arc<Catalog>,
    scanner: Scanner,
    objects: BTreeMap<Arc<ObjectId>, Record>,
    by_rule: BTreeMap<u16, BTreeSet<Arc<ObjectId>>>,
}

impl Engine {
    /// An engine that knows of no object yet.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            scanner: Scanner::default(),
            objects: BTreeMap::new(),
            by_rule: BTreeMap::new(),
        }
    }

    /// The rules it uses.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// How many objects it remembers.
    pub fn remembered(&self) -> usize {
        self.objects.len()
    }

    /// Takes an object's state. Returns whether any evidence changed.
    pub fn apply(&mut self, group: &str, kind: &str, object: &Object<'_>) -> bool {
        let Some(subject) = Subject::of(group, kind) else {
            return false;
        };
        let record = self.record(subject, group, kind, object);
        let id = ObjectId {
            group: group.into(),
            kind: kind.into(),
            namespace: object.namespace().unwrap_or_default().into(),
            name: object.name().into(),
        };
        match record {
            None => self.forget(&id),
            Some(record) => self.remember(id, record),
        }
    }

    /// Takes the news that an object is gone. Returns whether any evidence went
    /// with it.
    pub fn remove(&mut self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> bool {
        self.forget(&ObjectId {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.unwrap_or_default().into(),
            name: name.into(),
        })
    }

    /// Everything that is installed, in order of products, namespaces and instances.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let mut all: Vec<(u16, Verdict)> = Vec::new();
        for (&rule, objects) in &self.by_rule {
            let known = objects.iter().filter_map(|id| {
                let record = self.objects.get(id)?;
                let claim = record.claims.iter().find(|claim| claim.rule == rule)?;
                Some(Known { id, record, claim })
            });
            let known: Vec<Known<'_>> = known.collect();
            let found = verdicts_of(&self.catalog, rule, &known);
            all.extend(found.into_iter().map(|verdict| (rule, verdict)));
        }
        instance::relate(&self.catalog, all)
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

    fn record(
        &mut self,
        subject: Subject,
        group: &str,
        kind: &str,
        object: &Object<'_>,
    ) -> Option<Record> {
        let catalog = Arc::clone(&self.catalog);
        let reading = self.scanner.scan(&catalog, subject, group, kind, object);
        let named = catalog.named_sources(subject, group, kind, object.name());
        if self.scanner.hits.is_empty() && named.is_empty() {
            return None;
        }
        let owner = controller(object);
        let is_owned = owner.is_some();
        let copies = subject == Subject::Workload && matches!(kind, "ReplicaSet" | "Job");
        let owned_pod = is_owned && (subject == Subject::Pod || copies);
        let containers = reading.containers.len();
        let hits = &self.scanner.hits;
        let mut claims = resolve::claims(&catalog, subject, containers, owned_pod, hits);
        for &rule in named {
            if claims.iter().all(|claim| claim.rule != rule) {
                claims.push(super::record::Claim {
                    rule,
                    component: crate::catalog::TOP,
                    ..Default::default()
                });
            }
        }
        let view = View {
            subject,
            group,
            kind,
            object,
            reading: &reading,
        };
        for claim in &mut claims {
            fill(&catalog, claim, &view);
        }
        if claims.is_empty() {
            return None;
        }
        claims.sort_by_key(|claim| claim.rule);
        Some(Record {
            uid: object.uid().into(),
            release: instance::release(object, owner.as_ref()).into(),
            is_workload: subject.is_workload(),
            services: reading.services,
            claims,
        })
    }

    fn remember(&mut self, id: ObjectId, record: Record) -> bool {
        if self.objects.get(&id) == Some(&record) {
            return false;
        }
        self.forget(&id);
        let id = Arc::new(id);
        for claim in &record.claims {
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
