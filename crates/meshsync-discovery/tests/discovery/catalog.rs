//! The catalog: what is served after some rounds of discovery.

use meshsync_discovery::{Catalog, Freshness, Served};
use meshsync_model::ResourceId;

use crate::fixture::round;

/// Each round updates the catalog of the one before; `expected` is what the last one serves.
fn check(rounds: &[&str], expected: &[&str]) {
    let catalog = rounds.iter().fold(None, |previous, text| {
        Some(Catalog::update(previous.as_ref(), round(text)))
    });
    let served: Vec<String> = catalog.iter().flat_map(Catalog::served).map(line).collect();
    assert_eq!(served, expected, "after {rounds:#?}");
}

fn line(served: &Served) -> String {
    let mut line = served.resource.to_string();
    if served.freshness == Freshness::Stale {
        line.push_str(" stale");
    }
    for other in &served.other_versions {
        line.push_str(&format!(" other:{other}"));
    }
    for twin in &served.twins {
        line.push_str(&format!(" twin:{twin}"));
    }
    line
}

#[test]
fn a_resource_is_served_once_at_the_first_version_that_has_it() {
    check(
        &["autoscaling/v2: hpas\nautoscaling/v1: hpas extras"],
        &[
            "hpas.v2.autoscaling other:hpas.v1.autoscaling",
            "extras.v1.autoscaling",
        ],
    );
}

#[test]
fn the_same_plural_in_two_groups_is_two_resources() {
    check(
        &[
            "v1: pods services endpoints\nmetrics.k8s.io/v1: pods\ndiscovery.k8s.io/v1: endpointslices",
        ],
        &[
            "pods.v1",
            "services.v1",
            "endpoints.v1",
            "pods.v1.metrics.k8s.io",
            "endpointslices.v1.discovery.k8s.io",
        ],
    );
}

#[test]
fn what_a_complete_answer_does_not_name_is_gone() {
    check(
        &[
            "v1: pods\na.io/v2: as\na.io/v1: as\nb.io/v1: bs",
            "v1: pods\na.io/v1: as",
        ],
        &["pods.v1", "as.v1.a.io"],
    );
    check(&["a.io/v1: as bs", "a.io/v1: bs"], &["bs.v1.a.io"]);
}

#[test]
fn an_unavailable_group_version_keeps_its_own_and_hides_nothing_else() {
    check(
        &[
            "v1: pods\na.io/v1: as\nb.io/v1: bs",
            "v1: pods\na.io/v1! 503\nb.io/v1: bs cs",
        ],
        &["pods.v1", "as.v1.a.io stale", "bs.v1.b.io", "cs.v1.b.io"],
    );
}

#[test]
fn what_was_kept_is_kept_again_and_refreshed_by_an_answer() {
    let known = "a.io/v1: as";
    let away = "a.io/v1! 503";
    check(&[known, away, away, away], &["as.v1.a.io stale"]);
    check(
        &[known, away, "a.io/v1: as bs"],
        &["as.v1.a.io", "bs.v1.a.io"],
    );
    check(&[known, away, "b.io/v1: bs"], &["bs.v1.b.io"]);
}

#[test]
fn an_unavailable_preferred_version_does_not_make_the_version_change() {
    check(
        &["a.io/v2: as\na.io/v1: as", "a.io/v2! 503\na.io/v1: as"],
        &["as.v2.a.io stale other:as.v1.a.io"],
    );
    check(&["a.io/v2! 503\na.io/v1: as"], &["as.v1.a.io"]);
}

#[test]
fn what_we_know_goes_before_what_the_aggregator_remembers() {
    check(&["a.io/v1~ as"], &["as.v1.a.io stale"]);
    check(
        &["a.io/v1: as bs", "a.io/v1~ as"],
        &["as.v1.a.io stale", "bs.v1.a.io stale"],
    );
    check(&["a.io/v1: as", "a.io/v1~"], &["as.v1.a.io stale"]);
}

#[test]
fn a_root_without_an_answer_keeps_everything_of_its_own() {
    let known = "v1: pods\na.io/v1: as";
    check(
        &[known, "/api!\na.io/v1: as"],
        &["pods.v1 stale", "as.v1.a.io"],
    );
    check(
        &[known, "v1: pods\n/apis!"],
        &["pods.v1", "as.v1.a.io stale"],
    );
    check(
        &[known, "/api!\n/apis!"],
        &["pods.v1 stale", "as.v1.a.io stale"],
    );
    check(&["/api!\n/apis!"], &[]);
}

#[test]
fn of_two_groups_with_the_same_objects_one_is_kept() {
    check(
        &["v1: events\nevents.k8s.io/v1: events"],
        &["events.v1 twin:events.v1.events.k8s.io"],
    );
    check(
        &[
            "extensions/v1beta1: ingresses deployments\napps/v1: deployments\n\
           networking.k8s.io/v1: ingresses\nnetworking.k8s.io/v1beta1: ingresses",
        ],
        &[
            "deployments.v1.apps twin:deployments.v1beta1.extensions",
            "ingresses.v1.networking.k8s.io other:ingresses.v1beta1.networking.k8s.io \
             twin:ingresses.v1beta1.extensions",
        ],
    );
}

#[test]
fn one_of_a_pair_alone_is_served_as_it_is() {
    check(&["events.k8s.io/v1: events"], &["events.v1.events.k8s.io"]);
    check(
        &["extensions/v1beta1: ingresses podsecuritypolicies\npolicy/v1: poddisruptionbudgets"],
        &[
            "ingresses.v1beta1.extensions",
            "podsecuritypolicies.v1beta1.extensions",
            "poddisruptionbudgets.v1.policy",
        ],
    );
}

#[test]
fn the_reason_of_an_unavailable_group_version_can_be_told() {
    let catalog = Catalog::update(None, round("a.io/v1! 503\nb.io/v1~\nc.io/v1: cs"));
    let reasons: Vec<String> = catalog
        .unavailable()
        .iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    assert_eq!(
        reasons,
        [
            "a.io/v1: the server answered with status 503",
            "b.io/v1: the server behind it cannot be reached (stale)",
        ]
    );
}

#[test]
fn definitions_and_api_services_are_relevant_for_discovery() {
    let relevant = |plural, group| Catalog::is_discovery_relevant(&ResourceId::new(group, plural));
    assert!(relevant(
        "customresourcedefinitions",
        "apiextensions.k8s.io"
    ));
    assert!(relevant("apiservices", "apiregistration.k8s.io"));
    assert!(!relevant("customresourcedefinitions", "example.org"));
    assert!(!relevant("pods", ""));
}

#[test]
fn a_served_resource_is_found_by_its_id() {
    let catalog = Catalog::update(None, round("v1: pods events\nevents.k8s.io/v1: events"));
    let find = |plural, group| {
        let served = catalog.find(&ResourceId::new(group, plural));
        served.map(|served| served.resource.to_string())
    };
    assert_eq!(find("events", ""), Some("events.v1".to_owned()));
    assert_eq!(find("pods", ""), Some("pods.v1".to_owned()));
    assert_eq!(find("events", "events.k8s.io"), None);
}
