//! The selection: what is observed of a small server, and why.

use meshsync_discovery::{
    Catalog, EventRule, Events, Managed, NamespaceSelection, Pattern, Reason, Selection, Step,
};
use meshsync_model::{EventType, Gvk, Index, Resource};

use crate::fixture::{resource, round};

const PODS: &str = "pods.v1. Pod po";
const EVENTS: &str = "events.v1. Event ev";
const LEASES: &str = "leases.v1.coordination.k8s.io Lease";
const COMPONENTS: &str = "componentstatuses.v1. ComponentStatus cs @cluster -watch";
const METRICS: &str = "pods.v1beta1.metrics.k8s.io PodMetrics -watch";
const REVIEWS: &str = "tokenreviews.v1.authentication.k8s.io TokenReview @cluster -list -watch";

/// A selection from words: `+` is `also`, `-` is `exclude`, without a mark it is `include`.
fn select(words: &str) -> Selection {
    let mut selection = Selection::default();
    for word in words.split_whitespace() {
        let (patterns, text) = match word.split_at(1) {
            ("+", text) => (&mut selection.also, text),
            ("-", text) => (&mut selection.exclude, text),
            _ => (&mut selection.include, word),
        };
        patterns.push(text.parse().expect("a rule"));
    }
    selection
}

fn check(selection: &str, text: &str, expected: &str) {
    let decision = select(selection).decide(&resource(text));
    assert_eq!(decision.to_string(), expected, "{selection:?} on {text}");
}

#[test]
fn by_default_what_can_be_listed_and_watched_is_observed() {
    check("", PODS, "observed: it can be listed and watched");
    check("", REVIEWS, "not observed: the server does not list it");
    check(
        "",
        METRICS,
        "not observed: the server does not offer to watch it; name it under also to have it polled",
    );
}

#[test]
fn some_resources_are_left_out_by_default() {
    let happened = "not observed: left out by default, it says what happened and not what is; \
                    name it under also";
    check("", EVENTS, happened);
    check("", "events.v1.events.k8s.io Event", happened);
    check(
        "",
        LEASES,
        "not observed: left out by default, it is renewed every few seconds and says nothing \
         else; name it under also",
    );
    check(
        "",
        COMPONENTS,
        "not observed: left out by default, it is deprecated and reports nothing reliable; name \
         it under also",
    );
    check(
        "",
        "events.v1.eventing.example.org Event",
        "observed: it can be listed and watched",
    );
}

#[test]
fn include_narrows_and_lifts_what_it_names() {
    check("pods", PODS, "observed: included by \"pods\"");
    check(
        "*.apps services",
        PODS,
        "not observed: no include pattern matches it",
    );
    check("* events", EVENTS, "observed: included by \"events\"");
    check("Lease", LEASES, "observed: included by \"Lease\"");
    check("cs", COMPONENTS, "observed: included by \"cs\"");
    check(
        "pods.metrics.k8s.io",
        METRICS,
        "observed: included by \"pods.metrics.k8s.io\"",
    );
}

#[test]
fn a_glob_under_include_lifts_nothing() {
    for (pattern, text) in [("*", EVENTS), ("*.v1.", EVENTS), ("*.*.k8s.io", LEASES)] {
        let decision = select(pattern).decide(&resource(text));
        assert!(!decision.observed, "{pattern} on {text}: {decision}");
    }
    let polled = select("*").decide(&resource(METRICS));
    assert!(!polled.observed, "{polled}");
}

#[test]
fn the_plural_of_pods_does_not_ask_for_their_metrics() {
    check(
        "pods",
        METRICS,
        "not observed: the server does not offer to watch it; name it under also to have it polled",
    );
    check(
        "PodMetrics",
        METRICS,
        "observed: included by \"PodMetrics\"",
    );
}

#[test]
fn also_adds_without_narrowing() {
    check(
        "+events",
        EVENTS,
        "observed: asked for by \"events\" under also",
    );
    check("+events", PODS, "observed: it can be listed and watched");
    check("+*", COMPONENTS, "observed: asked for by \"*\" under also");
    check(
        "services +pods",
        PODS,
        "observed: asked for by \"pods\" under also",
    );
    check("+*", REVIEWS, "not observed: the server does not list it");
}

#[test]
fn exclude_wins() {
    check("pods +po -Pod", PODS, "not observed: excluded by \"Pod\"");
    check("-*.v1.", PODS, "not observed: excluded by \"*.v1.\"");
    check("-*.apps", PODS, "observed: it can be listed and watched");
}

/// `server` is a round of discovery; `expected` is what of it is observed.
fn check_choice(selection: &str, server: &str, expected: &[&str]) {
    let catalog = Catalog::update(None, round(server));
    let selection = select(selection);
    let chosen: Vec<String> = catalog
        .served()
        .map(|served| selection.choose(served))
        .filter(|(_, decision)| decision.observed)
        .map(|(resource, _)| resource.to_string())
        .collect();
    assert_eq!(chosen, expected, "{selection:?}");
}

#[test]
fn a_version_written_down_is_chosen_over_the_preferred_one() {
    let server = "a.io/v2: as bs\na.io/v1: as";
    check_choice("", server, &["as.v2.a.io", "bs.v2.a.io"]);
    check_choice("as.v1.a.io", server, &["as.v1.a.io"]);
    check_choice("a.io/v1/*", server, &["as.v1.a.io"]);
    check_choice("as", server, &["as.v2.a.io"]);
    check_choice("as.v1.a.io as", server, &["as.v2.a.io"]);
    check_choice("as.a.io -as.v2.a.io", server, &[]);
    check_choice("-*.v2.a.io", server, &[]);
}

#[test]
fn a_twin_is_chosen_where_its_group_is_written_down() {
    let server = "v1: events pods\nevents.k8s.io/v1: events";
    check_choice("", server, &["pods.v1"]);
    check_choice("+events", server, &["events.v1", "pods.v1"]);
    check_choice(
        "+events.events.k8s.io",
        server,
        &["events.v1.events.k8s.io", "pods.v1"],
    );
    check_choice(
        "events.v1.events.k8s.io",
        server,
        &["events.v1.events.k8s.io"],
    );
    check_choice(
        "+events -events.events.k8s.io",
        server,
        &["events.v1", "pods.v1"],
    );
    check_choice("+events -events.", server, &["pods.v1"]);
}

#[test]
fn a_pattern_that_matches_nothing_served_is_told() {
    let catalog = Catalog::update(None, round("v1: pods\na.io/v2: as\na.io/v1: as"));
    let selection = select("podz as.v1.a.io pods -secretz +*.v2.a.io +b.io/v1/B");
    let unmatched: Vec<&str> = selection
        .unmatched(&catalog)
        .into_iter()
        .map(Pattern::as_str)
        .collect();
    assert_eq!(unmatched, ["podz", "secretz", "b.io/v1/B"]);
}

#[test]
fn custom_resources_come_on_top_of_a_list_of_names() {
    let gateways = Resource::new(
        Gvk::new("gateway.networking.k8s.io", "v1", "Gateway"),
        "gateways",
        true,
    );
    let jobs = Resource::new(Gvk::new("batch", "v1", "Job"), "jobs", true);
    let mut selection = Selection {
        include: vec!["pods.v1.".parse().unwrap()],
        custom: true,
        ..Selection::default()
    };
    assert!(selection.decide(&gateways).observed);
    assert!(!selection.decide(&jobs).observed);
    selection.within = vec!["pod".parse().unwrap()];
    assert_eq!(selection.decide(&gateways).because, Reason::NotWithin);
    selection.within.clear();
    selection.exclude = vec!["*.gateway.networking.k8s.io".parse().unwrap()];
    assert!(!selection.decide(&gateways).observed);
}

#[test]
fn a_view_follows_scope_rules_and_origin() {
    let pods = Resource::new(Gvk::new("", "v1", "Pod"), "pods", true);
    let nodes = Resource::new(Gvk::new("", "v1", "Node"), "nodes", false);
    let selection = Selection {
        namespaces: NamespaceSelection::only(["shop"])
            .unwrap()
            .namespaced_only(),
        events: vec![EventRule {
            pattern: "pods".parse().unwrap(),
            events: Events::only([EventType::Modified]),
        }],
        managed: Managed::Greenfield,
        ..Selection::default()
    };
    assert_eq!(selection.decide(&nodes).because, Reason::ClusterScope);
    let view = selection.view(&pods);
    let admits = |namespace: &str, is_managed: bool| {
        let text = format!(r#"{{"metadata":{{"name":"a","namespace":"{namespace}"}}}}"#);
        let mut index = Index::new();
        let object = index.parse(text.as_bytes()).unwrap();
        view.admits(&pods, &object, || is_managed)
    };
    assert!(admits("shop", true) && !admits("shop", false));
    assert!(!admits("other", true));
    assert!(view.events.modified && !view.events.added && !view.events.deleted);
    assert_eq!(Events::only([]), Events::default());
    let mut all_events = view.clone();
    all_events.events = Events::default();
    assert_eq!(view.step(&all_events), Step::Same);
}
