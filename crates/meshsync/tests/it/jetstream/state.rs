//! The streams follow the cluster.

use std::collections::BTreeMap;

use meshsync_sim::{Generate, Sim};
use meshsync_testkit::{NatsServer, eventually, seed};

use super::stream::{Message, digests, live, markers, read, state};
use crate::support::{DEADLINE, Key, Running, builder, config_map, versions_of};

pub(crate) fn url_of(nats: &NatsServer) -> String {
    nats.url().replacen("nats://", "jetstream://", 1)
}

pub(crate) async fn start(objects: usize) -> Option<(NatsServer, Sim)> {
    let nats = NatsServer::builder().jetstream().start_or_skip()?;
    let generate = Generate {
        objects,
        ..Generate::default()
    };
    let sim = Sim::builder().generate(generate).start().await.unwrap();
    Some((nats, sim))
}

pub(super) fn run(sim: &Sim, nats: &NatsServer) -> Running {
    Running::start(builder(sim).sink_url(&url_of(nats)).unwrap())
}

/// Waits until the state stream holds the cluster, and returns what it holds.
pub(super) async fn equal(
    nats: &NatsServer,
    sim: &Sim,
    running: &Running,
    what: &str,
) -> Vec<Message> {
    eventually(what, DEADLINE, async || {
        let messages = state(nats).await;
        (live(&messages) == versions_of(sim, &running.observed())).then_some(messages)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_stream_is_the_cluster_and_the_markers_agree() {
    let Some((nats, sim)) = start(600).await else {
        return;
    };
    for name in ["a.b", "c:d", "e f", "g*h", "i>j", "k%l", "ä_"] {
        sim.apply(serde_json::json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name},
        }))
        .unwrap();
    }
    let running = run(&sim, &nats);
    running.synced().await;
    let messages = equal(&nats, &sim, &running, "after the initial sync").await;
    let marked = markers(&messages);
    for (resource, digest) in digests(&messages) {
        assert_eq!(marked.get(&resource), Some(&digest), "{resource}");
    }
    for message in &messages {
        let last = message.raw_subject.rsplit('.').next().unwrap();
        assert!(
            last.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_%*".contains(&b))
        );
    }
    sim.apply(config_map("live", "1")).unwrap();
    sim.apply(config_map("live", "2")).unwrap();
    equal(&nats, &sim, &running, "after changes").await;
    sim.delete("", "configmaps", Some("default"), "live")
        .unwrap();
    let messages = equal(&nats, &sim, &running, "after a delete").await;
    let tombstone: Vec<_> = messages
        .iter()
        .filter(|message| message.key().is_some_and(|key| key.2 == "live"))
        .collect();
    assert_eq!(tombstone.len(), 1, "late consumers see the delete");
    assert_eq!(
        tombstone[0].body["object"]["data"]["value"], "2",
        "its last state"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_stream_has_every_objects_states_in_order() {
    let Some((nats, sim)) = start(50).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    let churn = sim.churn_seeded(200.0, seed("the_events_stream", 3));
    let version = sim.resource_version();
    running
        .sees("changes happen", |_| sim.resource_version() > version + 200)
        .await;
    churn.stop().await;
    let last = equal(&nats, &sim, &running, "after the churn").await;
    eventually("the events stream has caught up", DEADLINE, async || {
        let events = read(&nats, "MESHSYNC_EVENTS").await;
        let mut histories: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
        for event in &events {
            if let Some(key) = event.key() {
                // The number of the message says when it was sent.
                let id = &event.envelope.as_ref().unwrap().id;
                let n = id.split('.').nth(1).unwrap().parse().unwrap();
                histories.entry(key).or_default().push(n);
            }
        }
        for (key, history) in &histories {
            assert!(history.is_sorted(), "{key:?}: {history:?}");
        }
        let ids = |messages: &[Message]| -> BTreeMap<Key, String> {
            let objects = messages.iter().filter_map(|message| {
                Some((message.key()?, message.envelope.as_ref()?.id.clone()))
            });
            objects.collect()
        };
        let longest = histories.values().map(Vec::len).max();
        ids(&events) == ids(&last) && longest > Some(1)
    })
    .await;
    running.stop().await;
}
