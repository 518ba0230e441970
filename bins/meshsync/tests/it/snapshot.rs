//! `meshsync snapshot`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::path::Path;
use std::process::Stdio;

use meshsync_sim::{Failure, FaultScope, Sim};
use meshsync_testkit::{require_reference, tool};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{
    Cluster, Ended, SECRET_BASE64, SECRET_VALUE, ended, is_full_sync, meshsync, uids,
};

async fn snapshot(cluster: &Cluster, args: &[&str]) -> Ended {
    let mut command = meshsync(&["snapshot", "--source", &cluster.source()]);
    command.args(args);
    let ended = ended(command).await;
    ended.assert_code(0);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_the_objects_of_the_cluster() {
    let cluster = Cluster::start(300).await;
    let ended = snapshot(&cluster, &[]).await;
    let records = ended.records();
    assert_eq!(uids(&records, "ADDED"), cluster.observed());
    let synced = records
        .iter()
        .filter(|record| record["event"] == "SYNCED")
        .count();
    assert!(
        records
            .iter()
            .rev()
            .take(synced)
            .all(|record| record["event"] == "SYNCED"),
        "they come last"
    );
    assert!(records.last().is_some_and(is_full_sync));
    ended.assert_says(&[&format!("{} objects of", cluster.observed().len())]);
    assert!(!ended.stdout.contains(SECRET_BASE64) && !ended.stdout.contains(SECRET_VALUE));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_cluster_changes_there_is_one_record_per_object() {
    let cluster = Cluster::start(300).await;
    let churn = cluster.sim.churn(500.0);
    let ended = snapshot(&cluster, &[]).await;
    churn.stop().await;
    let records = ended.records();
    let mut added = uids(&records, "ADDED");
    let all = added.len();
    added.dedup();
    assert_eq!(added.len(), all);
    assert!(uids(&records, "MODIFIED").is_empty() && uids(&records, "DELETED").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_it_where_somebody_says_so() {
    let cluster = Cluster::start(60).await;
    for format in ["records", "manifests"] {
        let args = ["--format", format, "--include", "secrets"];
        let redacted = snapshot(&cluster, &args).await.stdout;
        assert!(!redacted.contains(SECRET_BASE64) && !redacted.contains(SECRET_VALUE));
        let plain = snapshot(&cluster, &[&args[..], &["--secrets", "plain"]].concat()).await;
        assert!(plain.stdout.contains(SECRET_BASE64));
        plain.assert_says(&["plain"]);

        let mut command = meshsync(&["snapshot", "--source", &cluster.source()]);
        command.args(args).env("MESHSYNC_REDACT_SECRETS", "false");
        assert!(ended(command).await.stdout.contains(SECRET_BASE64));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_it_is_a_warning() {
    let cluster = Cluster::start(60).await;
    let faults = cluster.sim.faults();
    faults.fail(FaultScope::resource("", "configmaps"), Failure::status(403));
    faults.fail(FaultScope::resource("", "services"), Failure::status(500));
    let ended = snapshot(&cluster, &[]).await;
    ended.assert_says(&[
        "warning: configmaps is not in the snapshot: it is forbidden: ",
        "warning: services is not in the snapshot: it is backing-off: ",
    ]);
    assert!(!ended.stdout.contains(r#""kind":"ConfigMap""#));
    assert!(ended.stdout.contains(r#""kind":"Secret""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_replaced_by_a_whole_one() {
    let cluster = Cluster::start(60).await;
    let path = cluster.path("out.jsonl");
    std::fs::write(&path, "before").unwrap();
    let ended = snapshot(&cluster, &["-o", path.to_str().unwrap()]).await;
    assert_eq!(ended.stdout, "");
    let text = std::fs::read_to_string(&path).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(is_full_sync(&last));
    let left = std::fs::read_dir(cluster.dir.path()).unwrap().count();
    assert_eq!(left, 2, "the kubeconfig and the snapshot");
}

/// Texts that YAML readers take for something else, or stumble over.
const TRAPS: &[&str] = &[
    "",
    "yes",
    "No",
    "on",
    "n",
    "0123",
    "0x1F",
    "0o17",
    "1e3",
    "1_000",
    "12:30:45",
    "2020-01-01",
    "null",
    "~",
    "=",
    "<<",
    " lead",
    "trail ",
    "a: b",
    "a #b",
    "- a",
    "a\nb",
    "a\nb\n\n",
    "\n",
    "\ta\n  b",
    "é 漢字 🦀",
    "---\n",
    "!!binary x",
    "%a",
    "@a",
    "`a",
    "&a",
    "*a",
    "'",
    "\"",
    "\\",
];

#[tokio::test(flavor = "multi_thread")]
async fn manifests_can_be_applied() {
    let Some(kubectl) = tool("kubectl") else {
        return;
    };
    let cluster = Cluster::start(250).await;
    // Each in an object of its own, as one text may decide how others are written.
    for (at, text) in TRAPS.iter().enumerate() {
        let metadata = json!({"name": format!("trap-{at}"), "namespace": "default"});
        cluster
            .sim
            .apply(json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
                "data": {"text": text, "script": "#!/bin/sh\nset -e\n\techo hi\n"},
            }))
            .unwrap();
    }
    let items = applied(&cluster, &kubectl).await;
    assert_eq!(items.len(), cluster.observed().len());
    for (at, text) in TRAPS.iter().enumerate() {
        let name = format!("trap-{at}");
        let read = items.iter().find(|item| item["metadata"]["name"] == *name);
        assert_eq!(read.unwrap()["data"]["text"], *text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_of_a_real_cluster_can_be_applied() {
    let test = "manifests_of_a_real_cluster_can_be_applied";
    let (Some(reference), Some(kubectl)) = (require_reference(test), tool("kubectl")) else {
        return;
    };
    let sim = Sim::builder().capture(reference.join("cluster")).unwrap();
    let cluster = Cluster::of(sim).await;
    let items = applied(&cluster, &kubectl).await;
    let records = snapshot(&cluster, &[]).await.records();
    assert_eq!(items.len(), uids(&records, "ADDED").len());
}

/// What `kubectl apply --dry-run=client` makes of a snapshot of the cluster: every
/// object of it.
async fn applied(cluster: &Cluster, kubectl: &Path) -> Vec<Value> {
    let path = cluster.path("cluster.yaml");
    let file = path.to_str().unwrap();
    snapshot(cluster, &["--format", "manifests", "-o", file]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(SECRET_BASE64) && !text.contains(SECRET_VALUE));
    for of_the_server in [
        "
  managedFields:",
        "
  uid:",
        "/last-applied-configuration:",
    ] {
        assert!(!text.contains(of_the_server), "{of_the_server}");
    }
    let documents = text.matches("\napiVersion: ").count();

    let apply = |args: &[&str]| {
        let mut command = Command::new(kubectl);
        command
            .args(["--kubeconfig", cluster.path("kubeconfig").to_str().unwrap()])
            .args(["apply", "--dry-run=client", "-f", file])
            .args(args)
            .env("HOME", cluster.dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        ended(command)
    };
    let applied = apply(&["-o", "json"]).await;
    applied.assert_code(0);
    let list: Value = serde_json::from_str(&applied.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), documents);
    items.clone()
}
