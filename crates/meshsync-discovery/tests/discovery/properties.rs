//! Properties that hold for any input.

use std::collections::{BTreeMap, BTreeSet};

use meshsync_discovery::{
    Catalog, Delta, Depth, GroupVersionDocument, NamespaceSelection, Pattern, Preset, RootDocument,
    Rule, Selection, TierRule, WatchPlan,
};
use meshsync_model::{Resource, ResourceId};
use proptest::{collection::vec, prelude::*};

use crate::fixture::{resource, round};

/// A server: for each of some groups and versions its resources, as one line.
fn server() -> impl Strategy<Value = Vec<String>> {
    let line = (
        prop::sample::select(vec![
            "v1",
            "a.io/v2",
            "a.io/v1",
            "extensions/v1beta1",
            "apps/v1",
        ]),
        vec(
            prop::sample::select(vec!["as", "bs", "deployments", "daemonsets"]),
            0..4,
        ),
    )
        .prop_map(|(name, plurals)| format!("{name}: {}", plurals.join(" ")));
    vec(line, 0..6)
}

/// Rules on the resources of such a server, some of them with conditions on objects.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let texts = [
        "as",
        "*.a.io",
        "bs.a.io",
        "v1/Kind",
        "deployments",
        "*",
        "as@team-*",
        "bs labels=app=web",
        "* name=tmp-*",
        "daemonsets.apps fields=metadata.name=x",
    ];
    let rule = prop::sample::select(texts.to_vec()).prop_map(|text| text.parse().expect("a rule"));
    vec(rule, 0..4)
}

/// What a user may select of it.
fn selection() -> impl Strategy<Value = Selection> {
    let tiers = [
        "as=detail",
        "*.a.io=presence",
        "deployments@team-*=detail",
        "*=presence",
    ];
    let tier = prop::sample::select(tiers.to_vec())
        .prop_map(|text| text.parse::<TierRule>().expect("a rule"));
    let preset = prop::sample::select(vec![Preset::Presence, Preset::Standard, Preset::Full]);
    let namespaces = prop::sample::select(vec!["", "default", "team-*"]);
    (
        rules(),
        rules(),
        rules(),
        vec(tier, 0..3),
        preset,
        namespaces,
    )
        .prop_map(
            |(include, exclude, also, tiers, preset, namespace)| Selection {
                include,
                exclude,
                also,
                namespaces: NamespaceSelection::only((!namespace.is_empty()).then_some(namespace))
                    .expect("a namespace"),
                depth: Depth {
                    preset,
                    rules: tiers,
                    ..Depth::default()
                },
                ..Selection::default()
            },
        )
}

/// The ids of what a delta touches.
fn touched(delta: &Delta) -> BTreeSet<ResourceId> {
    let single = delta.start.iter().chain(&delta.stop);
    let single = single.map(Resource::id);
    let restarted = delta.restart.iter().map(|(old, _)| old.id());
    let all: Vec<_> = single.chain(restarted).collect();
    let set: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "touched twice: {all:?}");
    set
}

/// The server's answer where the lines that `away` marks are unavailable.
fn with_some_away(lines: &[String], away: &[bool]) -> String {
    let line = |(at, line): (usize, &String)| match line.split_once(':') {
        Some((name, _)) if away.get(at) == Some(&true) => format!("{name}! 503"),
        _ => line.clone(),
    };
    let lines: Vec<String> = lines.iter().enumerate().map(line).collect();
    lines.join("\n")
}

fn names(plan: &WatchPlan) -> Vec<String> {
    plan.resources().map(ToString::to_string).collect()
}

fn apply(plan: &WatchPlan, delta: Delta) -> Vec<String> {
    let mut running: BTreeMap<ResourceId, Resource> = plan
        .resources()
        .map(|resource| (resource.id(), resource.clone()))
        .collect();
    for old in delta.stop {
        assert_eq!(running.remove(&old.id()), Some(old));
    }
    for (old, new) in delta.restart {
        assert_eq!(old.id(), new.id());
        assert_eq!(running.insert(new.id(), new), Some(old));
    }
    for new in delta.start {
        assert_eq!(running.insert(new.id(), new), None);
    }
    running.values().map(ToString::to_string).collect()
}

/// Text that comes near a pattern.
fn near_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-cV1.*?/{},\\[\\]-]{0,24}",
        "[{},a]{0,600}",
        "(\\*|\\?|[a-z]|\\.){0,500}",
    ]
}

proptest! {
    #[test]
    fn a_delta_applied_to_the_old_plan_gives_the_new_one(old in server(), new in server()) {
        let selection = Selection::default();
        let old = Catalog::update(None, round(&old.join("\n")));
        let new = Catalog::update(Some(&old), round(&new.join("\n")));
        let (old, new) = (WatchPlan::new(&old, &selection), WatchPlan::new(&new, &selection));
        prop_assert_eq!(apply(&old, old.delta(&new)), names(&new));
        prop_assert!(new.delta(&new).is_empty());
    }

    /// From any server and selection to any other.
    #[test]
    fn a_delta_between_selections_gives_the_new_plan_and_touches_only_what_differs(
        servers in (server(), server()), same_server in any::<bool>(),
        selections in (selection(), selection()), same_selection in any::<bool>(),
    ) {
        let before = Catalog::update(None, round(&servers.0.join("\n")));
        let after = if same_server {
            before.clone()
        } else {
            Catalog::update(Some(&before), round(&servers.1.join("\n")))
        };
        let of_new = if same_selection { &selections.0 } else { &selections.1 };
        let a = WatchPlan::new(&before, &selections.0);
        let b = WatchPlan::new(&after, of_new);
        let delta = a.delta(&b);
        let differs = |id: &ResourceId| a.find(id) != b.find(id);
        let ids = a.resources().chain(b.resources()).map(Resource::id);
        let different: BTreeSet<ResourceId> = ids.filter(differs).collect();
        prop_assert_eq!(touched(&delta), different);
        prop_assert_eq!(apply(&a, delta), names(&b));
    }

    /// A rule more that names one resource changes neither whether any other is observed, nor how.
    #[test]
    fn a_rule_about_one_resource_touches_no_other(
        server in server(), selection in selection(), which in any::<prop::sample::Index>(),
        excluded in any::<bool>(),
    ) {
        let catalog = Catalog::update(None, round(&server.join("\n")));
        let before = WatchPlan::new(&catalog, &selection);
        // Of a pair of groups that serve the same objects one stands in for the other.
        let is_alone = |resource: &&Resource| !["apps", "extensions"].contains(&&*resource.gvk.group);
        let all: Vec<&Resource> = before.resources().filter(is_alone).collect();
        if all.is_empty() {
            return Ok(());
        }
        let one = which.get(&all);
        let name = format!("{}.{}.{}", one.plural, one.gvk.version, one.gvk.group);
        let one = one.id();
        let mut next = selection.clone();
        if excluded {
            next.exclude.push(name.parse().expect("a rule"));
        } else {
            next.depth.rules.insert(0, format!("{name}=presence").parse().expect("a rule"));
        }
        let after = WatchPlan::new(&catalog, &next);
        let others: BTreeSet<ResourceId> = touched(&before.delta(&after));
        prop_assert!(others.iter().all(|id| *id == one), "{:?} beside {}", others, one);
        prop_assert_eq!(others.contains(&one), excluded);
        for resource in all.iter().filter(|resource| resource.id() != one) {
            prop_assert_eq!(selection.view(resource), next.view(resource), "{}", resource);
        }
    }

    #[test]
    fn what_is_unavailable_changes_no_plan(lines in server(), away in vec(any::<bool>(), 6)) {
        // A server names each group version once.
        let mut lines = lines;
        lines.sort();
        lines.dedup_by_key(|line| line.split(':').next().map(str::to_owned));
        let selection = Selection::default();
        let before = Catalog::update(None, round(&lines.join("\n")));
        let after = Catalog::update(Some(&before), round(&with_some_away(&lines, &away)));
        let plan = WatchPlan::new(&before, &selection);
        prop_assert!(plan.delta(&WatchPlan::new(&after, &selection)).is_empty());
        prop_assert_eq!(before.served().len(), after.served().len());
    }

    #[test]
    fn no_bytes_make_a_document_panic(bytes in vec(any::<u8>(), 0..256)) {
        drop(RootDocument::parse(&bytes));
        drop(GroupVersionDocument::parse(&bytes));
    }

    #[test]
    fn no_change_to_a_document_makes_it_panic(at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = br#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2",
            "items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1","freshness":"Stale",
            "resources":[{"resource":"deployments","responseKind":{"group":"","kind":"Deployment"},
            "scope":"Namespaced","verbs":["list","watch"],"shortNames":["deploy"]}]}]}]}"#
            .to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        drop(RootDocument::parse(&bytes));
        bytes.truncate(at);
        drop(RootDocument::parse(&bytes));
    }

    #[test]
    fn no_text_makes_a_pattern_panic(text in near_pattern()) {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(pattern.as_str(), &text);
            let pods = resource("pods.v1. Pod po");
            prop_assert!(pattern.matches(&pods) || !pattern.names(&pods));
        }
    }

    #[test]
    fn every_resource_is_matched_by_each_of_its_full_names(
        plural in "[a-z]{1,12}", version in "v[12](beta1)?", group in "([a-z]{1,8}(\\.[a-z]{1,8}){0,2})?",
    ) {
        let resource = resource(&format!("{plural}.{version}.{group} Kind"));
        let slashed = format!("{group}/{version}/Kind");
        for text in [format!("{plural}.{version}.{group}"), format!("{plural}.{group}"), slashed] {
            let pattern = Pattern::parse(&text);
            // A group that looks like a version cannot be told from one.
            if let Ok(pattern) = pattern {
                prop_assert!(pattern.names(&resource), "{} on {}", text, resource);
            }
        }
    }
}
