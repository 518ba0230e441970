//! Which objects of a resource are selected, why, and what the server is asked for.

use meshsync_discovery::{
    Candidate, Managed, NamespaceSelection, Namespaces, OptOut, Selection, Step, View,
};
use meshsync_model::Index;

use crate::fixture::resource;

/// A selection from lines: `+` is `also`, `-` is `exclude`, without a mark it is `include`.
fn select(rules: &[&str]) -> Selection {
    let mut selection = Selection::default();
    for rule in rules {
        let (rules, text) = match rule.split_at(1) {
            ("+", text) => (&mut selection.also, text),
            ("-", text) => (&mut selection.exclude, text),
            _ => (&mut selection.include, *rule),
        };
        rules.push(text.parse().expect("a rule"));
    }
    selection
}

/// Namespaces from `name label=value label=value !`, where `!` opts out.
fn namespaces(lines: &[&str]) -> Namespaces {
    let mut namespaces = Namespaces::default();
    for line in lines {
        let mut words = line.split_whitespace();
        let name = words.next().expect("a name");
        let (mut labels, mut annotations) = (serde_json::Map::new(), serde_json::Map::new());
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => labels.insert(key.into(), value.into()),
                None => annotations.insert("meshsync.io/ignore".into(), "true".into()),
            };
        }
        let metadata = serde_json::json!(
            {"name": name, "labels": labels, "annotations": annotations});
        let text = serde_json::json!({ "metadata": metadata }).to_string();
        namespaces.take(&Index::new().parse(text.as_bytes()).expect("an object"));
    }
    namespaces
}

const PODS: &str = "pods.v1. Pod po";
const NODES: &str = "nodes.v1. Node no @cluster";
const LEASES: &str = "leases.v1.coordination.k8s.io Lease";

/// The verdict on `namespace/name`, or on `namespace/` where the object is not known, of an
/// object with more metadata.
#[track_caller]
fn check(view: &View, of: &str, place: &str, metadata: &str, expected: &str) {
    let resource = resource(of);
    let (namespace, name) = place.split_once('/').expect("a place");
    let text = format!(r#"{{"metadata":{{"name":"{name}"{metadata}}}}}"#);
    let mut index = Index::new();
    let object = index.parse(text.as_bytes()).expect("an object");
    let is_known = !name.is_empty();
    let subject = Candidate {
        resource: &resource,
        namespace: (!namespace.is_empty()).then_some(namespace),
        name: is_known.then_some(name),
        object: is_known.then_some(&object),
    };
    let verdict = view.judge(&subject, || false);
    assert_eq!(verdict.to_string(), expected, "{place}");
}

const EVERYTHING: &str = "selected: every object of the resource is";
const NOT_INCLUDED: &str = "not selected: no include rule of its resource holds for it";

#[test]
fn where_no_rule_has_conditions_everything_is_selected() {
    for rules in [
        &[][..],
        &["pods"],
        &["p*", "pods name=a"],
        &["+pods name=a"],
    ] {
        let view = select(rules).view(&resource(PODS));
        check(&view, PODS, "shop/web", "", EVERYTHING);
        check(&view, PODS, "shop/", "", EVERYTHING);
        assert!(view.pushed.is_empty());
    }
}

#[test]
fn an_object_has_to_meet_one_of_the_rules_that_include() {
    let view = select(&["pods@shop", "pods name=db-*", "*@kube-* labels=tier=cp"]);
    let view = view.view(&resource(PODS));
    check(
        &view,
        PODS,
        "shop/web",
        "",
        "selected: included by \"pods@shop\"",
    );
    check(
        &view,
        PODS,
        "bank/db-0",
        "",
        "selected: included by \"pods name=db-*\"",
    );
    check(&view, PODS, "bank/web", "", NOT_INCLUDED);
    check(
        &view,
        PODS,
        "kube-system/etcd",
        r#","labels":{"tier":"cp"}"#,
        "selected: included by \"*@kube-* labels=tier=cp\"",
    );
    check(&view, PODS, "kube-system/etcd", "", NOT_INCLUDED);
    check(
        &view,
        PODS,
        "bank/",
        "",
        "depends on the object: rule \"pods name=db-*\" looks at it",
    );
}

#[test]
fn exclude_wins_and_leaves_the_resource() {
    let selection = select(&["-pods name=tmp-*", "-*@kube-*", "+pods name=tmp-1"]);
    assert!(selection.decide(&resource(PODS)).observed);
    let view = selection.view(&resource(PODS));
    check(
        &view,
        PODS,
        "shop/tmp-1",
        "",
        "not selected: excluded by \"pods name=tmp-*\"",
    );
    check(
        &view,
        PODS,
        "kube-system/a",
        "",
        "not selected: excluded by \"*@kube-*\"",
    );
    check(
        &view,
        PODS,
        "kube-system/",
        "",
        "not selected: excluded by \"*@kube-*\"",
    );
    check(&view, PODS, "shop/web", "", EVERYTHING);
    let nodes = selection.view(&resource(NODES));
    check(&nodes, NODES, "/n1", "", EVERYTHING);
}

#[test]
fn conditions_on_namespaces_speak_of_no_object_of_cluster_scope() {
    for rule in ["*@shop", "* namespaceLabels=team=a"] {
        let selection = select(&[rule]);
        assert!(!selection.decide(&resource(NODES)).observed, "{rule}");
        assert!(selection.decide(&resource(PODS)).observed, "{rule}");
    }
}

#[test]
fn what_is_left_out_by_default_needs_a_rule_that_names_it() {
    let selection = select(&["* labels=a=b", "leases name=x"]);
    let view = selection.view(&resource(LEASES));
    check(
        &view,
        LEASES,
        "a/x",
        "",
        "selected: included by \"leases name=x\"",
    );
    check(&view, LEASES, "a/y", r#","labels":{"a":"b"}"#, NOT_INCLUDED);
}

#[test]
fn objects_and_namespaces_opt_out_unless_that_is_disregarded() {
    let known = namespaces(&["quiet !", "shop"]);
    let ignored = r#","annotations":{"meshsync.io\/ignore":"true"}"#;
    let mut selection = select(&["pods"]);
    let view = selection.view_in(&resource(PODS), &known);
    let own = "not selected: it has the annotation meshsync.io/ignore";
    check(&view, PODS, "shop/web", ignored, own);
    let its = "not selected: its namespace has the annotation meshsync.io/ignore";
    check(&view, PODS, "quiet/web", "", its);
    for annotation in [
        "{\"meshsync.io/ignore\":\"false\"}",
        "{\"x/ignore\":\"true\"}",
        "null",
    ] {
        let annotation = format!(",\"annotations\":{annotation}");
        check(&view, PODS, "shop/web", &annotation, EVERYTHING);
    }
    selection.opt_out = OptOut::Disregarded;
    assert!(!selection.follows_namespaces());
    let view = selection.view_in(&resource(PODS), &known);
    check(&view, PODS, "quiet/web", ignored, EVERYTHING);
}

#[test]
fn labels_of_namespaces_select_by_themselves_and_in_rules() {
    let known = namespaces(&["a team=x", "b team=y env=dev"]);
    let selection = select(&["-pods namespaceLabels=env"]);
    let view = selection.view_in(&resource(PODS), &known);
    check(&view, PODS, "a/p", "", EVERYTHING);
    check(
        &view,
        PODS,
        "b/p",
        "",
        "not selected: excluded by \"pods namespaceLabels=env\"",
    );
    let selection = Selection {
        namespaces: NamespaceSelection::all().labelled("team=y".parse().unwrap()),
        ..Selection::default()
    };
    let view = selection.view_in(&resource(PODS), &known);
    check(&view, PODS, "b/p", "", EVERYTHING);
    let lacks = "not selected: its namespace does not have the labels \"team=y\"";
    check(&view, PODS, "a/p", "", lacks);
    check(&view, PODS, "unknown/p", "", lacks);
    let nodes = selection.view_in(&resource(NODES), &known);
    check(&nodes, NODES, "/n", "", EVERYTHING);
}

#[test]
fn names_of_namespaces_and_origin_come_last_in_the_reasons() {
    let selection = Selection {
        namespaces: NamespaceSelection::only(["team-*"]).unwrap(),
        managed: Managed::Greenfield,
        ..Selection::default()
    };
    let view = selection.view(&resource(PODS));
    let other = "not selected: its namespace is none of those under namespaces";
    check(&view, PODS, "shop/p", "", other);
    let origin = "not selected: it is not of the origin that is asked for";
    check(&view, PODS, "team-a/p", "", origin);
    check(&view, PODS, "team-a/", "", EVERYTHING);
}

#[cfg(feature = "cel")]
#[test]
fn expressions_look_at_the_head() {
    let selection = select(&["pods cel=metadata.labels.app in [\"a\", \"b\"]"]);
    let view = selection.view(&resource(PODS));
    let selected =
        "selected: included by \"pods cel=metadata.labels.app in [\\\"a\\\", \\\"b\\\"]\"";
    check(&view, PODS, "n/p", r#","labels":{"app":"a"}"#, selected);
    check(&view, PODS, "n/p", r#","labels":{"app":"c"}"#, NOT_INCLUDED);
    check(&view, PODS, "n/p", "", NOT_INCLUDED);
}

#[test]
fn the_server_is_asked_for_what_every_rule_wants_and_not_for_what_one_excludes() {
    let check = |rules: &[&str], labels: Option<&str>, fields: Option<&str>| {
        let view = select(rules).view(&resource(PODS));
        let pushed = (view.pushed.labels(), view.pushed.fields());
        let expected = (labels.map(str::to_owned), fields.map(str::to_owned));
        assert_eq!(pushed, expected, "{rules:?}");
    };
    check(&["pods labels=a=b,c"], Some("a=b,c"), None);
    check(&["pods labels=a=b,c", "po labels=c,d"], Some("c"), None);
    check(&["pods labels=a=b", "pods name=x"], None, None);
    check(&["pods labels=a=b", "nodes"], Some("a=b"), None);
    check(&["pods labels=a=b", "pods"], None, None);
    check(&["pods name=x"], None, Some("metadata.name=x"));
    check(&["pods name=x*"], None, None);
    check(
        &["pods fields=status.phase=Running"],
        None,
        Some("status.phase=Running"),
    );
    check(&["-pods labels=a=b"], Some("a!=b"), None);
    check(&["-pods labels=a=b,c"], None, None);
    check(
        &["-pods labels=a in (b,c)", "-pods labels=!d"],
        Some("a notin (b,c),d"),
        None,
    );
    check(&["-pods@shop labels=a=b"], None, None);
    check(
        &["-pods fields=spec.nodeName="],
        None,
        Some("spec.nodeName!="),
    );
}

#[test]
fn fields_that_one_watch_cannot_ask_for_leave_the_resource_out_and_say_so() {
    let check = |rules: &[&str], expected: &str| {
        let decision = select(rules).decide(&resource(PODS)).to_string();
        assert!(decision.starts_with(expected), "{rules:?}: {decision}");
    };
    let left_out = "not observed: rule \"pods fields=a=b\" selects by fields";
    check(&["pods fields=a=b", "pods"], "observed");
    check(&["pods fields=a=b", "pods name=x"], left_out);
    check(&["pods fields=a=b", "pods fields=c=d"], left_out);
    check(&["pods fields=a=b", "pods@x fields=a=b"], "observed");
    check(
        &["-pods@x fields=a=b"],
        "not observed: rule \"pods@x fields=a=b\"",
    );
}

#[test]
fn one_namespace_is_asked_for_where_there_is_only_one() {
    let check = |rules: &[&str], expected: Option<&str>| {
        let view = select(rules).view(&resource(PODS));
        assert_eq!(view.only_namespace(), expected, "{rules:?}");
    };
    check(&["pods@shop"], Some("shop"));
    check(&["pods@shop name=a", "po@shop"], Some("shop"));
    check(&["pods@shop", "pods@bank"], None);
    check(&["pods@sho?"], None);
    check(&["pods", "pods@shop"], None);
}

#[test]
fn a_step_from_view_to_view_is_no_larger_than_it_has_to_be() {
    let view =
        |rules: &[&str], known: &[&str]| select(rules).view_in(&resource(PODS), &namespaces(known));
    let wider = |names: &[&str]| Step::Wider(names.iter().map(|&name| name.into()).collect());
    let plain = view(&[], &["a", "b"]);
    assert_eq!(plain.step(&view(&[], &["a", "b", "c"])), Step::Same);
    assert_eq!(plain.step(&view(&[], &["a", "b !"])), Step::Narrower);
    assert_eq!(view(&[], &["a", "b !"]).step(&plain), wider(&["b"]));
    assert_eq!(plain.step(&view(&["pods@a"], &["a", "b"])), Step::Other);
    let by_labels = |known: &[&str]| view(&["pods namespaceLabels=t"], known);
    assert_eq!(
        by_labels(&["a t="]).step(&by_labels(&["a t=", "b"])),
        Step::Same
    );
    assert_eq!(
        by_labels(&["a t="]).step(&by_labels(&["a"])),
        Step::Narrower
    );
    assert_eq!(
        by_labels(&["a"]).step(&by_labels(&["a t=", "b t="])),
        wider(&["a", "b"])
    );
    let without = |known: &[&str]| view(&["-pods namespaceLabels=t"], known);
    assert_eq!(without(&["a"]).step(&without(&["a t="])), Step::Narrower);
    assert_eq!(without(&["a t="]).step(&without(&["a"])), wider(&["a"]));
}
