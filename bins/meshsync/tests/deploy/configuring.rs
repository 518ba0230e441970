//! A configuration in the cluster, and what is written about it where the manifests permit that.

use std::collections::BTreeSet;

use meshsync::Config;
use meshsync_sim::Sim;
use meshsync_testkit::eventually;
use serde_json::{Value, json};

use crate::cluster::{Cluster, DEADLINE, Permission, granted};
use crate::manifests::{base_with, chart, deploy, documents, name, of_kind};

fn discovery(include: &str) -> Value {
    json!({
        "apiVersion": "meshsync.io/v1alpha1", "kind": "Discovery",
        "metadata": {"name": "meshsync", "namespace": "meshsync"},
        "spec": {"include": [include]},
    })
}

/// The chart, in the namespace that is made for it.
fn release(values: &[&str]) -> Option<Vec<Value>> {
    let mut objects =
        vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshsync"}})];
    objects.extend(chart(values)?);
    Some(objects)
}

/// With the components and with the chart: what their Roles grant is enough, and all of it is used.
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_configuration_is_written_where_a_role_permits_it() {
    let (Some(components), Some(chart)) = (
        base_with(&["discovery", "events"]),
        release(&["--set=discovery.enabled=true,events.enabled=true"]),
    ) else {
        return;
    };
    for objects in [&components, &chart] {
        let cluster = Cluster::of(Sim::builder(), objects).await;
        cluster.sim.apply(discovery("configmaps")).unwrap();
        let mut agent = cluster.start(objects);
        agent.syncs().await;
        let message = async |part: &str| {
            let what = format!("a message with {part:?}");
            eventually(&what, DEADLINE, async || {
                let sim = &cluster.sim;
                let ours = sim.object("meshsync.io", "discoveries", Some("meshsync"), "meshsync");
                let status = ours.unwrap()["status"]["conditions"][0]["message"].to_string();
                status.contains(part)
            })
            .await;
        };
        // The same once more is the same Event once more.
        let texts = ["pods v1=x", "pods", "pods v1=x"];
        for (before, text) in texts.into_iter().enumerate() {
            cluster.sim.apply(discovery(text)).unwrap();
            message(if text == "pods" {
                "\"\""
            } else {
                "spec.include[0]"
            })
            .await;
            eventually("an Event", DEADLINE, async || {
                let writes = cluster.requests(objects).into_iter();
                let writes = writes.filter(|r| r.path.contains("/events") && r.status < 400);
                writes.filter(|r| r.method != "GET").count() > before
            })
            .await;
        }
        let used: BTreeSet<Permission> = cluster.answered(objects).collect();
        assert_eq!(cluster.refused(objects), Vec::<String>::new());
        let roles = of_kind(objects, "Role").into_iter().cloned();
        let roles: Vec<Value> = roles
            .filter(|role| name(role).ends_with("-events") || name(role).ends_with("-discovery"))
            .collect();
        assert_eq!(roles.len(), 2);
        let granted = granted(&roles);
        let idle: Vec<_> = granted
            .difference(&used)
            // Who streams lists does not list.
            .filter(|(verb, _, resource)| {
                (verb.as_str(), resource.as_str()) != ("list", "discoveries")
            })
            .collect();
        assert!(idle.is_empty(), "granted and never used: {idle:?}");
    }
}

/// What can be said in a file while it runs can be said in the resource, and nothing else.
#[test]
fn the_definition_has_the_keys_that_can_change_while_it_runs() {
    let path = "kustomize/discovery/definition.yaml";
    let text = std::fs::read_to_string(deploy().join(path)).unwrap();
    let of_chart = deploy().join("helm/meshsync/files/discovery-definition.yaml");
    assert_eq!(text, std::fs::read_to_string(of_chart).unwrap());
    let definition = &documents(&text)[0];
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let fields = schema["spec"]["properties"].as_object().unwrap();
    let keys = Config::schema();
    let keys = keys["properties"].as_object().unwrap();
    let base = Config::default();
    for (key, schema) in keys {
        let value = match schema["type"].as_str() {
            Some("array") => "['pods=detail']",
            Some("integer") => "65536",
            _ => schema["enum"][0].as_str().unwrap_or("x/y"),
        };
        // Those that are read as they are here; addresses and durations are not.
        let read = Config::parse(&format!("{key}: {value}\n"), "it");
        if let Ok(said) = read {
            let is_live = !base.needs_restart(&said);
            assert_eq!(fields.contains_key(key), is_live, "{key}");
        }
        if let Some(field) = fields.get(key) {
            assert_eq!(field["description"], schema["description"], "{key}");
            assert_eq!(field["enum"], schema["enum"], "{key}");
        }
    }
    assert_eq!(fields.len(), 8);
}
