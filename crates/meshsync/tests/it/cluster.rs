//! A whole cluster arrives, once and in full.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use meshsync::{EventType, Fidelity, Secrets, Wire};
use meshsync_sim::{Generate, Sim};
use meshsync_testkit::{gunzip, require_reference};
use serde_json::Value;

use crate::support::{Key, Running, builder, config_map, everything, only, versions_of};

async fn generated(objects: usize) -> Sim {
    Sim::builder()
        .generate(Generate {
            objects,
            ..Generate::default()
        })
        .start()
        .await
        .unwrap()
}

/// Every object arrives exactly once, and the picture equals the cluster. Returns
/// the content hash of every object.
async fn check_whole(sim: &Sim, watch_list: bool, least: usize) -> BTreeMap<Key, String> {
    sim.requests().clear();
    let running = Running::start(builder(sim).select(everything()).watch_list(watch_list));
    running.synced().await;
    running.equals(sim, "after the initial sync").await;
    let resources: Vec<String> = running.observed();
    let expected = versions_of(sim, &resources);
    assert!(expected.len() >= least, "{} objects", expected.len());
    let lists = sim
        .requests()
        .count(|r| !r.is_watch() && r.query.contains("limit="));
    assert_eq!(watch_list, lists < 20, "lists in pages: {lists}");
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    assert_eq!(replica.added as usize, expected.len());
    assert_eq!(
        (replica.modified, replica.deleted, replica.full_syncs),
        (0, 0, 1)
    );
    assert_eq!(replica.log.last().map(String::as_str), Some("FULL SYNC"));
    let hash = |record: &Value| record["hash"].as_str().unwrap().to_owned();
    replica
        .live
        .iter()
        .map(|(key, record)| (key.clone(), hash(record)))
        .collect()
}

/// Through WatchList and through pages arrives the same, to the hash.
async fn check_both_ways(sim: Sim, least: usize) {
    let streamed = check_whole(&sim, true, least).await;
    let paged = check_whole(&sim, false, least).await;
    let differing = streamed
        .iter()
        .find(|(key, hash)| paged.get(*key) != Some(*hash));
    assert_eq!(differing, None);
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_cluster_arrives_through_watch_list_and_pages() {
    check_both_ways(generated(1500).await, 1400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_watch_list_and_aggregated_discovery_is_observed_all_the_same() {
    let sim = generated(300).await;
    sim.faults().refuse_watch_list();
    sim.faults().disable_aggregated_discovery();
    let running = Running::of(&sim, everything());
    running.synced().await;
    running.equals(&sim, "without WatchList").await;
    sim.apply(config_map("live", "1")).unwrap();
    running.equals(&sim, "after a change").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_cluster_arrives_through_watch_list_and_pages() {
    let Some(reference) = require_reference("a_captured_cluster_arrives") else {
        return;
    };
    let sim = Sim::builder()
        .capture(reference.join("cluster"))
        .unwrap()
        .start()
        .await
        .unwrap();
    check_both_ways(sim, 2900).await;
}

/// The original's messages for the same cluster, by uid.
fn golden(reference: &std::path::Path) -> BTreeMap<String, Value> {
    gunzip(reference.join("contract/golden-cluster/core.jsonl.gz"))
        .lines()
        .map(|line| {
            let message: Value = serde_json::from_str(&line.unwrap()).unwrap();
            (
                message["Object"]["metadata"]["uid"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                message,
            )
        })
        .collect()
}

async fn meshery_messages(
    sim: &Sim,
    fidelity: Fidelity,
    secrets: Secrets,
) -> HashMap<String, Value> {
    let builder = builder(sim).meshery_wire(fidelity).secrets(secrets);
    let running = Running::start_with(builder, Wire::Meshery);
    running.synced().await;
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    replica
        .live
        .values()
        .map(|message| {
            (
                message["Object"]["metadata"]["uid"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                message.clone(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn exact_messages_equal_the_originals_for_the_captured_cluster() {
    let Some(reference) = require_reference("exact_messages_equal_the_originals") else {
        return;
    };
    let sim = Sim::builder()
        .capture(reference.join("cluster"))
        .unwrap()
        .start()
        .await
        .unwrap();
    let messages = meshery_messages(&sim, Fidelity::Exact, Secrets::Plain).await;
    let golden = golden(&reference);
    assert_eq!(golden.len(), 1463);
    for (uid, expected) in &golden {
        assert_eq!(messages.get(uid), Some(expected), "{uid}");
    }
    let redacted = meshery_messages(&sim, Fidelity::Corrected, Secrets::Redacted).await;
    let secrets = redacted
        .values()
        .filter(|m| m["Object"]["kind"] == "Secret");
    let mut values = 0;
    for secret in secrets {
        let data = secret["Object"]["data"].as_str().unwrap_or("{}");
        let data: HashMap<String, String> = serde_json::from_str(data).unwrap();
        values += data.len();
        assert!(data.values().all(|value| value == "[REDACTED]"), "{secret}");
    }
    assert!(values > 20, "the capture has Secrets with values");
}

#[tokio::test(flavor = "multi_thread")]
async fn default_exclusions_are_lifted_by_naming_them_and_patterns_narrow() {
    let sim = generated(300).await;
    let observed = async |selection| {
        let running = Running::of(&sim, selection);
        running.synced().await;
        let ids: Vec<String> = running.observed();
        running.stop().await;
        ids
    };
    let default = observed(meshsync::Selection::default()).await;
    assert!(default.contains(&"pods".to_owned()));
    for excluded in ["events", "leases.coordination.k8s.io", "componentstatuses"] {
        assert!(!default.contains(&excluded.to_owned()), "{excluded}");
    }
    let all = observed(everything()).await;
    assert_eq!(
        all.iter().filter(|id| id.starts_with("events")).count(),
        1,
        "one of the two groups"
    );
    assert!(all.contains(&"leases.coordination.k8s.io".to_owned()));
    assert!(all.contains(&"endpoints".to_owned()));
    assert!(all.contains(&"endpointslices.discovery.k8s.io".to_owned()));
    assert_eq!(
        observed(only(&["deploy", "Pod"])).await,
        ["pods", "deployments.apps"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_follow_live_in_order() {
    let sim = generated(200).await;
    let running = Running::of(&sim, only(&["configmaps"]));
    running.synced().await;
    for value in 0..20 {
        sim.apply(config_map("counter", &value.to_string()))
            .unwrap();
    }
    // What a sink was never given need not be deleted from it.
    running
        .sees("the last state arrives", |replica| {
            let key = (
                "configmaps".to_owned(),
                "default".to_owned(),
                "counter".to_owned(),
            );
            let record = replica.live.get(&key);
            record.is_some_and(|record| record["object"]["data"]["value"] == "19")
        })
        .await;
    sim.delete("", "configmaps", Some("default"), "counter")
        .unwrap();
    sim.apply(config_map("counter", "again")).unwrap();
    running.equals(&sim, "after changes").await;
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    let last: Vec<i64> = replica
        .payloads
        .iter()
        .filter(|d| d.key.as_ref().is_some_and(|key| &*key.name == "counter"))
        .filter_map(|d| {
            let record: Value = serde_json::from_slice(&d.payload).unwrap();
            record["object"]["data"]["value"].as_str()?.parse().ok()
        })
        .collect();
    let deleted = replica
        .payloads
        .iter()
        .filter(|d| d.event == EventType::Deleted)
        .map(|d| serde_json::from_slice::<Value>(&d.payload).unwrap())
        .find(|record| record["object"]["metadata"]["name"] == "counter")
        .unwrap();
    assert_eq!(deleted["object"]["data"]["value"], "19", "the last state");
    assert!(deleted.get("partial").is_none() && deleted["hash"].is_string());
    assert!(
        last.is_sorted(),
        "states of one object arrive in order: {last:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crd_that_comes_and_goes_is_followed() {
    let sim = generated(100).await;
    let running = Running::of(&sim, meshsync::Selection::default());
    running.synced().await;
    let before = sim.requests().count(|r| r.is_watch());
    sim.apply(serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    }))
    .unwrap();
    sim.apply(serde_json::json!({
        "apiVersion": "example.org/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "default"}, "spec": null,
    }))
    .unwrap();
    let key = (
        "widgets.example.org".to_owned(),
        "default".to_owned(),
        "w".to_owned(),
    );
    running
        .sees("the custom resource arrives", |r| r.live.contains_key(&key))
        .await;
    let touched = sim
        .requests()
        .count(|r| r.is_watch() && !r.path.contains("widgets"))
        - before;
    assert_eq!(touched, 0, "no other watch was disturbed");
    sim.delete(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        None,
        "widgets.example.org",
    )
    .unwrap();
    running
        .sees("its objects are gone", |r| !r.live.contains_key(&key))
        .await;
    running
        .sees("the resource is no longer observed", |_| {
            running
                .monitor
                .resources()
                .iter()
                .all(|r| r.resource.plural != "widgets")
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discovery_no_longer_names_goes_with_a_404_and_is_kept_as_stale_before() {
    let sim = generated(50).await;
    let class = serde_json::json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "x"},
    });
    sim.apply(class).unwrap();
    let running = Running::of(&sim, meshsync::Selection::default());
    running.synced().await;
    let class = |id: &str| id == "ingressclasses.networking.k8s.io";
    let is_there = |replica: &crate::support::Replica| replica.live.keys().any(|key| class(&key.0));
    assert!(is_there(&running.replica.lock().unwrap()));
    assert!(!running.resource("ingressclasses.networking.k8s.io").stale);
    let mut hints = 0;
    let mut hint = || {
        // A definition that comes is a reason to discover again.
        hints += 1;
        let (group, plural) = (format!("hint{hints}.example.org"), "hints");
        sim.apply(serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"plural": plural, "singular": "hint", "kind": "Hint", "listKind": "HintList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
        }))
        .unwrap();
    };
    let answers = |code: u16| {
        let scope = meshsync_sim::FaultScope::resource("networking.k8s.io", "ingressclasses");
        sim.faults()
            .fail(scope, meshsync_sim::Failure::status(code));
    };
    sim.faults().group_unnamed("networking.k8s.io");
    for code in [403, 503] {
        answers(code);
        hint();
        running
            .sees("it is stale, and says what the server said", |_| {
                let resource = running.resource("ingressclasses.networking.k8s.io");
                let error = resource.last_error.unwrap_or_default();
                resource.stale && error.contains(&code.to_string())
            })
            .await;
        assert!(is_there(&running.replica.lock().unwrap()), "{code}");
    }
    answers(404);
    hint();
    running
        .sees("its objects are gone", |replica| !is_there(replica))
        .await;
    {
        let replica = running.replica.lock().unwrap();
        let payloads = replica.payloads.iter().map(|delivery| &delivery.payload);
        let mut records = payloads.filter_map(|p| serde_json::from_slice::<Value>(p).ok());
        let gone = |r: &Value| r["event"] == "DELETED" && r["object"]["kind"] == "IngressClass";
        let record = records.find(gone).unwrap();
        assert!(record.get("reason").is_none(), "{record}");
    }
    // Named again, it is back.
    sim.faults().heal_all();
    hint();
    running.sees("it is back", is_there).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_do_not_answer_hide_nothing_else() {
    let sim = generated(200).await;
    sim.faults().group_unavailable("apps");
    for aggregated in [true, false] {
        if !aggregated {
            sim.faults().disable_aggregated_discovery();
        }
        let running = Running::of(&sim, meshsync::Selection::default());
        running.synced().await;
        assert!(
            running
                .monitor
                .resources()
                .iter()
                .any(|r| r.resource.plural == "pods")
        );
        running.stop().await;
    }
}
