//! What the manifests promise about security and about each other.

use std::collections::BTreeSet;

use meshsync_testkit::tool;
use serde_json::{Value, json};

use crate::manifests::{
    VALUES, base_with, chart, combinations, helm, items, kind, kustomize, name, of_kind, texts,
};

/// What Pod Security `restricted` asks for, and a read-only root file system.
/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/>
fn violations(pod: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut must = |holds: bool, what| {
        if !holds {
            found.push(what);
        }
    };
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        must(
            pod[host].is_null() || pod[host] == false,
            "the host's namespaces",
        );
    }
    must(pod["securityContext"]["runAsNonRoot"] == true, "not root");
    must(
        pod["securityContext"]["runAsUser"].as_u64() > Some(0),
        "a user of its own",
    );
    must(
        pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
        "seccomp",
    );
    let kinds = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for volume in items(&pod["volumes"]) {
        must(
            kinds.iter().any(|kind| volume.get(kind).is_some()),
            "volumes of harmless kinds",
        );
    }
    must(pod["initContainers"].is_null(), "one container");
    for container in items(&pod["containers"]) {
        let context = &container["securityContext"];
        must(
            context["allowPrivilegeEscalation"] == false,
            "no privilege escalation",
        );
        must(
            context["capabilities"] == json!({"drop": ["ALL"]}),
            "no capabilities",
        );
        must(context["privileged"].is_null(), "not privileged");
        must(
            context["readOnlyRootFilesystem"] == true,
            "a read-only root file system",
        );
        must(
            items(&container["ports"]).all(|port| port["hostPort"].is_null()),
            "no port of the host",
        );
    }
    found
}

fn pods(objects: &[Value]) -> Vec<&Value> {
    of_kind(objects, "Deployment")
        .into_iter()
        .map(|deployment| &deployment["spec"]["template"]["spec"])
        .collect()
}

#[test]
fn every_pod_is_restricted_and_its_root_read_only() {
    let Some(all) = combinations() else { return };
    let mut seen = 0;
    for (name, objects) in &all {
        for pod in pods(objects) {
            assert_eq!(violations(pod), Vec::<&str>::new(), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= VALUES.len() + 6, "{seen} pods");
}

#[test]
fn every_violation_is_found() {
    let Some(base) = kustomize("base") else {
        return;
    };
    let check = |pointer: &str, value: Value, expected: &str| {
        let mut pod = pods(&base)[0].clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(violations(&pod), [expected], "{pointer}");
    };
    let first = "/containers/0/securityContext";
    check("/hostNetwork", json!(true), "the host's namespaces");
    check("/securityContext/runAsNonRoot", json!(false), "not root");
    check("/securityContext/runAsUser", json!(0), "a user of its own");
    check("/securityContext/seccompProfile", json!(null), "seccomp");
    check(
        "/volumes",
        json!([{"name": "root", "hostPath": {"path": "/"}}]),
        "volumes of harmless kinds",
    );
    let of_container =
        |key: &str, value, expected| check(&format!("{first}/{key}"), value, expected);
    of_container("privileged", json!(true), "not privileged");
    of_container(
        "capabilities",
        json!({"add": ["NET_RAW"]}),
        "no capabilities",
    );
    of_container(
        "readOnlyRootFilesystem",
        json!(null),
        "a read-only root file system",
    );
    of_container(
        "allowPrivilegeEscalation",
        json!(null),
        "no privilege escalation",
    );
}

/// Whether all of one object's entries are in another.
fn within(part: &Value, whole: &Value) -> bool {
    let entries = part.as_object().into_iter().flatten();
    let mut count = 0;
    let all = entries
        .inspect(|_| count += 1)
        .all(|(key, value)| whole[key] == *value);
    all && count > 0
}

#[test]
fn what_the_manifests_name_is_there() {
    let Some(all) = combinations() else { return };
    for (title, objects) in &all {
        let has = |wanted: &str, wanted_name: &str| {
            of_kind(objects, wanted)
                .iter()
                .any(|object| name(object) == wanted_name)
        };
        for binding in ["ClusterRoleBinding", "RoleBinding"] {
            for object in of_kind(objects, binding) {
                let role = &object["roleRef"];
                let role_kind = role["kind"].as_str().unwrap();
                assert!(
                    has(role_kind, role["name"].as_str().unwrap()),
                    "{title}: {object}"
                );
                assert_eq!(items(&object["subjects"]).count(), 1, "{title}: {object}");
            }
        }
        for deployment in of_kind(objects, "Deployment") {
            let template = &deployment["spec"]["template"];
            let labels = &template["metadata"]["labels"];
            let pod = &template["spec"];
            assert!(
                within(&deployment["spec"]["selector"]["matchLabels"], labels),
                "{title}"
            );
            assert!(
                has(
                    "ServiceAccount",
                    pod["serviceAccountName"].as_str().unwrap()
                ),
                "{title}"
            );
            for policy in of_kind(objects, "NetworkPolicy") {
                assert!(
                    within(&policy["spec"]["podSelector"]["matchLabels"], labels),
                    "{title}"
                );
            }
            for budget in of_kind(objects, "PodDisruptionBudget") {
                assert!(
                    within(&budget["spec"]["selector"]["matchLabels"], labels),
                    "{title}"
                );
            }
            for service in of_kind(objects, "Service") {
                assert!(within(&service["spec"]["selector"], labels), "{title}");
                for monitor in of_kind(objects, "ServiceMonitor") {
                    let wanted = &monitor["spec"]["selector"]["matchLabels"];
                    assert!(within(wanted, &service["metadata"]["labels"]), "{title}");
                }
            }
            for volume in items(&pod["volumes"]) {
                if let Some(map) = volume["configMap"]["name"].as_str() {
                    assert!(has("ConfigMap", map), "{title}");
                }
            }
            let container = &pod["containers"][0];
            let ports: BTreeSet<&str> = items(&container["ports"])
                .map(|port| port["name"].as_str().unwrap())
                .collect();
            for probe in ["livenessProbe", "readinessProbe"] {
                let port = container[probe]["httpGet"]["port"].as_str().unwrap();
                assert!(ports.contains(port), "{title}: {probe}");
            }
            for volume in items(&container["volumeMounts"]) {
                let named = |other: &&Value| other["name"] == volume["name"];
                assert!(items(&pod["volumes"]).any(|other| named(&other)), "{title}");
            }
        }
    }
}

#[test]
fn a_disruption_budget_is_there_only_with_several_replicas() {
    let Some(all) = combinations() else { return };
    let mut seen = 0;
    for (title, objects) in &all {
        let budgets = of_kind(objects, "PodDisruptionBudget").len();
        for deployment in of_kind(objects, "Deployment") {
            let several = deployment["spec"]["replicas"].as_u64() > Some(1);
            assert_eq!(budgets, usize::from(several), "{title}");
            seen += budgets;
        }
    }
    assert_eq!(seen, 3, "the chart once, and the component twice");
}

#[test]
fn no_rule_writes_but_a_lease_events_and_what_is_ours_and_none_has_a_wildcard_with_get() {
    let Some(all) = combinations() else { return };
    for (title, objects) in &all {
        for object in objects {
            for rule in items(&object["rules"]) {
                let (verbs, resources) = (texts(&rule["verbs"]), texts(&rule["resources"]));
                let is_canary = ["kustomize canary", "chart: synthetic test"]
                    .contains(&title.as_str())
                    && resources == ["configmaps"]
                    && kind(object) == "Role";
                let group_is_named = !texts(&rule["apiGroups"]).contains(&"*");
                for verb in &verbs {
                    let is_exec = resources == ["pods/exec"] && kind(object) == "Role";
                    let is_lease = resources == ["leases"] && kind(object) == "Role";
                    let is_election = is_lease && ["create", "update"].contains(verb);
                    let reads = ["get", "list", "watch"].contains(verb);
                    let told = [["events"], ["discoveries/status"]];
                    let is_told = kind(object) == "Role"
                        && told.iter().any(|it| resources == it)
                        && ["create", "patch"].contains(verb);
                    let writes = is_exec || is_canary || is_election || is_told;
                    assert!(reads || writes, "{title}: {rule}");
                }
                if verbs.contains(&"get") {
                    assert!(group_is_named, "{title}: {rule}");
                }
                let subresource = resources.iter().any(|resource| resource.contains('/'));
                assert!(!subresource || kind(object) == "Role", "{title}: {rule}");
            }
        }
    }
}

/// Without what only Helm adds, and without what differs on purpose.
fn comparable(mut objects: Vec<Value>) -> Vec<Value> {
    objects.retain(|object| kind(object) != "Namespace");
    for object in &mut objects {
        strip_labels(object);
    }
    for object in &mut objects {
        if kind(object) == "Deployment" {
            // The base names a Secret that need not be there; the chart has values for it.
            let containers = &mut object["spec"]["template"]["spec"]["containers"];
            containers[0]
                .as_object_mut()
                .expect("a container")
                .remove("env");
            let resources = containers[0]["resources"]
                .as_object_mut()
                .expect("resources");
            resources.retain(|_, value| *value != json!({}));
        }
    }
    objects.sort_by_key(|object| (kind(object).to_owned(), name(object).to_owned()));
    objects
}

fn strip_labels(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| key != "helm.sh/chart" && !key.starts_with("app.kubernetes.io/"));
            map.values_mut().for_each(strip_labels);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_labels),
        _ => {}
    }
}

#[test]
fn base_and_chart_are_the_same() {
    let check = |base: Option<Vec<Value>>, values: &[&str]| {
        if let (Some(base), Some(chart)) = (base, chart(values)) {
            let (base, chart) = (comparable(base), comparable(chart));
            for (one, other) in base.iter().zip(&chart) {
                assert_eq!(one, other, "{values:?}");
            }
            assert_eq!(base.len(), chart.len());
        }
    };
    check(kustomize("base"), &[]);
    check(
        base_with(&["without-secrets"]),
        &["--set=rbac.secrets=false"],
    );
    check(
        base_with(&["everything"]),
        &["--set=rbac.customResources.all=true"],
    );
    check(base_with(&["replicas"]), &["--set=replicas=2"]);
    check(
        base_with(&["servicemonitor"]),
        &["--set=serviceMonitor.enabled=true"],
    );
}

#[test]
fn a_synthetic_test_has_its_flags_and_just_the_role_of_kustomize() {
    let values = ["--set=syntheticTest.interval=60s,syntheticTest.namespace=shop"];
    let (Some(chart), Some(kustomize)) = (chart(&values), kustomize("canary")) else {
        return;
    };
    let of_canary = |objects: &[Value]| {
        let roles = of_kind(objects, "Role").into_iter().cloned();
        roles
            .filter(|role| name(role) == "meshsync-canary")
            .collect::<Vec<_>>()
    };
    let (role, expected) = (of_canary(&chart), of_canary(&kustomize));
    assert_eq!((role.len(), expected.len()), (1, 1));
    assert_eq!(role[0]["metadata"]["namespace"], "shop");
    assert_eq!(role[0]["rules"], expected[0]["rules"]);
    let bindings = of_kind(&chart, "RoleBinding");
    assert!(bindings.iter().any(|binding| {
        name(binding) == "meshsync-canary" && binding["metadata"]["namespace"] == "shop"
    }));
    let deployment = of_kind(&chart, "Deployment")[0];
    let args = texts(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]);
    assert!(
        args.contains(&"--synthetic-interval=60s") && args.contains(&"--canary-namespace=shop")
    );
}

#[test]
fn the_chart_passes_lint_with_all_values() {
    for (name, values) in VALUES {
        let args = [&["--strict"], *values].concat();
        match helm("lint", &args) {
            Some(outcome) => assert!(outcome.is_ok(), "{name}: {outcome:?}"),
            None => return,
        }
    }
}

#[test]
fn values_that_cannot_work_are_refused_with_a_reason() {
    let check = |value: &str, expected: &str| {
        if let Some(outcome) = helm("template", &[value]) {
            let complaint = outcome.expect_err(value);
            assert!(complaint.contains(expected), "{value}: {complaint}");
        }
    };
    check(
        "--set=replica=2",
        "additional properties 'replica' not allowed",
    );
    check("--set=replicas=none", "got string, want integer");
    check(
        "--set=mode=mesh",
        "value must be one of 'meshsync', 'meshery'",
    );
    check(
        "--set=broker.tokenSecret.name=a",
        "broker.url has to be nats://HOST:PORT",
    );
    check(
        "--set=broker.tokenSecret.name=a,broker.url=nats://b@c:4222",
        "has a user or a token already",
    );
    check(
        "--set=broker.urlSecret.name=a,broker.url=nats://b",
        "choose one",
    );
    check(
        "--set=mode=meshery,config.also={events}",
        "config is of mode meshsync",
    );
}

#[test]
fn the_image_is_that_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let image = format!("meshery/meshsync:{version}");
    for folder in ["base", "meshery"] {
        let Some(objects) = kustomize(folder) else {
            return;
        };
        assert_eq!(
            pods(&objects)[0]["containers"][0]["image"],
            image,
            "{folder}"
        );
    }
    if tool("helm").is_some() {
        let objects = chart(&[]).unwrap();
        assert_eq!(pods(&objects)[0]["containers"][0]["image"], image);
    }
}
