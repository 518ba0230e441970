//! From one object to its evidence.

use std::sync::Arc;

use meshsync_model::Object;

use super::record::{Claim, ObjectId, Record};
use super::scan::{Scanner, controller};
use super::stated::{View, fill};
use super::subject::Subject;
use super::{instance, resolve};
use crate::catalog::{Catalog, TOP};

/// Sees evidence in objects. Has scratch memory, and nothing to do with which
/// objects there are: each task may have its own.
#[derive(Debug)]
pub struct Scout {
    catalog: Arc<Catalog>,
    scanner: Scanner,
    releases: bool,
}

/// What an object says about products.
#[derive(Debug)]
pub struct Evidence {
    pub(crate) id: ObjectId,
    pub(crate) record: Record,
}

impl Scout {
    /// A scout that knows these rules.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            scanner: Scanner::default(),
            releases: false,
        }
    }

    /// Looks at Helm's records of releases too: at Secrets of type
    /// `helm.sh/release.v1`, of which nothing is kept but the chart's name and versions.
    #[must_use]
    pub fn with_releases(mut self) -> Self {
        self.releases = true;
        self
    }

    /// Whether objects of that kind are looked at: all others say nothing.
    pub fn cares(&self, group: &str, kind: &str) -> bool {
        self.subject(group, kind).is_some()
    }

    fn subject(&self, group: &str, kind: &str) -> Option<Subject> {
        match (group, kind) {
            ("", "Secret") => self.releases.then_some(Subject::Release),
            _ => Subject::of(group, kind),
        }
    }

    /// What an object says; `None` for most.
    pub fn look(&mut self, group: &str, kind: &str, object: &Object<'_>) -> Option<Evidence> {
        let subject = self.subject(group, kind)?;
        if is_test(object) {
            return None;
        }
        let owner = controller(object);
        // What Nodes and custom resources control has no other object that says it.
        let is_owned = owner.as_ref().is_some_and(|owner| {
            Subject::of(&owner.group, &owner.kind).is_some_and(Subject::is_workload)
        });
        let is_copy = is_owned
            && match (subject, kind) {
                (Subject::Pod, _) => true,
                // Their owner has said it all, and their pods say the rest.
                (Subject::Workload, "ReplicaSet" | "Job" | "ReplicationController") => {
                    return None;
                }
                _ => false,
            };
        let catalog = &*self.catalog;
        let reading = self
            .scanner
            .scan(catalog, subject, group, kind, object, is_copy);
        let named = catalog.named_sources(subject, group, kind, object.name());
        if self.scanner.hits.is_empty() && named.is_empty() {
            return None;
        }
        let containers = reading.containers.len();
        let hits = &self.scanner.hits;
        let mut claims = resolve::claims(catalog, subject, containers, is_copy, hits);
        for &rule in named {
            if claims.iter().all(|claim| claim.rule != rule) {
                claims.push(Claim {
                    rule,
                    component: TOP,
                    ..Claim::default()
                });
            }
        }
        if claims.is_empty() {
            return None;
        }
        let view = View {
            subject,
            group,
            kind,
            object,
            reading: &reading,
        };
        for claim in &mut claims {
            fill(catalog, claim, &view);
        }
        claims.sort_by_key(|claim| (claim.rule, claim.standing));
        let record = Record {
            uid: object.uid().into(),
            release: match &reading.release {
                Some(release) => release.name.as_str().into(),
                None => instance::release(subject, kind, object, owner.as_ref()).into(),
            },
            services: reading.services,
            claims,
        };
        let id = ObjectId::new(group, kind, object.namespace(), object.name());
        Some(Evidence { id, record })
    }
}

/// Whether Helm runs it to test a release (`helm.sh/hook: test`, or `test-success`
/// of old): it has the labels of what it tests, and is none of it.
fn is_test(object: &Object<'_>) -> bool {
    // Most objects are passed over without reading a single annotation.
    let may_be = object
        .metadata("annotations")
        .is_some_and(|raw| raw.contains("helm.sh/hook"));
    may_be
        && object
            .annotations()
            .any(|(key, value)| key == "helm.sh/hook" && value.split(',').any(is_test_hook))
}

fn is_test_hook(hook: &str) -> bool {
    matches!(hook.trim(), "test" | "test-success" | "test-failure")
}
