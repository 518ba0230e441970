//! A real NATS server and a consumer that behaves as Meshery Server does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use meshsync_sim::{Generate, Sim};
use meshsync_testkit::{NatsServer, eventually, seed};
use serde_json::Value;

use crate::support::{DEADLINE, Key, Running, builder, config_map, versions_of};

/// Upserts on ADDED and MODIFIED, deletes on DELETED, keyed as the Server keys.
#[derive(Default)]
struct Database {
    rows: BTreeMap<(String, String, String, String), (String, String)>,
    messages: u64,
}

impl Database {
    fn take(&mut self, payload: &[u8]) {
        let message: Value = serde_json::from_slice(payload).unwrap();
        assert_eq!(message["ObjectType"], "meshsync-data");
        assert!(message["Request"].is_null());
        let object = &message["Object"];
        let metadata = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (
            text(&object["kind"]),
            text(&object["apiVersion"]),
            text(&metadata["namespace"]),
            text(&metadata["name"]),
        );
        self.messages += 1;
        match message["EventType"].as_str() {
            Some("ADDED" | "MODIFIED") => {
                self.rows.insert(
                    key,
                    (text(&metadata["uid"]), text(&metadata["resourceVersion"])),
                );
            }
            Some("DELETED") => {
                self.rows.remove(&key);
            }
            other => panic!("unexpected event {other:?}"),
        }
    }
}

/// A consumer that reconnects quickly and never gives up.
async fn consume(url: &str, token: &str) -> (async_nats::Client, Arc<Mutex<Database>>) {
    let client = async_nats::ConnectOptions::with_token(token.to_owned())
        .max_reconnects(None)
        .reconnect_delay_callback(|_| std::time::Duration::from_millis(20))
        .connect(url)
        .await
        .unwrap();
    let mut subscription = client.subscribe("meshery.meshsync.core").await.unwrap();
    client.flush().await.unwrap();
    let database = Arc::new(Mutex::new(Database::default()));
    let rows = Arc::clone(&database);
    tokio::spawn(async move {
        while let Some(message) = subscription.next().await {
            rows.lock().unwrap().take(&message.payload);
        }
    });
    (client, database)
}

/// The simulator's objects as the consumer's rows: kinds come from the objects.
fn rows_of(
    sim: &Sim,
    resources: &[String],
) -> BTreeMap<(String, String, String, String), (String, String)> {
    let wanted: BTreeMap<Key, (String, String)> = versions_of(sim, resources);
    sim.snapshot()
        .filter_map(|object| {
            let id = if object.group.is_empty() {
                object.plural.clone()
            } else {
                format!("{}.{}", object.plural, object.group)
            };
            let key: Key = (id, object.namespace.clone(), object.name.clone());
            let version = wanted.get(&key)?;
            let value: Value = serde_json::from_slice(&object.bytes).ok()?;
            let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
            Some((
                (
                    text("kind"),
                    text("apiVersion"),
                    object.namespace,
                    object.name,
                ),
                version.clone(),
            ))
        })
        .collect()
}

async fn equal(running: &Running, sim: &Sim, database: &Mutex<Database>, what: &str) {
    eventually(
        &format!("the consumer equals the cluster: {what}"),
        DEADLINE,
        async || database.lock().unwrap().rows == rows_of(sim, &running.observed()),
    )
    .await;
}

async fn start(objects: usize) -> Option<(NatsServer, Sim, Running, Arc<Mutex<Database>>)> {
    let nats = NatsServer::builder()
        .token("t0ken")
        .monitoring()
        .start_or_skip()?;
    let sim = Sim::builder()
        .generate(Generate {
            objects,
            ..Generate::default()
        })
        .start()
        .await
        .unwrap();
    let (_client, database) = consume(&nats.url(), "t0ken").await;
    let url = nats.url().replacen("nats://", "nats://t0ken@", 1);
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    running.synced().await;
    Some((nats, sim, running, database))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consumer_follows_from_the_initial_sync_to_deletes() {
    let Some((_nats, sim, running, database)) = start(800).await else {
        return;
    };
    equal(&running, &sim, &database, "after the initial sync").await;
    let objects = rows_of(&sim, &running.observed()).len() as u64;
    assert_eq!(
        database.lock().unwrap().messages,
        objects,
        "one message per object"
    );
    sim.apply(config_map("live", "1")).unwrap();
    equal(&running, &sim, &database, "after an add").await;
    sim.apply(config_map("live", "2")).unwrap();
    equal(&running, &sim, &database, "after a modification").await;
    sim.delete("", "configmaps", Some("default"), "live")
        .unwrap();
    equal(&running, &sim, &database, "after a delete").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_during_churn_loses_nothing() {
    let Some((mut nats, sim, running, database)) = start(300).await else {
        return;
    };
    let churn = sim.churn_seeded(
        300.0,
        seed("a_broker_that_restarts_during_churn_loses_nothing", 11),
    );
    for _ in 0..2 {
        let before = database.lock().unwrap().messages;
        running
            .sees("messages flow", |_| {
                database.lock().unwrap().messages > before + 50
            })
            .await;
        nats.stop();
        let version = sim.resource_version();
        running
            .sees("the cluster goes on", |_| {
                sim.resource_version() > version + 50
            })
            .await;
        nats.restart().unwrap();
    }
    churn.stop().await;
    equal(&running, &sim, &database, "after two restarts").await;
    let sinks = running.monitor.sinks();
    let sink = sinks
        .iter()
        .find(|sink| sink.status.name().starts_with("nats://"))
        .unwrap();
    assert!(
        sink.status.retries.value() > 0,
        "something had to be sent again"
    );
    assert!(!sink.status.name().contains("t0ken"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_above_max_payload_arrives_in_parts_and_is_reported_by_name() {
    let Some(nats) = NatsServer::builder()
        .token("t0ken")
        .max_payload_bytes(64 << 10)
        .start_or_skip()
    else {
        return;
    };
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("too-big", &"x".repeat(100 << 10)))
        .unwrap();
    sim.apply(config_map("fits", "1")).unwrap();
    let (_client, database) = consume(&nats.url(), "t0ken").await;
    let url = nats.url().replacen("nats://", "nats://t0ken@", 1);
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    running.synced().await;
    let sinks = running.monitor.sinks();
    let sink = sinks
        .iter()
        .find(|sink| sink.status.name().starts_with("nats://"))
        .unwrap();
    running
        .sees("it is cut", |_| sink.status.cut.value() == 1)
        .await;
    equal(&running, &sim, &database, "the large one included").await;
    assert_eq!(sink.status.rejected.value(), 0);
    let error = sink.status.last_error().unwrap();
    for part in ["default/too-big", "data/", "max_payload", "bytes"] {
        assert!(error.contains(part), "{error}");
    }
    running.stop().await;
}
