//! The catalog: everything served, each thing once.

use std::collections::{HashMap, HashSet};

use meshsync_model::{Resource, ResourceId};

use super::alias::ALIASES;
use super::{
    Answer, Discovered, DiscoveredGroup, Freshness, GroupVersion, GroupVersionDocument, RootAnswer,
    Unavailable,
};

/// What an API server serves right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Every group version, groups in the server's order, versions in order of preference.
    documents: Vec<GroupVersionDocument>,
    unavailable: Vec<(GroupVersion, Unavailable)>,
    served: Vec<Served>,
    by_id: HashMap<ResourceId, usize>,
}

/// One resource, at the version to observe it at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The resource at the first version, in order of preference, that has it.
    pub resource: Resource,
    /// Whether the server says so now, or said so last.
    pub freshness: Freshness,
    /// The same resource at the other versions of its group, in order of preference.
    pub other_versions: Vec<Resource>,
    /// The same objects under another group, such as `events.v1.events.k8s.io`.
    pub twins: Vec<Resource>,
}

impl Catalog {
    /// What is served after `discovered`, where `previous` was served before.
    ///
    /// - What a complete answer does not name is gone.
    /// - A group version that is unavailable keeps the resources of `previous`, marked stale, and
    ///   changes nothing for the others.
    pub fn update(previous: Option<&Self>, discovered: Discovered) -> Self {
        let mut next = Self::default();
        next.add_root(previous, discovered.core, |group| group.is_empty());
        next.add_root(previous, discovered.named, |group| !group.is_empty());
        next.served = merge_twins(one_per_id(&next.documents));
        next.by_id = next
            .served
            .iter()
            .enumerate()
            .map(|(at, served)| (served.resource.id(), at))
            .collect();
        next
    }

    /// Everything served, one per group and plural name, in the server's order.
    pub fn served(&self) -> impl ExactSizeIterator<Item = &Served> {
        self.served.iter()
    }

    /// One of [`Self::served`] by its name. A twin is not found under its own name.
    pub fn find(&self, id: &ResourceId) -> Option<&Served> {
        self.by_id.get(id).and_then(|at| self.served.get(*at))
    }

    /// Every group version with all its resources, groups in the server's order, versions in
    /// order of preference.
    pub fn documents(&self) -> &[GroupVersionDocument] {
        &self.documents
    }

    /// The group versions that gave no answer to rely on, and why.
    pub fn unavailable(&self) -> &[(GroupVersion, Unavailable)] {
        &self.unavailable
    }

    /// Whether a change of an object of this resource can change the catalog: custom resource
    /// definitions and API services.
    pub fn is_discovery_relevant(id: &ResourceId) -> bool {
        matches!(
            (id.group.as_str(), id.plural.as_str()),
            ("apiextensions.k8s.io", "customresourcedefinitions")
                | ("apiregistration.k8s.io", "apiservices")
        )
    }

    /// Whether a change of an object of this resource can change what is permitted to
    /// somebody, and where: namespaces, roles and their bindings.
    pub fn is_permission_relevant(id: &ResourceId) -> bool {
        matches!(
            (id.group.as_str(), id.plural.as_str()),
            ("", "namespaces")
                | (
                    "rbac.authorization.k8s.io",
                    "roles" | "rolebindings" | "clusterroles" | "clusterrolebindings"
                )
        )
    }

    fn add_root(
        &mut self,
        previous: Option<&Self>,
        answer: RootAnswer,
        is_of_root: impl Fn(&str) -> bool,
    ) {
        match answer {
            RootAnswer::Complete(groups) => {
                for group in groups {
                    self.add_group(previous, group);
                }
            }
            RootAnswer::Unavailable(reason) => {
                let known = previous.into_iter().flat_map(|known| &known.documents);
                for document in known.filter(|document| is_of_root(&document.group)) {
                    self.keep(Some(document), document.group_version(), reason.clone());
                }
            }
        }
    }

    fn add_group(&mut self, previous: Option<&Self>, group: DiscoveredGroup) {
        for version in group.versions {
            let name = GroupVersion::new(&group.name, version.version);
            match version.answer {
                Answer::Served(resources) => self.push(name, resources, Freshness::Current),
                Answer::Unavailable(reason) => {
                    let known = previous.and_then(|known| known.document(&name));
                    self.keep(known, name, reason);
                }
            }
        }
    }

    /// Adds a group version as it was last known.
    fn keep(
        &mut self,
        known: Option<&GroupVersionDocument>,
        name: GroupVersion,
        reason: Unavailable,
    ) {
        let known = known.map(|document| &document.resources);
        let resources = match (known.filter(|known| !known.is_empty()), &reason) {
            (Some(known), _) => known.clone(),
            (None, Unavailable::Stale { remembered }) => remembered.clone(),
            (None, _) => Vec::new(),
        };
        self.unavailable.push((name.clone(), reason));
        self.push(name, resources, Freshness::Stale);
    }

    fn push(&mut self, name: GroupVersion, resources: Vec<Resource>, freshness: Freshness) {
        self.documents.push(GroupVersionDocument {
            group: name.group,
            version: name.version,
            resources,
            freshness,
        });
    }

    fn document(&self, name: &GroupVersion) -> Option<&GroupVersionDocument> {
        self.documents
            .iter()
            .find(|document| document.group == name.group && document.version == name.version)
    }
}

/// The first version that has a resource is the one to observe it at.
fn one_per_id(documents: &[GroupVersionDocument]) -> Vec<Served> {
    let mut served: Vec<Served> = Vec::new();
    let mut by_id: HashMap<ResourceId, usize> = HashMap::new();
    for document in documents {
        for resource in &document.resources {
            let at = *by_id.entry(resource.id()).or_insert(served.len());
            match served.get_mut(at) {
                Some(first) => first.other_versions.push(resource.clone()),
                None => served.push(Served {
                    resource: resource.clone(),
                    freshness: document.freshness,
                    other_versions: Vec::new(),
                    twins: Vec::new(),
                }),
            }
        }
    }
    served
}

/// Moves what is served under two groups to the one to keep.
fn merge_twins(mut served: Vec<Served>) -> Vec<Served> {
    let mut dropped = HashSet::new();
    for alias in ALIASES {
        let position = |group: &str| {
            served.iter().position(|served| {
                served.resource.plural == alias.plural && served.resource.gvk.group == group
            })
        };
        let (Some(keep), Some(drop)) = (position(alias.keep), position(alias.drop)) else {
            continue;
        };
        let twin = &served[drop];
        let twins: Vec<Resource> = std::iter::once(&twin.resource)
            .chain(&twin.other_versions)
            .cloned()
            .collect();
        served[keep].twins.extend(twins);
        dropped.insert(drop);
    }
    let mut at = 0;
    served.retain(|_| {
        at += 1;
        !dropped.contains(&(at - 1))
    });
    served
}
