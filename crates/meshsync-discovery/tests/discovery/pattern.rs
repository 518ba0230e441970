//! Patterns: what they match, and what is said about those that cannot be.

use meshsync_discovery::Pattern;

use crate::fixture::resource;

const RESOURCES: &[&str] = &[
    "pods.v1. Pod po",
    "services.v1. Service svc",
    "deployments.v1.apps Deployment deploy",
    "gateways.v1.networking.istio.io Gateway gw",
    "services.v1.serving.knative.dev Service kservice ksvc",
    "pods.v1beta1.metrics.k8s.io PodMetrics -watch",
];

/// `expected` is what of [`RESOURCES`] matches.
fn check(pattern: &str, expected: &[&str]) {
    let parsed = Pattern::parse(pattern).expect("a pattern");
    let matched: Vec<String> = RESOURCES
        .iter()
        .map(|text| resource(text))
        .filter(|resource| parsed.matches(resource))
        .map(|resource| resource.to_string())
        .collect();
    assert_eq!(matched, expected, "{pattern}");
}

fn check_error(pattern: &str, expected: &str) {
    let error = Pattern::parse(pattern).expect_err(pattern).to_string();
    let expected = format!("parse pattern {pattern:?} at column {expected}");
    assert_eq!(error, expected);
}

const PODS: &str = "pods.v1";
const SERVICES: &str = "services.v1";
const DEPLOYMENTS: &str = "deployments.v1.apps";
const GATEWAYS: &str = "gateways.v1.networking.istio.io";
const KNATIVE: &str = "services.v1.serving.knative.dev";
const METRICS: &str = "pods.v1beta1.metrics.k8s.io";

#[test]
fn a_bare_name_is_any_name_of_a_resource_in_any_group() {
    for name in [
        "deployments",
        "Deployment",
        "deployment",
        "DEPLOY",
        "deploy",
    ] {
        check(name, &[DEPLOYMENTS]);
    }
    check("services", &[SERVICES, KNATIVE]);
    check("ksvc", &[KNATIVE]);
    check("nothing", &[]);
}

#[test]
fn a_group_narrows_and_the_core_group_is_a_dot() {
    check("services.serving.knative.dev", &[KNATIVE]);
    check("services.", &[SERVICES]);
    check("svc.", &[SERVICES]);
    check("deployments.apps", &[DEPLOYMENTS]);
    check("deployments.istio.io", &[]);
}

#[test]
fn the_form_of_the_contract_names_the_version() {
    check("pods.v1.", &[PODS]);
    check("pods.v2.", &[]);
    check("deployments.v1.apps", &[DEPLOYMENTS]);
    check("deployments.v1beta1.apps", &[]);
    check("Pods.V1.", &[PODS]);
}

#[test]
fn a_path_names_the_kind() {
    check("apps/v1/Deployment", &[DEPLOYMENTS]);
    check("v1/Pod", &[PODS]);
    check("/v1/pod", &[PODS]);
    check("*/v1/Service", &[SERVICES, KNATIVE]);
    check("apps/v1/deployments", &[]);
    check("*.istio.io/*/*", &[GATEWAYS]);
}

#[test]
fn globs_match_within_their_part() {
    check(
        "*",
        &[PODS, SERVICES, DEPLOYMENTS, GATEWAYS, KNATIVE, METRICS],
    );
    check("*.apps", &[DEPLOYMENTS]);
    check("*.v1.apps", &[DEPLOYMENTS]);
    check("*.", &[PODS, SERVICES]);
    check("*.v1.", &[PODS, SERVICES]);
    check("*.istio.io", &[]);
    check("*.*.istio.io", &[GATEWAYS]);
    check("{pods,gateways}.{v1.,networking.*}", &[PODS, GATEWAYS]);
    check("GATE*", &[GATEWAYS]);
    check("p?d[rst].", &[PODS]);
}

#[test]
fn a_name_written_out_is_meant_and_a_glob_is_not() {
    let names = |pattern: &str, text: &str| {
        Pattern::parse(pattern)
            .expect("a pattern")
            .names(&resource(text))
    };
    let (pods, metrics) = (RESOURCES[0], RESOURCES[5]);
    for pattern in ["pods", "pods.*", "pods.", "*/v1/Pod"] {
        assert!(names(pattern, pods), "{pattern}");
    }
    for pattern in ["*", "pod*", "*.", "*.v1.", "v1/*"] {
        assert!(!names(pattern, pods), "{pattern}");
    }
    assert!(!names("pods", metrics));
    assert!(names("PodMetrics", metrics));
    assert!(names("pods.metrics.k8s.io", metrics));
    assert!(!names("*.metrics.k8s.io", metrics));
}

#[test]
fn an_error_says_what_is_wrong_where_and_what_to_write() {
    check_error("", "1: it is empty; write \"*\" to match everything");
    check_error(
        "pods.v1",
        "6: \"v1\" is a version, and no group follows; the core group ends with a dot: write \
         \"pods.v1.\"",
    );
    check_error(
        "pods, services",
        "5: ',' is in no name; write one pattern per entry",
    );
    check_error(
        "pods services",
        "5: ' ' is in no name; write one pattern per entry, without spaces",
    );
    check_error(
        "!pods",
        "1: '!' is in no name; to leave something out, list it under exclude",
    );
    check_error(
        "pöds",
        "2: 'ö' is in no name; names are made of letters, digits, \"-\" and \".\"",
    );
    check_error(
        ".apps",
        "1: a part of the name is missing here; write \"*\" for any",
    );
    check_error(
        "pods..",
        "6: a part of the name is missing here; write \"*\" for any",
    );
    check_error(
        "apps/v1/",
        "9: a part of the name is missing here; write \"*\" for any",
    );
    check_error(
        "apps/Deployment",
        "1: \"apps\" is no version; write group/version/Kind, or version/Kind for the core group",
    );
    check_error(
        "apps/v1/Deployment/status",
        "19: more than group/version/Kind; a subresource cannot be observed",
    );
    check_error(
        "{a,{b,c}}",
        "4: braces within braces; list the alternatives in one pair",
    );
    check_error(
        "pods.[a",
        "6: unclosed character class; missing ']'; a glob is made of \"*\", \"?\", \"[a-z]\" and \
         \"{a,b}\"",
    );
}

#[test]
fn a_pattern_is_shown_as_it_was_written() {
    let pattern: Pattern = "Deployments.V1.apps".parse().expect("a pattern");
    assert_eq!(pattern.to_string(), "Deployments.V1.apps");
    assert!(Pattern::parse(&"a".repeat(513)).is_err());
}

#[test]
fn braces_too_deep_for_the_glob_engine_are_an_error() {
    let deep = "{".repeat(255) + "a" + &"}".repeat(255);
    assert!(Pattern::parse(&deep).is_err());
}
