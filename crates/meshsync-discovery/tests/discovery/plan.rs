//! The plan: what changes from one to the next.

use meshsync_discovery::{Catalog, Discovered, Selection, WatchPlan};
use meshsync_model::Resource;

use crate::fixture::{resource, round};

/// What has to be done when the server goes from `before` to `after`, round by round.
fn check(before: &str, after: &str, expected: &str) {
    let selection = Selection::default();
    let old = Catalog::update(None, round(before));
    let new = Catalog::update(Some(&old), round(after));
    let (old, new) = (
        WatchPlan::new(&old, &selection),
        WatchPlan::new(&new, &selection),
    );
    assert_eq!(steps(&old, &new), expected, "{before:?} to {after:?}");
}

/// The same for one resource of a fixed name.
fn check_one(before: &str, after: &str, expected: &str) {
    let plan = |text: &str| WatchPlan::new(&catalog_of(resource(text)), &Selection::default());
    assert_eq!(steps(&plan(before), &plan(after)), expected);
}

fn catalog_of(resource: Resource) -> Catalog {
    use meshsync_discovery::{Answer, DiscoveredGroup, DiscoveredVersion, RootAnswer};
    let version = DiscoveredVersion {
        version: resource.gvk.version.clone(),
        answer: Answer::Served(vec![resource.clone()]),
    };
    let group = DiscoveredGroup {
        name: resource.gvk.group,
        versions: vec![version],
    };
    let discovered = Discovered {
        named: RootAnswer::Complete(vec![group]),
        ..Discovered::default()
    };
    Catalog::update(None, discovered)
}

fn steps(old: &WatchPlan, new: &WatchPlan) -> String {
    let delta = old.delta(new);
    let starts = delta.start.iter().map(|new| format!("+{new}"));
    let stops = delta.stop.iter().map(|old| format!("-{old}"));
    let restarts = delta
        .restart
        .iter()
        .map(|(old, new)| format!("{old}>{new}"));
    let steps: Vec<String> = starts.chain(stops).chain(restarts).collect();
    assert_eq!(steps.is_empty(), delta.is_empty());
    steps.join(" ")
}

#[test]
fn only_what_changes_is_touched() {
    check("", "v1: pods", "+pods.v1");
    check("v1: pods", "v1: pods\na.io/v1: as", "+as.v1.a.io");
    check("v1: pods\na.io/v1: as", "v1: pods", "-as.v1.a.io");
    check("v1: pods\na.io/v1: as", "v1: pods\na.io/v1: as", "");
}

#[test]
fn another_version_is_a_restart() {
    check(
        "a.io/v1: as",
        "a.io/v2: as\na.io/v1: as",
        "as.v1.a.io>as.v2.a.io",
    );
    check("a.io/v1: as", "a.io/v1: as\na.io/v2: as", "");
}

#[test]
fn what_is_unavailable_is_not_stopped() {
    check("v1: pods\na.io/v1: as", "v1: pods\na.io/v1! 503", "");
    check("v1: pods\na.io/v1: as", "/api!\n/apis!", "");
    check("a.io/v2: as\na.io/v1: as", "a.io/v2! 503\na.io/v1: as", "");
}

#[test]
fn an_object_that_moves_to_another_group_is_stopped_and_started() {
    check(
        "extensions/v1beta1: ingresses",
        "extensions/v1beta1: ingresses\nnetworking.k8s.io/v1: ingresses",
        "+ingresses.v1.networking.k8s.io -ingresses.v1beta1.extensions",
    );
}

#[test]
fn other_short_names_touch_nothing_and_another_scope_or_kind_does() {
    check_one("as.v1.a.io A", "as.v1.a.io A short", "");
    check_one(
        "as.v1.a.io A",
        "as.v1.a.io A @cluster",
        "as.v1.a.io>as.v1.a.io",
    );
    check_one("as.v1.a.io A", "as.v1.a.io B", "as.v1.a.io>as.v1.a.io");
    check_one("as.v1.a.io A", "as.v1.a.io A -watch", "-as.v1.a.io");
}
