//! The selection: patterns, and the order they decide in.

use std::str::FromStr;

use meshsync_model::Resource;
use thiserror::Error;

use super::builtin::is_custom;
use super::{
    Decision, Depth, EventRule, Managed, NamespaceSelection, Pattern, Pushed, Reason, Rule,
};
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

/// Which resources are observed, and which of their objects.
///
/// The default is every object of every resource that can be listed and watched, without events,
/// leases and component statuses. Which *resources* is decided in this order:
///
/// 1. What cannot be listed is never observed.
/// 2. `exclude` wins over everything below; only rules without conditions leave out a resource.
/// 3. `within` narrows everything below, `namespaces` may leave out what is of cluster scope.
/// 4. `also` adds: whatever matches is observed, default exclusions included, and what cannot be
///    watched is polled.
/// 5. `include` narrows: where there are rules, only what they match is observed. Of the
///    default exclusions and of what cannot be watched only what they name ([`Rule::names`]).
/// 6. `custom` adds what is not of Kubernetes' own groups to what `include` selects.
///
/// Which *objects* of such a resource, in this order ([`View::judge`](crate::View::judge)):
///
/// 1. Not those of other namespaces than `namespaces`.
/// 2. Not those that opted out, by themselves or with their namespace ([`IGNORE`](crate::IGNORE)).
/// 3. Not those whose namespace lacks the labels asked for.
/// 4. Not those for which a rule under `exclude` holds.
/// 5. All others, where the resource is observed by a rule without conditions or by default; else
///    those for which a rule under `also` or `include` holds.
/// 6. Of them those of the origin `managed`.
///
/// What is observed of each resource is its [`View`](crate::View).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these; everything where there are none.
    pub include: Vec<Rule>,
    /// Not these.
    pub exclude: Vec<Rule>,
    /// These on top of the others, whatever the defaults say.
    pub also: Vec<Rule>,
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
    /// Whether objects and namespaces may opt out.
    pub opt_out: OptOut,
}

/// Whether the annotation [`IGNORE`](crate::IGNORE) on an object or a namespace counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptOut {
    /// What has it is not observed.
    #[default]
    Honoured,
    /// It changes nothing, and nothing is asked of namespaces for it.
    Disregarded,
}

impl OptOut {
    /// The name in options and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Disregarded => "disregarded",
        }
    }
}

impl FromStr for OptOut {
    type Err = OptOutError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Honoured, Self::Disregarded]
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| OptOutError(text.to_owned()))
    }
}

/// A text that is no [`OptOut`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is neither honoured nor disregarded")]
pub struct OptOutError(String);

/// The rules that speak of the objects of one resource.
pub(super) struct Rules<'a> {
    /// An object has to meet one of them; none where all objects are wanted.
    pub(super) admit: Option<Vec<&'a Rule>>,
    /// An object must meet none of them.
    pub(super) reject: Vec<&'a Rule>,
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
        let rules = [&self.include, &self.exclude, &self.also].into_iter();
        rules
            .flatten()
            .map(Rule::pattern)
            .chain(&self.within)
            .filter(|pattern| !resources.iter().any(|resource| pattern.matches(resource)))
            .collect()
    }

    /// The rules that speak of the objects of a resource that is observed.
    pub(super) fn rules(&self, resource: &Resource) -> Rules<'_> {
        let is_named_only = unless_named(resource).is_some();
        let includes = |rule: &&Rule| match is_named_only {
            true => rule.names(resource),
            false => rule.matches(resource),
        };
        let everything = (self.include.is_empty() && !is_named_only)
            || (self.custom && is_custom(&resource.gvk.group));
        let also = self.also.iter().filter(|rule| rule.matches(resource));
        let admit: Vec<&Rule> = also.chain(self.include.iter().filter(includes)).collect();
        let everything = everything || admit.iter().any(|rule| !rule.has_conditions());
        let exclude = self.exclude.iter();
        let reject = exclude.filter(|rule| rule.has_conditions() && rule.matches(resource));
        Rules {
            admit: (!everything).then_some(admit),
            reject: reject.collect(),
        }
    }

    /// The decision, and the pattern that made it where one says yes.
    fn verdict(&self, resource: &Resource) -> (Decision, Option<&Pattern>) {
        let (decision, pattern) = self.verdict_of_names(resource);
        if decision.observed
            && let Err(rule) = Pushed::new(&self.rules(resource))
        {
            let rule = rule.to_string();
            return (Decision::left_out(Reason::Fields { rule }), None);
        }
        (decision, pattern)
    }

    fn verdict_of_names(&self, resource: &Resource) -> (Decision, Option<&Pattern>) {
        if !resource.listable {
            return (Decision::left_out(Reason::NotListable), None);
        }
        let excludes = |rule: &Rule| !rule.has_conditions() && rule.matches(resource);
        if let Some(rule) = first(&self.exclude, excludes) {
            let pattern = rule.to_string();
            return (Decision::left_out(Reason::Excluded { pattern }), None);
        }
        if !self.within.is_empty() && !self.within.iter().any(|pattern| pattern.matches(resource)) {
            return (Decision::left_out(Reason::NotWithin), None);
        }
        if !resource.namespaced && !self.namespaces.has_cluster_scope() {
            return (Decision::left_out(Reason::ClusterScope), None);
        }
        if let Some(also) = first(&self.also, |rule| rule.matches(resource)) {
            let pattern = also.to_string();
            let decision = Decision::observed(Reason::Also { pattern });
            return (decision, Some(also.pattern()));
        }
        if let Some(include) = first(&self.include, |rule| rule.names(resource)) {
            return (included(include), Some(include.pattern()));
        }
        if let Some(reason) = unless_named(resource) {
            return (Decision::left_out(reason), None);
        }
        if self.include.is_empty() {
            return (Decision::observed(Reason::Default), None);
        }
        match first(&self.include, |rule| rule.matches(resource)) {
            Some(include) => (included(include), Some(include.pattern())),
            None if self.custom && is_custom(&resource.gvk.group) => {
                (Decision::observed(Reason::Custom), None)
            }
            None => (Decision::left_out(Reason::NotIncluded), None),
        }
    }
}

fn first(rules: &[Rule], is_it: impl Fn(&Rule) -> bool) -> Option<&Rule> {
    rules.iter().find(|rule| is_it(rule))
}

fn included(rule: &Rule) -> Decision {
    let pattern = rule.to_string();
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
