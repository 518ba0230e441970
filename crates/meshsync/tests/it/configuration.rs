//! Each source of configuration, edited while the pipeline runs. The simulator's log of requests
//! says what that touched, and what was written.

use meshsync::{Builder, ClusterConfig, Config, Selection};
use meshsync_sim::{Sim, User};
use meshsync_testkit::eventually;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Running, builder, config_map, only};

const GROUP: &str = "meshsync.io";

async fn cluster() -> Sim {
    let sim = Sim::builder().request_log(100_000).start().await.unwrap();
    for name in ["one", "two"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    sim
}

/// As it is in `deploy`.
fn definition() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/kustomize/discovery/definition.yaml"
    );
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn discovery(spec: &Value) -> Value {
    json!({
        "apiVersion": "meshsync.io/v1alpha1", "kind": "Discovery",
        "metadata": {"name": "ours", "namespace": "default"}, "spec": spec,
    })
}

fn following(sim: &Sim, selection: Selection) -> Builder {
    builder(sim)
        .select(selection)
        .follow_discovery_resource("default/ours".parse().unwrap())
}

async fn observes(running: &Running, plurals: &[&str]) {
    eventually(&format!("{plurals:?} observed"), DEADLINE, async || {
        running.observed() == plurals
    })
    .await;
}

/// The condition of our resource, once its status is as wanted.
async fn condition(sim: &Sim, name: &str, status: &str) -> Value {
    let what = format!("{name} is {status}");
    eventually(&what, DEADLINE, async || {
        let object = sim.object(GROUP, "discoveries", Some("default"), "ours")?;
        let conditions = object["status"]["conditions"].as_array()?.clone();
        let mut wanted = conditions
            .into_iter()
            .filter(|it| it["type"] == name && it["status"] == status);
        wanted.next()
    })
    .await
}

fn events(sim: &Sim) -> Vec<Value> {
    let all = sim.snapshot().filter(|object| object.plural == "events");
    let all =
        all.filter_map(|object| sim.object("", "events", Some(&object.namespace), &object.name));
    all.collect()
}

async fn event(sim: &Sim, reason: &str, note: &str) -> Value {
    let what = format!("an Event {reason} with {note}");
    eventually(&what, DEADLINE, async || {
        let mut all = events(sim).into_iter();
        all.find(|event| {
            event["reason"] == reason
                && event["message"]
                    .as_str()
                    .is_some_and(|it| it.contains(note))
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_resource_may_come_and_go_and_is_followed_while_it_is_there() {
    let sim = cluster().await;
    let running = Running::start(
        following(&sim, only(&["configmaps", "namespaces", "serviceaccounts"]))
            .kubernetes_events(None),
    );
    running.synced().await;
    observes(&running, &["configmaps", "namespaces", "serviceaccounts"]).await;
    // Its definition appears, and then the resource.
    sim.apply(definition()).unwrap();
    sim.requests().clear();
    sim.apply(discovery(
        &json!({"exclude": ["serviceaccounts"], "tiers": ["configmaps=presence"]}),
    ))
    .unwrap();
    observes(&running, &["configmaps", "namespaces"]).await;
    running
        .sees("the tier", |replica| {
            let mut maps = replica
                .live
                .iter()
                .filter(|((id, ..), _)| id == "configmaps");
            maps.all(|(_, record)| record["tier"] == "presence")
        })
        .await;
    let accepted = condition(&sim, "Accepted", "True").await;
    assert_eq!(accepted["observedGeneration"], 1);
    event(&sim, "ConfigurationApplied", "default/ours").await;
    // An edit touches what it changes alone.
    sim.requests().clear();
    sim.apply(discovery(
        &json!({"exclude": ["namespaces"], "tiers": ["configmaps=presence"]}),
    ))
    .unwrap();
    observes(&running, &["configmaps", "serviceaccounts"]).await;
    let asked = |plural: &str| {
        let end = format!("/{plural}");
        sim.requests()
            .count(|r| r.verb != "get" && r.path.ends_with(&end))
    };
    assert_eq!(asked("configmaps"), 0);
    // One that cannot be used is refused as a whole.
    sim.apply(discovery(
        &json!({"exclude": ["serviceaccounts"], "include": ["pods v1=x"]}),
    ))
    .unwrap();
    let refused = condition(&sim, "Accepted", "False").await;
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("spec.include[0]"), "{message}");
    assert_eq!(refused["observedGeneration"], 3);
    let event = event(&sim, "ConfigurationRefused", "spec.include[0]").await;
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["involvedObject"]["kind"], "Discovery");
    assert_eq!(event["involvedObject"]["name"], "ours");
    let error = running.monitor.configuration().error.unwrap();
    assert!(error.contains("spec.include[0]"), "{error}");
    let problems = running.monitor.document().problems;
    assert!(
        problems.iter().any(|it| it.area == "configuration"),
        "{problems:?}"
    );
    sim.apply(config_map("after", "1")).unwrap();
    running.equals(&sim, "what was in force stays").await;
    assert_eq!(running.observed(), ["configmaps", "serviceaccounts"]);
    // A good one makes up for it, and without any the defaults are back.
    sim.apply(discovery(&json!({"include": ["configmaps"]})))
        .unwrap();
    observes(&running, &["configmaps"]).await;
    condition(&sim, "Accepted", "True").await;
    sim.delete(GROUP, "discoveries", Some("default"), "ours")
        .unwrap();
    observes(&running, &["configmaps", "namespaces", "serviceaccounts"]).await;
    assert_eq!(running.monitor.configuration().error, None);
    assert_eq!(running.monitor.configuration().source, "defaults");
    sim.apply(discovery(&json!({"include": ["namespaces"]})))
        .unwrap();
    observes(&running, &["namespaces"]).await;
    sim.delete(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        None,
        "discoveries.meshsync.io",
    )
    .unwrap();
    observes(&running, &["configmaps", "namespaces", "serviceaccounts"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_go_before_mesherys_resource_and_that_before_ours() {
    let sim = cluster().await;
    sim.apply(definition()).unwrap();
    sim.apply(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "meshsyncs.meshery.io"},
        "spec": {
            "group": "meshery.io", "scope": "Namespaced",
            "names": {"plural": "meshsyncs", "kind": "MeshSync"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true}],
        },
    }))
    .unwrap();
    sim.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshery"}}))
        .unwrap();
    let meshery = |whitelist: &str| {
        json!({
            "apiVersion": "meshery.io/v1alpha1", "kind": "MeshSync",
            "metadata": {"name": "meshery-meshsync", "namespace": "meshery"},
            "spec": {"watch-list": {"data": {"whitelist": whitelist, "blacklist": ""}}},
        })
    };
    let config = |text: &str| Config::parse(text, "meshsync.yaml").unwrap();
    sim.apply(discovery(
        &json!({"include": ["configmaps", "services"], "depth": "presence"}),
    ))
    .unwrap();
    let running = Running::start(
        following(&sim, Selection::default())
            .follow_meshsync_resource()
            .configure("meshsync.yaml", config("optOut: disregarded"))
            .kubernetes_events(None),
    );
    let source = || running.monitor.configuration().source;
    let layers = || -> Vec<(String, Option<String>)> {
        let layers = running.monitor.configuration().layers;
        let each = layers.into_iter();
        each.map(|layer| (layer.layer, layer.error)).collect()
    };
    observes(&running, &["configmaps", "services"]).await;
    let depth = || running.handle.selection().depth.preset.as_str();
    assert_eq!((source().as_str(), depth()), ("meshsync.yaml", "presence"));
    // Meshery's goes before ours.
    sim.apply(meshery(
        r#"[{"Resource":"namespaces.v1."},{"Resource":"configmaps.v1."}]"#,
    ))
    .unwrap();
    observes(&running, &["configmaps", "namespaces"]).await;
    // The file before both, for what it says.
    let configure = |text: &str| {
        let config = Config::parse(text, "meshsync.yaml");
        running
            .handle
            .configure("meshsync.yaml", config.map_err(|error| error.to_string()));
    };
    configure("exclude: [namespaces]");
    observes(&running, &["configmaps"]).await;
    configure("include: [serviceaccounts]\ndepth: full");
    observes(&running, &["serviceaccounts"]).await;
    assert_eq!(depth(), "full");
    // What is wrong in each of them shows, and nothing changes.
    configure("include: [serviceaccounts]\nexclud: []");
    sim.apply(meshery("nonsense")).unwrap();
    sim.apply(discovery(&json!({"depth": "standard", "tiers": ["pods"]})))
        .unwrap();
    eventually("three errors", DEADLINE, async || {
        layers().iter().all(|(_, error)| error.is_some())
    })
    .await;
    let names: Vec<String> = layers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["options", "meshsync", "discovery"]);
    let others = condition(&sim, "OthersAccepted", "False").await;
    for part in ["meshsync.yaml:2:1", "nonsense"] {
        event(&sim, "ConfigurationRefused", part).await;
        let message = others["message"].as_str().unwrap();
        assert!(message.contains("meshsync.yaml:2:1"), "{message}");
        let error = running.monitor.configuration().error.unwrap();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(
        (running.observed(), depth()),
        (vec!["serviceaccounts".to_owned()], "full")
    );
    // Nothing of Meshery's group was ever written.
    let writes = sim
        .requests()
        .matching(|r| !matches!(r.verb.as_str(), "get" | "list" | "watch"));
    let written =
        |path: &str| path.contains("/events") || path.ends_with("/discoveries/ours/status");
    assert!(!writes.is_empty());
    assert!(writes.iter().all(|r| written(&r.path)), "{writes:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_unasked_and_a_refusal_to_write_stops_nothing() {
    const AGENT: (&str, &str) = ("default", "agent");
    let sim = Sim::builder()
        .rbac()
        .request_log(100_000)
        .start()
        .await
        .unwrap();
    sim.apply(definition()).unwrap();
    sim.apply(discovery(&json!({"include": ["configmaps"]})))
        .unwrap();
    let grant = |name: &str, rules: Value| {
        for (kind, more) in [
            ("ClusterRole", json!({"rules": rules})),
            (
                "ClusterRoleBinding",
                json!({
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                    "subjects": [{"kind": "ServiceAccount", "namespace": AGENT.0, "name": AGENT.1}],
                }),
            ),
        ] {
            let mut object = more;
            object["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
            object["kind"] = kind.into();
            object["metadata"] = json!({"name": name});
            sim.apply(object).unwrap();
        }
    };
    grant(
        "reader",
        json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]),
    );
    let agent = || ClusterConfig::Text(sim.kubeconfig_as(User::service_account(AGENT.0, AGENT.1)));
    let writes = || {
        let mut all = sim.requests().matching(|r| {
            r.user.ends_with(":agent") && !matches!(r.verb.as_str(), "get" | "list" | "watch")
        });
        // Questions about permissions are stored by nobody.
        all.retain(|r| !r.path.contains("/authorization.k8s.io/"));
        all.into_iter()
            .map(|r| (r.path, r.status))
            .collect::<Vec<_>>()
    };
    let quiet = Running::start(following(&sim, Selection::default()).cluster(agent()));
    observes(&quiet, &["configmaps"]).await;
    sim.apply(discovery(&json!({"include": [" "]}))).unwrap();
    eventually("the refusal", DEADLINE, async || {
        quiet.monitor.configuration().error.is_some()
    })
    .await;
    quiet.stop().await;
    assert_eq!(writes(), Vec::new());

    let eager = Running::start(
        following(&sim, only(&["namespaces"]))
            .cluster(agent())
            .kubernetes_events(None),
    );
    observes(&eager, &["namespaces"]).await;
    eventually("both are refused", DEADLINE, async || {
        let paths = ["/discoveries/ours/status", "/events"];
        let writes = writes();
        let is_refused = |end: &&str| {
            let mut of = writes.iter().filter(|(path, _)| path.ends_with(end));
            of.any(|(_, status)| *status == 403)
        };
        paths.iter().all(is_refused)
    })
    .await;
    sim.apply(discovery(&json!({"include": ["configmaps"]})))
        .unwrap();
    observes(&eager, &["configmaps"]).await;
    eager.stop().await;
}
