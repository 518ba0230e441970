//! A small controller that embeds MeshSync in its own process.
//!
//! It keeps one ConfigMap, `deployment-inventory`, in every namespace that has
//! Deployments: what runs there, from which images, with how many replicas.
//!
//! ```console
//! $ cargo run --example controller
//! $ cargo run --example controller -- --namespaces shop,payments
//! ```
//!
//! What to reconcile comes from our stream of changes; what is written goes
//! through `kube`. There is no second cache: the controller keeps the few words
//! per Deployment that it needs, and nothing else is in memory.
//!
//! It needs `list` and `watch` on deployments, `get` on the namespace
//! `kube-system`, and `list`, `create`, `patch` and `delete` on configmaps.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use meshsync::{
    Changes, ClusterConfig, EventType, MeshSync, NamespaceSelection, OwnedChange, Selection,
};
use meshsync_examples::{Cluster, ClusterArgs};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

/// Name of the ConfigMaps; also the field manager and the label that find them.
const INVENTORY: &str = "deployment-inventory";

/// Changes that come close together are written once.
const QUIET: Duration = Duration::from_millis(200);

/// After a write that failed.
const RETRY: Duration = Duration::from_secs(5);

/// Keep a ConfigMap with an inventory of Deployments in every namespace, until Ctrl-C
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Only these namespaces
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    namespaces: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let cluster = Cluster::open(&args.cluster).await?;
    let ctrl_c = async {
        tokio::signal::ctrl_c().await.ok();
    };
    run(args, cluster.config(), ctrl_c).await
}

pub(crate) async fn run(
    args: Args,
    cluster: ClusterConfig,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let client = cluster.connect().await?.client;
    let namespaces = NamespaceSelection::only(args.namespaces)?;
    let mut meshsync = MeshSync::builder()
        .cluster(cluster)
        .select(Selection {
            include: vec!["deployments.apps".parse()?],
            namespaces: namespaces.clone(),
            ..Selection::default()
        })
        .build()?;
    let controller = Controller {
        client,
        namespaces,
        inventory: Inventory::default(),
    };
    let changes = meshsync.changes();
    let (stopped, controlled) = tokio::join!(meshsync.run(stop), controller.run(changes));
    stopped?;
    controlled
}

/// The loop around the [`Inventory`].
struct Controller {
    client: kube::Client,
    namespaces: NamespaceSelection,
    inventory: Inventory,
}

impl Controller {
    async fn run(mut self, mut changes: Changes) -> anyhow::Result<()> {
        // Namespaces whose last Deployment went while this controller was away.
        self.inventory.touched.extend(self.inventories().await?);
        let mut due = Instant::now();
        loop {
            let writable = self.inventory.is_complete && !self.inventory.touched.is_empty();
            tokio::select! {
                change = changes.next() => {
                    let Some(change) = change else { return Ok(()) };
                    if self.inventory.apply(&change)? {
                        due = due.max(Instant::now() + QUIET);
                    }
                }
                () = sleep_until(due), if writable => {
                    if let Err(error) = self.reconcile().await {
                        eprintln!("{error:#}; tried again in {} s", RETRY.as_secs());
                        due = Instant::now() + RETRY;
                    }
                }
            }
        }
    }

    /// Writes the inventory of every namespace that was touched. One that fails
    /// stays touched. The changes wait meanwhile: in the outbox, by object.
    async fn reconcile(&mut self) -> anyhow::Result<()> {
        while let Some(namespace) = self.inventory.touched.first().cloned() {
            let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &namespace);
            match self.inventory.document(&namespace) {
                Some(document) => apply(&api, &namespace, &document).await,
                None => delete(&api).await,
            }
            .with_context(|| format!("failed to write {namespace}/{INVENTORY}"))?;
            println!("wrote {namespace}/{INVENTORY}");
            self.inventory.touched.remove(&namespace);
        }
        Ok(())
    }

    /// The namespaces that have an inventory of ours.
    async fn inventories(&self) -> anyhow::Result<Vec<String>> {
        let api: Api<ConfigMap> = Api::all(self.client.clone());
        let ours =
            ListParams::default().labels(&format!("app.kubernetes.io/managed-by={INVENTORY}"));
        let list = api
            .list_metadata(&ours)
            .await
            .context("failed to list inventories")?;
        let namespaces = list
            .items
            .into_iter()
            .filter_map(|item| item.metadata.namespace);
        Ok(namespaces
            .filter(|name| self.namespaces.contains(Some(name)))
            .collect())
    }
}

async fn apply(api: &Api<ConfigMap>, namespace: &str, document: &Value) -> kube::Result<()> {
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": INVENTORY, "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": INVENTORY},
        },
        "data": {"deployments.json": format!("{document:#}")},
    });
    let params = PatchParams::apply(INVENTORY).force();
    api.patch(INVENTORY, &params, &Patch::Apply(&config_map))
        .await
        .map(drop)
}

async fn delete(api: &Api<ConfigMap>) -> kube::Result<()> {
    match api.delete(INVENTORY, &DeleteParams::default()).await {
        // Nothing to do, or the namespace itself has gone.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted.map(drop),
    }
}

/// What runs where, and which namespaces have to be written. Pure.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// By namespace and name.
    deployments: BTreeMap<String, BTreeMap<String, Value>>,
    touched: BTreeSet<String>,
    /// Whether all Deployments have been seen. Before that, an inventory would
    /// lack some.
    is_complete: bool,
}

impl Inventory {
    /// Takes a change; returns whether there is something to write.
    pub(crate) fn apply(&mut self, change: &OwnedChange) -> anyhow::Result<bool> {
        let (Some(namespace), Some(name)) = (change.namespace(), change.name()) else {
            // `Synced` of Deployments, not of all resources: that one is sent as
            // well when Deployments are forbidden and none has been seen.
            self.is_complete |= change.resource().is_some();
            return Ok(self.is_complete);
        };
        let deployments = self.deployments.entry(namespace.to_owned()).or_default();
        let changed = if change.event() == EventType::Deleted {
            // The name is enough here: `object` may hold no more.
            deployments.remove(name).is_some()
        } else {
            let entry = summary(&change.parse()?);
            let before = deployments.insert(name.to_owned(), entry.clone());
            before.as_ref() != Some(&entry)
        };
        if deployments.is_empty() {
            self.deployments.remove(namespace);
        }
        if changed {
            self.touched.insert(namespace.to_owned());
        }
        Ok(changed)
    }

    /// What is written for a namespace; `None` when it has no Deployments.
    pub(crate) fn document(&self, namespace: &str) -> Option<Value> {
        self.deployments.get(namespace).map(|all| json!(all))
    }
}

fn summary(deployment: &Deployment) -> Value {
    let pod = deployment.spec.template.spec.as_ref();
    let images: Vec<_> = pod
        .into_iter()
        .flat_map(|pod| &pod.containers)
        .filter_map(|container| container.image.as_deref())
        .collect();
    json!({"images": images, "replicas": deployment.spec.replicas.unwrap_or(1)})
}
