use std::time::Duration;

use super::*;

fn check(text: &str, expected: &[&str]) {
    let problems: Vec<String> = match Config::parse(text, "f") {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(ToString::to_string).collect(),
    };
    assert_eq!(problems, expected, "{text}");
}

#[test]
fn every_key_is_read() {
    let text = "
source: k8s:?context=a
sinks:
- 'stdout:'
- file:/tmp/a.jsonl
include: [pods, deployments.apps]
exclude: ['*.cilium.io']
also: [events]
namespaces: [a, b]
namespaceLabels: team=x
optOut: disregarded
depth: standard
tiers: [pods@shop=detail]
secrets: plain
mesheryWire: exact
outboxBytes: 1048576
verifyInterval: 10m
clusterId: \"0123\"
probesAddr: none
adminAddr: 127.0.0.1:9
";
    let config = Config::parse(text, "f").unwrap();
    assert_eq!(config.source.as_deref(), Some("k8s:?context=a"));
    assert_eq!(config.sinks[1].as_str(), "file:/tmp/a.jsonl");
    assert_eq!(config.include.len(), 2);
    assert_eq!(config.exclude[0].as_str(), "*.cilium.io");
    assert_eq!(config.also[0].as_str(), "events");
    assert!(config.namespaces.contains(Some("b")) && !config.namespaces.contains(Some("c")));
    let labels = config.namespace_labels.map(|labels| labels.to_string());
    assert_eq!(labels.as_deref(), Some("team=x"));
    assert_eq!(config.opt_out, Some(OptOut::Disregarded));
    assert_eq!(config.depth, Some(Preset::Standard));
    assert_eq!(config.tiers[0].to_string(), "pods@shop=detail");
    assert_eq!(config.secrets, Some(Secrets::Plain));
    assert_eq!(config.meshery_wire, Some(Fidelity::Exact));
    assert_eq!(config.outbox_bytes, Some(1 << 20));
    assert_eq!(config.verify_interval, Some(Duration::from_secs(600)));
    assert_eq!(config.cluster_id, ClusterId::new("0123"));
    assert_eq!(config.probes_addr, Some(ListenAddr::Off));
    assert_eq!(
        config.admin_addr,
        Some(ListenAddr::At("127.0.0.1:9".parse().unwrap()))
    );
}

#[test]
fn an_empty_file_says_nothing() {
    for text in ["", "# nothing\n", "---\n", "{}\n"] {
        assert_eq!(Config::parse(text, "f"), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn all_problems_are_reported_with_their_places() {
    let unknown_sink = crate::open_sink("ftp://x").err().unwrap();
    check(
        "probes_addr: none\nsinks:\n  - 'stdout:'\n  - ftp://x\nsecrets: maybe\noutboxBytes: 10\n",
        &[
            "f:1:1: unknown key \"probes_addr\": did you mean \"probesAddr\"?",
            &format!("f:4:5: {unknown_sink}"),
            "f:5:10: \"maybe\" is neither redacted nor plain",
            "f:6:14: an outbox of 10 bytes is too small; give it at least 65536",
        ],
    );
}

#[test]
fn values_of_the_wrong_type_are_told_what_to_be() {
    check(
        "sinks: 'stdout:'\n",
        &["f:1:8: expected a list, found text: write one entry a line, each after `- `"],
    );
    check(
        "clusterId: 12\n",
        &["f:1:12: expected text, found a number: put it in quotes"],
    );
    check(
        "namespaces: [a, true, B]\noutboxBytes: 8MiB\n",
        &[
            "f:1:17: expected text, found a truth value: put it in quotes",
            "f:1:23: \"B\" cannot be a namespace: names are made of lower-case letters, digits and \
             \"-\", at most 63 of them, or globs over them such as team-*",
            "f:2:14: expected a whole number of bytes such as 8388608, found text",
        ],
    );
    for (text, problem) in [
        ("soon", "write a duration such as 15s, 10m or 1h30m"),
        (
            "5s",
            "a check every 5s is too much for an API server: check every 300s or less often",
        ),
    ] {
        check(
            &format!("verifyInterval: {text}\n"),
            &[&format!("f:1:17: {problem}")],
        );
    }
    check(
        "[stdout]\n",
        &["f:1:1: a configuration is a mapping such as `sinks: [...]`, this is a list"],
    );
}

#[test]
fn a_value_that_ends_with_a_colon_is_told_to_be_quoted() {
    check(
        "sinks:\n- stdout:\n",
        &["f:2:3: expected text, found a mapping: put it in quotes, as 'stdout:'"],
    );
    check(
        "source: k8s:\n",
        &[
            "f:1:12: it is no YAML: mapping values are not allowed in this context; put a value \
             with a colon at its end in quotes",
        ],
    );
}

#[test]
fn a_key_given_twice_is_a_problem_of_the_second() {
    check(
        "secrets: plain\nsecrets: redacted\n",
        &["f:2:1: \"secrets\" is given twice: keep one"],
    );
}

#[test]
fn a_key_unlike_any_other_is_told_all_of_them() {
    let error = Config::parse("loglevel: debug\n", "f").unwrap_err();
    assert!(error.to_string().contains("known are adminAddr, also,"));
}

#[test]
fn what_is_no_yaml_says_where() {
    let error = Config::parse("sinks: [stdout:\nsecrets: x\n", "f").unwrap_err();
    let problem = &error.problems()[0];
    assert!(
        problem.message().starts_with("it is no YAML: "),
        "{problem}"
    );
    assert!(problem.line() >= 1 && !problem.message().contains("at line"));
}

#[test]
fn passwords_in_sink_urls_are_not_shown() {
    let config = Config::parse("sinks: ['nats://user:pass@h']\n", "f").unwrap();
    assert!(!format!("{config:?}").contains("pass@"));
}

#[test]
fn variables_say_what_a_file_can_say() {
    let variables = [
        (
            "MESHSYNC_INCLUDE",
            "pods@shop labels=app in (a,b); services",
        ),
        ("MESHSYNC_NAMESPACE_LABELS", "team=x"),
        ("MESHSYNC_OUTBOX_BYTES", "1048576"),
        ("MESHSYNC_CLUSTER_ID", "12"),
        ("MESHSYNC_DEPTH", " "),
    ];
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
    let config = Config::from_variables(|name| find(name).map(|(_, value)| (*value).into()));
    let config = config.unwrap();
    let said: Vec<String> = config.include.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["pods@shop labels=app in (a,b)", "services"]);
    assert_eq!(config.outbox_bytes, Some(1 << 20));
    assert_eq!(config.cluster_id, ClusterId::new("12"));
    assert_eq!(
        (config.depth, config.namespace_labels.is_some()),
        (None, true)
    );
}

#[test]
fn all_that_is_wrong_with_variables_is_said_with_their_names() {
    let wrong = |name: &str| match name {
        "MESHSYNC_DEPTH" => Some("deep".to_owned()),
        "MESHSYNC_EXCLUDE" => Some("pods;pods.v1".to_owned()),
        _ => None,
    };
    let error = Config::from_variables(wrong).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(
        lines[0].starts_with("$MESHSYNC_DEPTH: \"deep\" is no depth"),
        "{error}"
    );
    assert!(
        lines[1].starts_with("$MESHSYNC_EXCLUDE: parse pattern"),
        "{error}"
    );
}

#[test]
fn what_is_said_is_shown_as_it_was_said_and_goes_over_what_is_below() {
    let file = "\
depth: presence
include: [pods name=a]
namespaceLabels: a=b
sinks: ['nats://user:pass@h:4222']
source: k8s:?context=a
verifyInterval: 10m
";
    let file = Config::parse(file, "f").unwrap();
    let shown = serde_json::to_string(&file.entries()).unwrap();
    assert!(!shown.contains("pass"), "{shown}");
    for text in [
        "\"pods name=a\"",
        "\"k8s:?context=a\"",
        "\"10m\"",
        "\"a=b\"",
    ] {
        assert!(shown.contains(text), "{shown}");
    }
    let higher = Config::parse("depth: full\nnamespaces: [x]\n", "f").unwrap();
    let both = higher.over(&file);
    assert_eq!(both.depth, Some(Preset::Full));
    assert_eq!(both.include, file.include);
    let selection = both.select(&meshsync_discovery::Selection::default());
    assert!(!selection.namespaces.contains(Some("y")));
    let labels = selection.namespaces.labels().map(ToString::to_string);
    assert_eq!(labels.as_deref(), Some("a=b"));
    assert_eq!(selection.depth.preset, Preset::Full);
}
