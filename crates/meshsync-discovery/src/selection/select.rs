//! The selection: patterns, and the order they decide in.

use meshsync_model::Resource;

use super::builtin::is_custom;
use super::{Decision, Depth, EventRule, Managed, NamespaceSelection, Pattern, Reason};
use crate::{Catalog, Served};

/// What is left out unless it is named, and why.
const EXCLUDED_BY_DEFAULT: &[(&str, &str, &str)] = &[
    ("", "componentstatuses", DEPRECATED),
    ("", "events", OCCURRENCES),
    ("coordination.k8s.io", "leases", HEARTBEATS),
    ("events.k8s.io", "events", OCCURRENCES),
];

/// <https://kubernetes.io/docs/reference/using-api/deprecation-guide/> and the API reference:
/// `v1` `ComponentStatus` is deprecated since 1.19.
const DEPRECATED: &str = "it is deprecated and reports nothing reliable";
const OCCURRENCES: &str = "it says what happened and not what is";
/// Each kubelet renews its own every 10 s, each leader every 2 s:
/// <https://kubernetes.io/docs/concepts/architecture/leases/>.
const HEARTBEATS: &str = "it is renewed every few seconds and says nothing else";

/// Which resources are observed.
///
/// The default is every resource that can be listed and watched, without events, leases and
/// component statuses. In this order:
///
/// 1. What cannot be listed is never observed.
/// 2. `exclude` wins over everything below.
/// 3. `within` narrows everything below, `namespaces` may leave out what is of cluster scope.
/// 4. `also` adds: whatever matches is observed, default exclusions included, and what cannot be
///    watched is polled.
/// 5. `include` narrows: where there are patterns, only what they match is observed. Of the
///    default exclusions and of what cannot be watched only what they name ([`Pattern::names`]).
/// 6. `custom` adds what is not of Kubernetes' own groups to what `include` selects.
///
/// What is observed of each resource is its [`View`](crate::View): namespaces, origin, changes, depth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these; everything where there are none.
    pub include: Vec<Pattern>,
    /// Not these.
    pub exclude: Vec<Pattern>,
    /// These on top of the others, whatever the defaults say.
    pub also: Vec<Pattern>,
    /// Objects of these namespaces, and of cluster scope.
    pub namespaces: NamespaceSelection,
    /// Whatever selects a resource, it has to match one of these too; no such condition where
    /// there are none.
    pub within: Vec<Pattern>,
    /// Resources outside of Kubernetes' own groups, as they come and go, on top of `include`.
    pub custom: bool,
    /// Which changes are told, where not all are; the first rule that matches a resource.
    pub events: Vec<EventRule>,
    /// Objects that Meshery deployed, those it did not, or all.
    pub managed: Managed,
    /// How much of each object is observed.
    pub depth: Depth,
}

impl Selection {
    /// Whether a resource is observed, and why.
    pub fn decide(&self, resource: &Resource) -> Decision {
        self.verdict(resource).0
    }

    /// What to observe of something served: as a rule [`Served::resource`].
    ///
    /// Where that one is left out, another version is chosen if a pattern speaks of the version
    /// (`horizontalpodautoscalers.v1.autoscaling`), and a twin if a pattern speaks of its group
    /// (`events.events.k8s.io`): who writes it down wants just that one.
    pub fn choose<'a>(&self, served: &'a Served) -> (&'a Resource, Decision) {
        let (decision, _) = self.verdict(&served.resource);
        if decision.observed {
            return (&served.resource, decision);
        }
        let versions = served.other_versions.iter().map(|other| (other, false));
        let twins = served.twins.iter().map(|twin| (twin, true));
        for (resource, is_twin) in versions.chain(twins) {
            if let (decision, Some(pattern)) = self.verdict(resource)
                && decision.observed
                && (pattern.has_version_of(resource) || (is_twin && pattern.has_group()))
            {
                return (resource, decision);
            }
        }
        (&served.resource, decision)
    }

    /// The patterns that match nothing the server has, under any version or group: most often a
    /// typing error.
    pub fn unmatched<'a>(&'a self, catalog: &Catalog) -> Vec<&'a Pattern> {
        let resources: Vec<&Resource> = catalog
            .documents()
            .iter()
            .flat_map(|document| &document.resources)
            .collect();
        [&self.include, &self.exclude, &self.also, &self.within]
            .into_iter()
            .flatten()
            .filter(|pattern| !resources.iter().any(|resource| pattern.matches(resource)))
            .collect()
    }

    /// The decision, and the pattern that made it where one says yes.
    fn verdict(&self, resource: &Resource) -> (Decision, Option<&Pattern>) {
        if !resource.listable {
            return (Decision::left_out(Reason::NotListable), None);
        }
        if let Some(pattern) = first(&self.exclude, |pattern| pattern.matches(resource)) {
            let pattern = pattern.to_string();
            return (Decision::left_out(Reason::Excluded { pattern }), None);
        }
        if !self.within.is_empty()
            && first(&self.within, |pattern| pattern.matches(resource)).is_none()
        {
            return (Decision::left_out(Reason::NotWithin), None);
        }
        if !resource.namespaced && !self.namespaces.has_cluster_scope() {
            return (Decision::left_out(Reason::ClusterScope), None);
        }
        if let Some(also) = first(&self.also, |pattern| pattern.matches(resource)) {
            let pattern = also.to_string();
            return (Decision::observed(Reason::Also { pattern }), Some(also));
        }
        if let Some(include) = first(&self.include, |pattern| pattern.names(resource)) {
            return (included(include), Some(include));
        }
        if let Some(reason) = unless_named(resource) {
            return (Decision::left_out(reason), None);
        }
        if self.include.is_empty() {
            return (Decision::observed(Reason::Default), None);
        }
        match first(&self.include, |pattern| pattern.matches(resource)) {
            Some(include) => (included(include), Some(include)),
            None if self.custom && is_custom(&resource.gvk.group) => {
                (Decision::observed(Reason::Custom), None)
            }
            None => (Decision::left_out(Reason::NotIncluded), None),
        }
    }
}

fn first(patterns: &[Pattern], is_it: impl Fn(&Pattern) -> bool) -> Option<&Pattern> {
    patterns.iter().find(|pattern| is_it(pattern))
}

fn included(pattern: &Pattern) -> Decision {
    let pattern = pattern.to_string();
    Decision::observed(Reason::Included { pattern })
}

/// What speaks against a resource that nobody named.
fn unless_named(resource: &Resource) -> Option<Reason> {
    let excluded = EXCLUDED_BY_DEFAULT
        .iter()
        .find(|(group, plural, _)| *group == resource.gvk.group && *plural == resource.plural);
    match excluded {
        Some((_, _, why)) => Some(Reason::ExcludedByDefault { why }),
        None if !resource.watchable => Some(Reason::NotWatchable),
        None => None,
    }
}
