//! The third tier: the custom resources of a product that is installed.

use std::time::Duration;

use meshsync::fingerprint::{Rule, rule};
use meshsync::{Depth, Preset, Selection};
use meshsync_sim::Sim;
use serde_json::{Value, json};

use crate::support::{Replica, Running, builder};

fn thing() -> Rule {
    let text = "id: thing\nname: Thing\ncategory: test\nhome: https://x.example\n\
         anchors: [{crds: [things.x.example], images: [acme/thing]}]\n\
         supports: [{names: [thing]}]\n\
         examples: [{title: t, objects: [{kind: Pod, name: p}]}]\n\
         counter-examples: [{title: t, objects: [{kind: Pod, name: p}]}]\n";
    rule::parse("thing", text).unwrap()
}

fn definition(plural: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.x.example")},
        "spec": {"group": "x.example", "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}]},
    })
}

fn instance(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "x.example/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "default"}, "spec": {"size": 3}})
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "thing", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "thing"}}, "template": {
            "metadata": {"labels": {"app": "thing"}},
            "spec": {"containers": [{"name": "main", "image": "acme/thing:1.0.0"}]},
        }},
    })
}

/// Tier and size of the only object of a resource.
fn seen(replica: &Replica, resource: &str) -> Option<(String, Value)> {
    let mut of = replica.live.iter().filter(|((id, ..), _)| id == resource);
    let (_, record) = of.next()?;
    let tier = record["tier"].as_str()?.to_owned();
    Some((tier, record["object"]["spec"]["size"].clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_custom_resources_are_whole_for_as_long_as_it_is_there_and_others_stay_as_they_are() {
    let sim = Sim::builder().start().await.unwrap();
    for (plural, kind) in [("things", "Thing"), ("others", "Other")] {
        sim.apply(definition(plural, kind)).unwrap();
        sim.apply(instance(kind, "a")).unwrap();
    }
    // What tells the product has to be seen in full.
    let depth = Depth {
        preset: Preset::Standard,
        ..Depth::default()
    };
    let running = Running::start(
        builder(&sim)
            .select(Selection {
                depth,
                ..Selection::default()
            })
            .fingerprint(thing())
            .deep_hold(Duration::from_secs(1)),
    );
    running.synced().await;
    let at = |resource: &'static str, tier: &'static str, size: Value| {
        let running = &running;
        async move {
            let what = format!("{resource} at {tier}");
            running
                .sees(&what, |replica| {
                    seen(replica, resource) == Some((tier.to_owned(), size.clone()))
                })
                .await;
        }
    };
    at("things.x.example", "presence", Value::Null).await;
    sim.requests().clear();
    sim.apply(deployment()).unwrap();
    at("things.x.example", "deep", json!(3)).await;
    let lists = |plural: &str| {
        let suffix = format!("/{plural}");
        sim.requests()
            .count(|request| request.path.ends_with(&suffix))
    };
    assert_eq!(lists("others") + lists("configmaps"), 0);
    at("others.x.example", "presence", Value::Null).await;
    // It goes, and closes after the hold time.
    sim.delete("apps", "deployments", Some("default"), "thing")
        .unwrap();
    at("things.x.example", "presence", Value::Null).await;
    assert_eq!(lists("others"), 0);
    let replica = running.stop().await;
    let log = &replica.lock().unwrap().log;
    let of_things = log
        .iter()
        .filter(|line| line.contains("things.x.example default"));
    let of_things: Vec<&String> = of_things.collect();
    assert_eq!(
        of_things,
        [
            "ADDED things.x.example default/a",
            "MODIFIED things.x.example default/a",
            "MODIFIED things.x.example default/a"
        ]
    );
}
