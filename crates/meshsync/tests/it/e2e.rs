//! The same questions to the simulator and to any real cluster, all through
//! kubectl: set `MESHSYNC_E2E_KUBECONFIG` to a kubeconfig whose user may create
//! a namespace and a custom resource definition. Everything made is removed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use meshsync::{ClusterConfig, EventType, MeshSync, Selection};
use meshsync_sim::{Generate, Sim};
use meshsync_testkit::tool;
use serde_json::{Value, json};

use crate::support::{Replica, Running};

struct Cluster {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
    /// Ends with the test.
    _sim: Option<(Sim, tempfile::TempDir)>,
}

impl Cluster {
    /// The real cluster where one is named, else a simulator; `None` without
    /// kubectl.
    async fn get(purpose: &str) -> Option<Self> {
        let kubectl = tool("kubectl")?;
        let namespace = format!("meshsync-e2e-{purpose}-{}", std::process::id());
        if let Some(path) = std::env::var_os("MESHSYNC_E2E_KUBECONFIG") {
            return Some(Self {
                kubectl,
                kubeconfig: path.into(),
                namespace,
                _sim: None,
            });
        }
        let generate = Generate {
            objects: 300,
            ..Generate::default()
        };
        let sim = Sim::builder().generate(generate).start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = dir.path().join("kubeconfig");
        std::fs::write(&kubeconfig, sim.kubeconfig()).unwrap();
        Some(Self {
            kubectl,
            kubeconfig,
            namespace,
            _sim: Some((sim, dir)),
        })
    }

    fn start(&self, selection: Selection) -> Running {
        let cluster = ClusterConfig::Kubeconfig {
            path: Some(self.kubeconfig.clone()),
            context: None,
        };
        Running::start(MeshSync::builder().cluster(cluster).select(selection))
    }

    /// Runs kubectl without blocking the runtime; returns its output.
    async fn kubectl(&self, arguments: &[&str], input: Option<Value>) -> Result<String, String> {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .arg("--request-timeout=30s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || {
            use std::io::Write;
            let mut child = command.spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            if let Some(input) = input {
                stdin.write_all(input.to_string().as_bytes()).unwrap();
            }
            drop(stdin);
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                Ok(String::from_utf8(output.stdout).unwrap())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        })
        .await
        .unwrap()
    }

    async fn create(&self, object: Value) {
        self.kubectl(&["create", "-f", "-"], Some(object))
            .await
            .unwrap();
    }
}

/// uid by namespace and name of what a list holds.
async fn listed(cluster: &Cluster, path: &str) -> Option<BTreeMap<String, String>> {
    let text = cluster.kubectl(&["get", "--raw", path], None).await.ok()?;
    let list: Value = serde_json::from_str(&text).unwrap();
    let key = |item: &Value| {
        let metadata = &item["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        (
            format!("{}/{}", text("namespace"), text("name")),
            text("uid"),
        )
    };
    Some(
        list["items"]
            .as_array()
            .map(|items| items.iter().map(key).collect())
            .unwrap_or_default(),
    )
}

fn known(replica: &Replica, resource: &str) -> BTreeMap<String, String> {
    replica
        .versions()
        .into_iter()
        .filter(|((id, ..), _)| id == resource)
        .map(|((_, namespace, name), (uid, _))| (format!("{namespace}/{name}"), uid))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_of_the_cluster_is_in_the_picture() {
    let Some(cluster) = Cluster::get("lists").await else {
        return;
    };
    let running = cluster.start(Selection::default());
    running.synced().await;
    let mut compared = 0;
    for status in running
        .monitor
        .resources()
        .into_iter()
        .filter(|status| status.synced)
    {
        let id = status.resource.id().to_string();
        let path = status.resource.collection_path();
        // A live cluster moves between the two looks.
        let mut tries = 0;
        loop {
            let Some(expected) = listed(&cluster, &path).await else {
                break;
            };
            if known(&running.replica.lock().unwrap(), &id) == expected {
                compared += 1;
                break;
            }
            tries += 1;
            assert!(tries < 20, "{id} differs from {path}");
        }
    }
    assert!(compared > 20, "{compared} resources compared");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kubectl_does_is_seen() {
    let Some(cluster) = Cluster::get("live").await else {
        return;
    };
    let running = cluster.start(Selection::default());
    running.synced().await;
    let namespace = cluster.namespace.as_str();
    cluster
        .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
        .await;
    let metadata = |name: &str| json!({"name": name, "namespace": namespace});
    cluster
        .create(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata("s"),
            "data": {"password": "aHVudGVyMg=="},
        }))
        .await;
    cluster
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("c"),
            "data": {"step": "1"},
        }))
        .await;
    let patch = [
        "-n",
        namespace,
        "patch",
        "configmap",
        "c",
        "--type=merge",
        "-p",
        r#"{"data":{"step":"2"}}"#,
    ];
    cluster.kubectl(&patch, None).await.unwrap();
    // What a sink was never given need not be deleted from it.
    running
        .sees("the ConfigMap arrived and changed", |replica| {
            let key = (
                "configmaps".to_owned(),
                namespace.to_owned(),
                "c".to_owned(),
            );
            let record = replica.live.get(&key);
            record.is_some_and(|record| record["object"]["data"]["step"] == "2")
        })
        .await;
    cluster
        .kubectl(&["-n", namespace, "delete", "configmap", "c"], None)
        .await
        .unwrap();
    let line = |event: EventType, resource: &str, name: &str| {
        format!("{event} {resource} {namespace}/{name}")
    };
    running
        .sees("the ConfigMap came, changed and went", |replica| {
            let of = |event| {
                replica
                    .log
                    .iter()
                    .position(|l| *l == line(event, "configmaps", "c"))
            };
            of(EventType::Added).is_some() && of(EventType::Deleted) > of(EventType::Added)
        })
        .await;
    running
        .sees("the Secret arrived redacted", |replica| {
            let key = ("secrets".to_owned(), namespace.to_owned(), "s".to_owned());
            replica.live.get(&key).is_some_and(|record| {
                record["object"]["data"]["password"] == "W1JFREFDVEVEXQ=="
                    && !record.to_string().contains("aHVudGVyMg")
            })
        })
        .await;
    let delete = ["-n", namespace, "delete", "secret", "s"];
    cluster.kubectl(&delete, None).await.unwrap();
    running
        .sees("the Secret went", |replica| {
            replica
                .log
                .contains(&line(EventType::Deleted, "secrets", "s"))
        })
        .await;
    // Whoever ends it may take its time, or be missing in a bare API server.
    let delete = ["delete", "namespace", namespace, "--wait=false"];
    cluster.kubectl(&delete, None).await.unwrap();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_resource_is_seen_from_its_definition_on() {
    let Some(cluster) = Cluster::get("crd").await else {
        return;
    };
    let running = cluster.start(Selection::default());
    running.synced().await;
    let group = format!("e2e-{}.meshsync.io", std::process::id());
    let crd = format!("gadgets.{group}");
    cluster
        .create(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": crd},
            "spec": {
                "group": group, "scope": "Cluster",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}],
            },
        }))
        .await;
    let wait = [
        "wait",
        "--for=condition=Established",
        "--timeout=30s",
        "crd",
        &crd,
    ];
    cluster.kubectl(&wait, None).await.unwrap();
    let gadget = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Gadget", "metadata": {"name": "g"},
    });
    cluster.create(gadget).await;
    let key = (crd.clone(), String::new(), "g".to_owned());
    running
        .sees("the object arrives", |replica| {
            replica.live.contains_key(&key)
        })
        .await;
    cluster
        .kubectl(&["delete", "crd", &crd], None)
        .await
        .unwrap();
    running
        .sees("the object is gone", |replica| {
            !replica.live.contains_key(&key)
        })
        .await;
    running.stop().await;
}
