//! Changes at a steady rate, as a living cluster makes them.

use std::{sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::custom::definition;
use crate::{
    api::{GroupResource, Status},
    shared::Shared,
    store::{DeleteOptions, WriteOptions, decode, merge_patch, now},
    tasks::Tasks,
};

/// How often due changes are made.
const TICK: Duration = Duration::from_millis(10);
/// A churn that cannot keep up falls behind by this much time at most; the rest is forgotten.
const DEBT_SECONDS_MAX: f64 = 0.1;
/// Changes made before other tasks of the thread get their turn.
const CHANGES_PER_TURN: u64 = 4;

/// Running changes. They end when this is stopped or dropped.
#[derive(Debug)]
pub struct Churn {
    tasks: Tasks,
}

impl Churn {
    /// Ends the changes and waits until the last one is done.
    pub async fn stop(self) {
        self.tasks.shutdown().await;
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

/// Starts changing the cluster.
pub(crate) fn churn(shared: Arc<Shared>, per_second: f64, seed: u64) -> Churn {
    let tasks = Tasks::default();
    let stop = tasks.stopping();
    let mut changes = Changes::new(&shared, seed);
    tasks.spawn(async move {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let debt_max = (per_second * DEBT_SECONDS_MAX).max(1.0);
        let (mut due, mut last) = (0.0, Instant::now());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                now = ticks.tick() => {
                    due = (due + per_second * (now - last).as_secs_f64()).min(debt_max);
                    last = now;
                }
            }
            while due >= 1.0 {
                due -= 1.0;
                if changes.serial.is_multiple_of(CHANGES_PER_TURN) {
                    tokio::task::yield_now().await;
                    if stop.is_cancelled() {
                        return;
                    }
                }
                if let Err(status) = changes.one(&shared) {
                    tracing::debug!(%status, "a change was refused");
                }
            }
        }
    });
    Churn { tasks }
}

/// One kind of change and how often it is chosen, of 1,000.
const WEIGHTS: &[(u32, Change)] = &[
    (800, Change::PodStatus),
    (850, Change::PodCreate),
    (900, Change::PodDelete),
    (960, Change::Config),
    (985, Change::Secret),
    (1000, Change::Definition),
];

#[derive(Clone, Copy, Debug)]
enum Change {
    PodStatus,
    PodCreate,
    PodDelete,
    Config,
    Secret,
    /// A CustomResourceDefinition with one object appears; the next time it vanishes.
    Definition,
}

struct Changes {
    rng: StdRng,
    pods: Vec<String>,
    configs: Vec<String>,
    secrets: Vec<String>,
    /// The group of the definition that is there now.
    defined: Option<String>,
    serial: u64,
}

impl Changes {
    fn new(shared: &Shared, seed: u64) -> Self {
        let store = shared.read();
        let keys = |plural: &str| {
            let table = store.tables.get(&GroupResource::new("", plural));
            table
                .map(|table| table.objects.keys().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
        };
        Self {
            pods: keys("pods"),
            configs: keys("configmaps"),
            secrets: keys("secrets"),
            defined: None,
            serial: 0,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    fn one(&mut self, shared: &Shared) -> Result<(), Status> {
        self.serial += 1;
        let roll = self.rng.random_range(0..1000);
        let change = WEIGHTS
            .iter()
            .find(|(below, _)| roll < *below)
            .map(|(_, change)| *change);
        match change.unwrap_or(Change::PodStatus) {
            Change::PodStatus => self.pod_status(shared),
            Change::PodCreate => self.pod_create(shared),
            Change::PodDelete => self.pod_delete(shared),
            Change::Config => {
                let value = self.serial.to_string();
                let key = pick(&mut self.rng, &self.configs);
                edit(shared, "configmaps", key, |object| {
                    merge_patch(object, &json!({"data": {"revision": value}}));
                })
            }
            Change::Secret => {
                // Base64 of decimal digits needs no encoder: any four letters decode.
                let value = format!("{:08}", self.serial % 100_000_000);
                let key = pick(&mut self.rng, &self.secrets);
                edit(shared, "secrets", key, |object| {
                    merge_patch(object, &json!({"data": {"rotation": value}}));
                })
            }
            Change::Definition => self.definition(shared),
        }
    }

    fn pod_status(&mut self, shared: &Shared) -> Result<(), Status> {
        let serial = self.serial;
        let key = pick(&mut self.rng, &self.pods);
        edit(shared, "pods", key, |pod| {
            let at = now();
            merge_patch(pod, &json!({"status": {"observedChange": serial}}));
            if let Some(Value::Array(conditions)) = pod.pointer_mut("/status/conditions") {
                for condition in conditions.iter_mut().filter(|c| c["type"] == "Ready") {
                    let ready = if condition["status"] == "True" {
                        "False"
                    } else {
                        "True"
                    };
                    merge_patch(
                        condition,
                        &json!({"status": ready, "lastTransitionTime": at}),
                    );
                }
            }
        })
    }

    /// A new pod like an existing one.
    fn pod_create(&mut self, shared: &Shared) -> Result<(), Status> {
        let Some(key) = pick(&mut self.rng, &self.pods) else {
            return Ok(());
        };
        let gr = GroupResource::new("", "pods");
        let mut store = shared.write();
        let model = store
            .get(&gr, &key)
            .zip(store.framing(&gr))
            .and_then(|(pod, framing)| decode(pod, &framing));
        let Some(mut pod) = model else { return Ok(()) };
        let stem = pod["metadata"]["generateName"]
            .as_str()
            .unwrap_or("churn-")
            .to_owned();
        pod["metadata"]["name"] = format!(
            "{stem}c{:x}{:x}",
            self.serial,
            self.rng.random_range(0..4096)
        )
        .into();
        if let Some(metadata) = pod["metadata"].as_object_mut() {
            for field in ["uid", "resourceVersion", "creationTimestamp"] {
                metadata.remove(field);
            }
        }
        let namespace = pod["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let created = store.create(&gr, &namespace, pod, WriteOptions::default())?;
        self.pods.push(created.key());
        Ok(())
    }

    fn pod_delete(&mut self, shared: &Shared) -> Result<(), Status> {
        if self.pods.is_empty() {
            return Ok(());
        }
        let key = self
            .pods
            .swap_remove(self.rng.random_range(0..self.pods.len()));
        let (namespace, name) = key.split_once('/').unwrap_or(("", &key));
        shared
            .write()
            .delete(
                &GroupResource::new("", "pods"),
                namespace,
                name,
                &DeleteOptions::default(),
            )
            .map(drop)
    }

    fn definition(&mut self, shared: &Shared) -> Result<(), Status> {
        let crds = GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions");
        let mut store = shared.write();
        if let Some(group) = self.defined.take() {
            return store
                .delete(
                    &crds,
                    "",
                    &format!("gadgets.{group}"),
                    &DeleteOptions::default(),
                )
                .map(drop);
        }
        let group = format!("churn{}.example.com", self.serial);
        let crd = definition(&group, "v1", "Gadget", "gadgets", true);
        store.create(&crds, "", crd, WriteOptions::default())?;
        let gadget = json!({
            "apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "first"}, "spec": {"size": self.serial},
        });
        let gadgets = GroupResource::new(group.as_str(), "gadgets");
        self.defined = Some(group);
        store
            .create(&gadgets, "default", gadget, WriteOptions::default())
            .map(drop)
    }
}

fn pick(rng: &mut StdRng, keys: &[String]) -> Option<String> {
    if keys.is_empty() {
        None
    } else {
        Some(keys[rng.random_range(0..keys.len())].clone())
    }
}

fn edit(
    shared: &Shared,
    plural: &str,
    key: Option<String>,
    change: impl FnOnce(&mut Value),
) -> Result<(), Status> {
    let Some(key) = key else { return Ok(()) };
    let (namespace, name) = key.split_once('/').unwrap_or(("", &key));
    let gr = GroupResource::new("", plural);
    shared
        .write()
        .change(
            &gr,
            namespace,
            name,
            WriteOptions::default(),
            |mut object| {
                change(&mut object);
                Ok(object)
            },
        )
        .map(drop)
}
