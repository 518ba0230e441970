//! What is seen of a resource where not everything is permitted.

use std::collections::BTreeSet;

use meshsync_discovery::{Grants, Place};
use meshsync_model::Resource;

/// What is seen of a resource that we may not list everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The namespaces in which it is observed, each by a watch of its own.
    pub namespaces: BTreeSet<String>,
    /// What of it is not seen.
    pub not_seen: NotSeen,
}

/// What of a resource is not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NotSeen {
    /// Nothing that is wanted.
    Nothing,
    /// Its objects in these namespaces.
    Namespaces(BTreeSet<String>),
    /// All of it but [`Access::namespaces`]; which other namespaces there are is
    /// not for us to know.
    #[default]
    TheRest,
}

impl Access {
    /// What it takes to see everything.
    pub fn missing(&self, resource: &Resource) -> Grants {
        let mut grants = Grants::default();
        match &self.not_seen {
            NotSeen::Nothing => {}
            NotSeen::Namespaces(names) => {
                for name in names {
                    grants.observe(Place::Namespace(name.clone()), resource);
                }
            }
            NotSeen::TheRest => grants.observe(Place::Cluster, resource),
        }
        grants
    }
}
