//! A pipeline under test, and a replica that follows it as a consumer would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshsync::{
    Batch, BoxFuture, Builder, ClusterConfig, Delivery, EventType, Handle, MeshSync, Monitor,
    Published, RunError, Selection, Sink, SinkError, Wire,
};
use meshsync_sim::Sim;
use meshsync_testkit::eventually;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// `plural.group` (or `plural`), namespace, name.
pub(crate) type Key = (String, String, String);

/// The default exclusions, lifted by naming them.
pub(crate) fn everything() -> Selection {
    Selection {
        also: ["events", "leases", "componentstatuses"]
            .map(|pattern| pattern.parse().unwrap())
            .to_vec(),
        ..Selection::default()
    }
}

pub(crate) fn only(patterns: &[&str]) -> Selection {
    Selection {
        include: patterns.iter().map(|rule| rule.parse().unwrap()).collect(),
        ..Selection::default()
    }
}

/// What a consumer knows after the deliveries so far. Checks on the way that the
/// deliveries make sense in their order.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    /// Latest payload of every live object.
    pub(crate) live: BTreeMap<Key, Value>,
    pub(crate) added: u64,
    pub(crate) modified: u64,
    pub(crate) deleted: u64,
    pub(crate) partial: u64,
    pub(crate) full_syncs: u64,
    /// Every delivery as one short line, in order.
    pub(crate) log: Vec<String>,
    pub(crate) payloads: Vec<Delivery>,
}

impl Replica {
    fn take(&mut self, delivery: &Delivery) {
        self.payloads.push(delivery.clone());
        let Some(resource) = &delivery.resource else {
            self.full_syncs += 1;
            self.log.push("FULL SYNC".to_owned());
            return;
        };
        let Some(key) = &delivery.key else {
            self.log.push(format!("SYNCED {}", resource.id()));
            return;
        };
        let key: Key = (
            resource.id().to_string(),
            key.namespace.as_deref().unwrap_or_default().to_owned(),
            key.name.to_string(),
        );
        self.log
            .push(format!("{} {} {}/{}", delivery.event, key.0, key.1, key.2));
        let payload: Value = serde_json::from_slice(&delivery.payload).unwrap();
        match delivery.event {
            EventType::Added => {
                self.added += 1;
                let before = self.live.insert(key.clone(), payload);
                assert!(before.is_none(), "added twice: {key:?}");
            }
            EventType::Modified => {
                self.modified += 1;
                let before = self.live.insert(key.clone(), payload);
                assert!(before.is_some(), "modified before it was added: {key:?}");
            }
            EventType::Deleted => {
                self.deleted += 1;
                self.partial += u64::from(payload["partial"] == true);
                let before = self.live.remove(&key);
                assert!(before.is_some(), "deleted and never added: {key:?}");
            }
            EventType::Synced => panic!("a SYNCED with an object"),
        }
    }

    /// uid and resourceVersion of every live object. The replica must be of a
    /// sink of records or objects.
    pub(crate) fn versions(&self) -> BTreeMap<Key, (String, String)> {
        self.live
            .iter()
            .map(|(key, payload)| {
                let object = if payload["object"].is_object() {
                    &payload["object"]
                } else {
                    payload
                };
                let metadata = &object["metadata"];
                let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
                (key.clone(), (text("uid"), text("resourceVersion")))
            })
            .collect()
    }
}

/// A sink that feeds a [`Replica`].
pub(crate) struct ReplicaSink {
    pub(crate) replica: Arc<Mutex<Replica>>,
    pub(crate) wire: Wire,
}

impl Sink for ReplicaSink {
    fn name(&self) -> String {
        "replica:".to_owned()
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        let mut replica = self.replica.lock().unwrap();
        for delivery in &batch.deliveries {
            replica.take(delivery);
        }
        Box::pin(async { Ok(Published::default()) })
    }
}

/// A pipeline that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) monitor: Monitor,
    pub(crate) handle: Handle,
    pub(crate) replica: Arc<Mutex<Replica>>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    /// Starts a pipeline with a replica of records beside the builder's sinks.
    pub(crate) fn start(builder: Builder) -> Self {
        Self::start_with(builder, Wire::Record)
    }

    pub(crate) fn start_with(builder: Builder, wire: Wire) -> Self {
        let replica = Arc::new(Mutex::new(Replica::default()));
        let sink = ReplicaSink {
            replica: Arc::clone(&replica),
            wire,
        };
        let meshsync = builder.sink(sink).build().unwrap();
        let monitor = meshsync.monitor();
        let handle = meshsync.handle();
        let stop = CancellationToken::new();
        let task = tokio::spawn(meshsync.run(stop.clone().cancelled_owned()));
        Self {
            monitor,
            handle,
            replica,
            stop,
            task,
        }
    }

    pub(crate) fn of(sim: &Sim, selection: Selection) -> Self {
        Self::start(builder(sim).select(selection))
    }

    pub(crate) async fn synced(&self) {
        tokio::time::timeout(DEADLINE, self.monitor.synced())
            .await
            .unwrap_or_else(|_| panic!("not in sync: {}", self.explain()));
    }

    pub(crate) async fn stop(self) -> Arc<Mutex<Replica>> {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task)
            .await
            .expect("the pipeline stops")
            .unwrap()
            .unwrap();
        self.replica
    }

    /// Waits until the replica holds exactly the simulator's objects of these
    /// resources (all selected ones when empty).
    pub(crate) async fn equals(&self, sim: &Sim, what: &str) {
        let started = std::time::Instant::now();
        loop {
            // Resources come and go, too.
            let resources: Vec<String> = self.observed();
            let expected = versions_of(sim, &resources);
            let known = self.replica.lock().unwrap().versions();
            if known == expected {
                return;
            }
            if started.elapsed() > DEADLINE {
                let stale =
                    |(key, version): &(&Key, &(String, String))| known.get(*key) != Some(*version);
                let missing: Vec<_> = expected.iter().filter(stale).take(5).collect();
                let surplus = known.keys().filter(|key| !expected.contains_key(*key));
                let surplus: Vec<_> = surplus.take(5).collect();
                panic!(
                    "{what}: missing or stale {missing:?}, surplus {surplus:?}, {}",
                    self.explain()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// As [`Running::equals`] while resources are still being found.
    pub(crate) async fn equals_soon(&self, sim: &Sim) {
        self.sees("every resource is in sync at this sink", |replica| {
            let resources = self.monitor.resources();
            let ids: Vec<String> = resources
                .iter()
                .map(|r| r.resource.id().to_string())
                .collect();
            !ids.is_empty()
                && resources.iter().all(|r| r.synced)
                && replica.versions() == versions_of(sim, &ids)
        })
        .await;
    }

    pub(crate) async fn sees(&self, what: &str, condition: impl Fn(&Replica) -> bool) {
        eventually(what, DEADLINE, async || {
            condition(&self.replica.lock().unwrap())
        })
        .await;
    }

    /// Names of the resources that are observed now.
    pub(crate) fn observed(&self) -> Vec<String> {
        let resources = self.monitor.resources();
        let ids = resources.iter().map(|r| r.resource.id().to_string());
        ids.collect()
    }

    pub(crate) fn resource(&self, id: &str) -> meshsync::ResourceSnapshot {
        self.monitor
            .resources()
            .into_iter()
            .find(|r| r.resource.id().to_string() == id)
            .unwrap_or_else(|| panic!("{id} is not observed"))
    }

    pub(crate) fn explain(&self) -> String {
        serde_json::to_string_pretty(&self.monitor.document()).unwrap()
    }
}

/// Default builder for a simulator.
pub(crate) fn builder(sim: &Sim) -> Builder {
    MeshSync::builder().cluster(ClusterConfig::Text(sim.kubeconfig()))
}

/// uid and resourceVersion of the simulator's objects of these resources.
pub(crate) fn versions_of(sim: &Sim, resources: &[String]) -> BTreeMap<Key, (String, String)> {
    sim.snapshot()
        .map(|object| {
            let id = if object.group.is_empty() {
                object.plural.clone()
            } else {
                format!("{}.{}", object.plural, object.group)
            };
            // ComponentStatuses have none.
            let version = match object.resource_version {
                0 => String::new(),
                version => version.to_string(),
            };
            ((id, object.namespace, object.name), (object.uid, version))
        })
        .filter(|((id, ..), _)| resources.contains(id))
        .collect()
}

/// The reasons of the deletes of a resource's objects, each with the object's name.
pub(crate) fn deletes(replica: &Replica, plural: &str) -> Vec<(String, Option<String>)> {
    let of = |delivery: &&Delivery| {
        let resource = delivery.resource.as_ref();
        delivery.key.is_some()
            && delivery.event == EventType::Deleted
            && resource.is_some_and(|resource| resource.plural == plural)
    };
    let deletes = replica.payloads.iter().filter(of);
    let deletes = deletes.map(|delivery| {
        let record: Value = serde_json::from_slice(&delivery.payload).unwrap();
        let name = record["object"]["metadata"]["name"].as_str();
        let reason = record["reason"].as_str().map(str::to_owned);
        (name.unwrap_or_default().to_owned(), reason)
    });
    deletes.collect()
}

/// A small ConfigMap.
pub(crate) fn config_map(name: &str, value: &str) -> Value {
    serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": {"value": value},
    })
}
