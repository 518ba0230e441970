//! What to observe, and what changes from one plan to the next.

use std::collections::BTreeMap;

use meshsync_model::{Resource, ResourceId};

use crate::{Catalog, Selection};

/// The resources to observe.
///
/// A resource that is not watchable is in it only because somebody named it; it is polled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchPlan {
    resources: BTreeMap<ResourceId, Resource>,
}

/// What to do to get from one plan to the next, in order of the resources' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// To observe from now on.
    pub start: Vec<Resource>,
    /// No longer to observe.
    pub stop: Vec<Resource>,
    /// The same resource in another way, such as at another version: old and new.
    pub restart: Vec<(Resource, Resource)>,
}

impl Delta {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.start.is_empty() && self.stop.is_empty() && self.restart.is_empty()
    }
}

impl WatchPlan {
    /// Everything in `catalog` that `selection` wants. What is stale stays in it.
    pub fn new(catalog: &Catalog, selection: &Selection) -> Self {
        let resources = catalog
            .served()
            .map(|served| selection.choose(served))
            .filter(|(_, decision)| decision.observed)
            .map(|(resource, _)| (resource.id(), resource.clone()))
            .collect();
        Self { resources }
    }

    /// Its resources, in order of their names.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = &Resource> {
        self.resources.values()
    }

    /// One of its resources.
    pub fn find(&self, id: &ResourceId) -> Option<&Resource> {
        self.resources.get(id)
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there is nothing to observe.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Adds a resource of an earlier plan that is not to be given up yet.
    pub fn keep(&mut self, resource: Resource) {
        self.resources.entry(resource.id()).or_insert(resource);
    }

    /// What to do to get from here to `next`.
    ///
    /// A resource whose watch would be the same is not in it, whatever else changed about the
    /// resource, such as its short names.
    pub fn delta(&self, next: &Self) -> Delta {
        let mut delta = Delta::default();
        for (id, old) in &self.resources {
            match next.resources.get(id) {
                None => delta.stop.push(old.clone()),
                Some(new) if !is_same_watch(old, new) => {
                    delta.restart.push((old.clone(), new.clone()));
                }
                Some(_) => {}
            }
        }
        for (id, new) in &next.resources {
            if !self.resources.contains_key(id) {
                delta.start.push(new.clone());
            }
        }
        delta
    }
}

/// Names every field, so that a new one cannot be forgotten here.
fn is_same_watch(old: &Resource, new: &Resource) -> bool {
    let Resource {
        gvk,
        plural,
        singular: _,
        short_names: _,
        categories: _,
        namespaced,
        listable,
        watchable,
    } = old;
    *gvk == new.gvk
        && *plural == new.plural
        && *namespaced == new.namespaced
        && *listable == new.listable
        && *watchable == new.watchable
}
