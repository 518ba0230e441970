//! What is installed, told like other changes.

use std::sync::{Arc, Mutex};

use meshsync::fingerprint::{Rule, rule};
use meshsync::{EventType, Wire};
use meshsync_sim::Sim;
use serde_json::{Value, json};

use crate::support::{Key, Replica, Running, builder, only};

fn rule(id: &str, image: &str) -> Rule {
    let text = format!(
        "id: {id}\nname: {id}\ncategory: test\nhome: https://x.example\n\
         anchors: [{{images: [{image}]}}]\nsupports: [{{names: [db]}}]\n\
         examples: [{{title: t, objects: [{{kind: Pod, name: p}}]}}]\n\
         counter-examples: [{{title: t, objects: [{{kind: Pod, name: p}}]}}]\n"
    );
    rule::parse(id, &text).unwrap()
}

fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        }},
    })
}

/// Name and status of each fingerprint that a sink knows.
fn known(replica: &Replica) -> Vec<(String, Value)> {
    let prints = replica
        .live
        .iter()
        .filter(|((resource, ..), _)| resource == "fingerprints.meshsync.meshery.io");
    prints
        .map(|((_, _, name), payload): (&Key, &Value)| {
            (name.clone(), payload["object"]["status"].clone())
        })
        .collect()
}

fn is(replica: &Replica, expected: &[(&str, &str)]) -> bool {
    let known = known(replica);
    let known: Vec<(&str, &str)> = known
        .iter()
        .map(|(name, status)| (name.as_str(), status["version"].as_str().unwrap_or("?")))
        .collect();
    known == expected
}

#[tokio::test(flavor = "multi_thread")]
async fn fingerprints_appear_change_and_go_with_their_objects() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(deployment("db", "acme/db:1.0.0")).unwrap();
    sim.apply(deployment("web", "registry.example/web:1"))
        .unwrap();
    let heard: Arc<Mutex<Vec<(EventType, String)>>> = Arc::default();
    let listener = Arc::clone(&heard);
    let running = Running::start(
        builder(&sim)
            .select(only(&["deployments.apps"]))
            .fingerprint(rule("db", "acme/db"))
            .on_fingerprint(move |change| {
                let entry = (change.event, change.verdict.product.clone());
                listener.lock().unwrap().push(entry);
            }),
    );
    running
        .sees("the database", |replica| is(replica, &[("db/db", "1.0.0")]))
        .await;
    sim.apply(deployment("db", "acme/db:1.1.0")).unwrap();
    running
        .sees("its new version", |replica| {
            is(replica, &[("db/db", "1.1.0")])
        })
        .await;
    let status = serde_json::to_value(running.monitor.document()).unwrap();
    assert_eq!(status["fingerprints"]["products"][0]["state"], "identified");
    assert_eq!(running.monitor.fingerprints().len(), 1);
    sim.delete("apps", "deployments", Some("default"), "db")
        .unwrap();
    running.sees("nothing", |replica| is(replica, &[])).await;
    let heard = heard.lock().unwrap().clone();
    let events: Vec<EventType> = heard.iter().map(|(event, _)| *event).collect();
    assert_eq!(
        events,
        [EventType::Added, EventType::Modified, EventType::Deleted]
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_rules_take_over_when_everything_was_looked_at() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(deployment("db", "acme/db:1.0.0")).unwrap();
    sim.apply(deployment("db-2", "other/db:2.0.0")).unwrap();
    let running = Running::start(
        builder(&sim)
            .select(only(&["deployments.apps", "configmaps"]))
            .fingerprints([rule("db", "acme/db")]),
    );
    running
        .sees("the first", |replica| is(replica, &[("db/db", "1.0.0")]))
        .await;
    sim.requests().clear();
    let rules = vec![rule("other", "other/db")];
    running.handle.set_fingerprints(rules).unwrap();
    running
        .sees("the second", |replica| {
            is(replica, &[("other/db-2", "2.0.0")])
        })
        .await;
    sim.apply(deployment("db-2", "other/db:2.1.0")).unwrap();
    running
        .sees("its change", |replica| {
            is(replica, &[("other/db-2", "2.1.0")])
        })
        .await;
    let mut broken = rule("bad", "a/b");
    broken.anchors.clear();
    assert!(running.handle.set_fingerprints(vec![broken]).is_err());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn meshery_messages_have_none_and_without_rules_there_are_none() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(deployment("db", "acme/db:1.0.0")).unwrap();
    let rules = [rule("db", "acme/db")];
    let builder = builder(&sim)
        .select(only(&["deployments.apps"]))
        .fingerprints(rules);
    let running = Running::start_with(builder, Wire::Meshery);
    running.synced().await;
    meshsync_testkit::eventually("a verdict", crate::support::DEADLINE, async || {
        running.monitor.fingerprints().len() == 1
    })
    .await;
    assert_eq!(running.stop().await.lock().unwrap().live.len(), 1);
    let running = Running::of(&sim, only(&["deployments.apps"]));
    running.synced().await;
    let status = serde_json::to_value(running.monitor.document()).unwrap();
    assert!(status["fingerprints"].is_null());
    running.stop().await;
}
