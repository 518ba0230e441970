//! A consumer that behaves as Meshery Server does: it upserts on a key of five
//! parts, deletes, and asks for the store when it connects.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures::StreamExt;
use meshsync_testkit::eventually;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{DEADLINE, TOKEN, World};

pub(crate) const STORE: &str = "meshery-server.meshsync.store";

/// cluster, kind, apiVersion, namespace, name.
pub(crate) type Key = [String; 5];

/// What it has, and everything it was sent.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) rows: BTreeMap<Key, Value>,
    /// Event and resource, in order; batches from the store as `STORE`.
    pub(crate) log: Vec<(String, Value)>,
    pub(crate) batches: usize,
}

impl Database {
    fn core(&mut self, payload: &[u8]) {
        let message: Value = serde_json::from_slice(payload).unwrap();
        let keys: Vec<&String> = message.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["EventType", "Object", "ObjectType", "Request"]);
        assert_eq!(message["ObjectType"], "meshsync-data");
        let object = &message["Object"];
        let event = message["EventType"].as_str().unwrap();
        match event {
            "ADDED" | "MODIFIED" => drop(self.rows.insert(key(object), object.clone())),
            "DELETED" => drop(self.rows.remove(&key(object))),
            // The Server panics on ERROR.
            other => panic!("unexpected event {other:?}"),
        }
        self.log.push((event.to_owned(), object.clone()));
    }

    fn store(&mut self, payload: &[u8]) {
        let message: Value = serde_json::from_slice(payload).unwrap();
        let objects = message["Object"].as_array().unwrap();
        assert!(
            (1..=5).contains(&objects.len()),
            "a batch of {}",
            objects.len()
        );
        self.batches += 1;
        for object in objects {
            self.rows.insert(key(object), object.clone());
            self.log.push(("STORE".to_owned(), object.clone()));
        }
    }

    /// How often each event came for objects of that kind and name.
    pub(crate) fn events(&self, kind: &str, name: &str) -> Vec<&str> {
        let of = self
            .log
            .iter()
            .filter(|(_, object)| object["kind"] == kind && object["metadata"]["name"] == name);
        of.map(|(event, _)| event.as_str()).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = self.rows.keys().map(|key| key[1].clone()).collect();
        kinds.dedup();
        kinds.sort();
        kinds.dedup();
        kinds
    }
}

fn key(object: &Value) -> Key {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [
        text(&object["cluster_id"]),
        text(&object["kind"]),
        text(&object["apiVersion"]),
        text(&metadata["namespace"]),
        text(&metadata["name"]),
    ]
}

/// A connected consumer. Dropping it is its absence.
pub(crate) struct Server {
    pub(crate) client: async_nats::Client,
    pub(crate) database: Arc<Mutex<Database>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(world: &World) -> async_nats::Client {
    async_nats::ConnectOptions::with_token(TOKEN.to_owned())
        .name("meshery-server")
        .max_reconnects(None)
        .reconnect_delay_callback(|_| Duration::from_millis(50))
        .connect(world.nats.url())
        .await
        .unwrap()
}

impl Server {
    /// Connects with an empty database.
    pub(crate) async fn connect(world: &World) -> Self {
        Self::with(world, Arc::default()).await
    }

    /// Connects with what another one had.
    pub(crate) async fn with(world: &World, database: Arc<Mutex<Database>>) -> Self {
        let client = connect(world).await;
        // One subscription over both subjects: what was sent first is taken first.
        let mut incoming = client.subscribe("*.meshsync.*").await.unwrap();
        client.flush().await.unwrap();
        let rows = Arc::clone(&database);
        let task = tokio::spawn(async move {
            while let Some(message) = incoming.next().await {
                let mut rows = rows.lock().unwrap();
                match message.subject.as_str() {
                    "meshery.meshsync.core" => rows.core(&message.payload),
                    STORE => rows.store(&message.payload),
                    _ => {}
                }
            }
        });
        Self {
            client,
            database,
            task,
        }
    }

    /// Where the stream of a durable broker ends now.
    pub(crate) async fn position(&self) -> u64 {
        let context = async_nats::jetstream::new(self.client.clone());
        let stream = context.get_stream("MESHSYNC_EVENTS").await.unwrap();
        stream.cached_info().state.last_sequence
    }

    /// Connects with what it had, and reads on in the stream behind `position`.
    pub(crate) async fn after_absence(
        world: &World,
        database: Arc<Mutex<Database>>,
        position: u64,
    ) -> Self {
        let client = connect(world).await;
        let context = async_nats::jetstream::new(client.clone());
        let stream = context.get_stream("MESHSYNC_EVENTS").await.unwrap();
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: position + 1,
            },
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut events = consumer.messages().await.unwrap();
        let mut store = client.subscribe(STORE).await.unwrap();
        client.flush().await.unwrap();
        let rows = Arc::clone(&database);
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    Some(batch) = store.next() => rows.lock().unwrap().store(&batch.payload),
                    Some(event) = events.next() => rows.lock().unwrap().core(&event.unwrap().payload),
                    else => return,
                }
            }
        });
        Self {
            client,
            database,
            task,
        }
    }

    pub(crate) async fn request(&self, entity: &str, payload: Value) {
        let request = json!({"Request": {"Entity": entity, "Payload": payload}});
        let subject = "meshery.meshsync.request";
        self.client
            .publish(subject, request.to_string().into())
            .await
            .unwrap();
        self.client.flush().await.unwrap();
    }

    pub(crate) async fn ask_for_store(&self) {
        self.request("informer-store", json!({"Reply": STORE}))
            .await;
    }

    pub(crate) fn take<T>(&self, look: impl FnOnce(&mut Database) -> T) -> T {
        look(&mut self.database.lock().unwrap())
    }

    /// Waits for something to be so.
    pub(crate) async fn sees(&self, what: &str, condition: impl Fn(&Database) -> bool) {
        eventually(what, DEADLINE, async || {
            condition(&self.database.lock().unwrap())
        })
        .await;
    }

    /// Waits until it has exactly the cluster's objects of the kinds wanted, each
    /// in its last state.
    pub(crate) async fn equals(
        &self,
        world: &World,
        what: &str,
        wanted: impl Fn(&str, &str) -> bool,
    ) {
        let started = std::time::Instant::now();
        loop {
            let expected = rows_of(world, &wanted);
            let known: BTreeMap<Key, String> = self.take(|database| {
                let version = |row: &Value| {
                    let version = row["metadata"]["resourceVersion"].as_str();
                    version.unwrap_or_default().to_owned()
                };
                let rows = database.rows.iter();
                rows.map(|(key, row)| (key.clone(), version(row))).collect()
            });
            if known == expected {
                return;
            }
            if started.elapsed() > DEADLINE {
                let missing = expected
                    .iter()
                    .filter(|(key, v)| known.get(*key) != Some(v));
                let missing: Vec<_> = missing.take(5).collect();
                let surplus = known.keys().filter(|key| !expected.contains_key(*key));
                let surplus: Vec<_> = surplus.take(5).collect();
                panic!("{what}: missing or stale {missing:?}, surplus {surplus:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The kinds that are observed where nobody says otherwise.
pub(crate) fn by_default(group: &str, plural: &str) -> bool {
    const KINDS: [&str; 21] = [
        "namespaces.",
        "configmaps.",
        "nodes.",
        "secrets.",
        "persistentvolumes.",
        "persistentvolumeclaims.",
        "replicasets.apps",
        "pods.",
        "services.",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "ingresses.networking.k8s.io",
        "endpoints.",
        "endpointslices.discovery.k8s.io",
        "cronjobs.batch",
        "replicationcontrollers.",
        "storageclasses.storage.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "volumeattachments.storage.k8s.io",
        "apiservices.apiregistration.k8s.io",
    ];
    let id = format!("{plural}.{group}");
    let is_custom = group.contains('.')
        && (!group.ends_with(".k8s.io") || group == "gateway.networking.k8s.io");
    KINDS.contains(&id.as_str()) || is_custom
}

fn rows_of(world: &World, wanted: impl Fn(&str, &str) -> bool) -> BTreeMap<Key, String> {
    let objects = world.sim.snapshot();
    let objects = objects.filter(|object| wanted(&object.group, &object.plural));
    objects
        .map(|object| {
            let value: Value = serde_json::from_slice(&object.bytes).unwrap();
            let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
            let key = [
                meshsync_sim::KUBE_SYSTEM_UID.to_owned(),
                text("kind"),
                text("apiVersion"),
                object.namespace,
                object.name,
            ];
            (key, object.resource_version.to_string())
        })
        .collect()
}

/// The objects of a start arrive, once each, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn n14_each_object_is_published_once_at_the_start() {
    let Some(world) = World::start(300).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "after the start", by_default).await;
    let (messages, rows) = server.take(|database| (database.log.len(), database.rows.len()));
    assert_eq!(messages, rows);
    assert_eq!(agent.stop().await, Some(0));
}
