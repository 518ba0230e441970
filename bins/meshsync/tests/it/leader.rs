//! An agent that was paused while another one took its place writes nothing more.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::process::Stdio;
use std::time::Duration;

use meshsync_testkit::{NatsCluster, eventually};
use serde_json::json;
use tokio::process::{Child, ChildStderr};

use crate::kills::{observed, replicate, stored};
use crate::support::{Cluster, code, free_addr, get, line_with, lines, meshsync, run, signal};

/// Servers have to elect leaders, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(90);

struct Agent {
    child: Child,
    log: tokio::io::Lines<tokio::io::BufReader<ChildStderr>>,
    probes: String,
}

fn agent(cluster: &Cluster, sink: &str, how: &str) -> Agent {
    let probes = free_addr();
    let mut command = meshsync(&["run", "--admin-addr=none", "--probes-addr", &probes]);
    command.arg("--source").arg(cluster.source());
    command.args([
        "--sink",
        sink,
        "--leader-elect",
        how,
        "--leader-lease",
        "6s",
    ]);
    command.stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let log = lines(child.stderr.take().unwrap());
    Agent { child, log, probes }
}

impl Agent {
    async fn metric(&self) -> Option<u8> {
        let page = get(&self.probes, "/metrics").await?;
        let line = page
            .lines()
            .find(|line| line.starts_with("meshsync_leader "))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

fn config_map(name: String, value: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"}, "data": {"value": value},
    })
}

async fn check(servers: usize, how: &str) {
    let Some(nats) = NatsCluster::start_or_skip(servers) else {
        return;
    };
    let cluster = Cluster::start(200).await;
    for n in 0..50 {
        cluster
            .sim
            .apply(config_map(format!("map-{n}"), "1"))
            .unwrap();
    }
    let hosts = nats.url().replace("nats://", "");
    let sink = format!("jetstream://{hosts}?replicas={servers}");
    let mut old = agent(&cluster, &sink, how);
    line_with(&mut old.log, "leads").await;
    let equal = async |what: &str, store: &str| {
        let path = cluster.path(store);
        eventually(what, DEADLINE, async || {
            let mut reading = replicate(&sink, &path, true);
            let read = tokio::time::timeout(DEADLINE, reading.wait()).await;
            read.unwrap().unwrap().success() && stored(&path) == observed(&cluster)
        })
        .await;
    };
    eventually("the first one is ready", DEADLINE, async || {
        get(&old.probes, "/readyz")
            .await
            .is_some_and(|page| page.contains("200 OK"))
    })
    .await;
    equal("the stream is the cluster", "first.db").await;
    let mut new = agent(&cluster, &sink, how);
    line_with(&mut new.log, "follows").await;
    eventually("a follower is ready", DEADLINE, async || {
        let page = get(&new.probes, "/readyz").await;
        page.is_some_and(|page| page.contains("200 OK"))
    })
    .await;
    assert_eq!((old.metric().await, new.metric().await), (Some(1), Some(0)));

    // Paused with changes on their way to it, and more of them meanwhile.
    for n in 0..25 {
        cluster
            .sim
            .apply(config_map(format!("map-{n}"), "2"))
            .unwrap();
    }
    signal(&old.child, "-STOP").await;
    for n in 0..50 {
        cluster
            .sim
            .apply(config_map(format!("map-{n}"), "3"))
            .unwrap();
    }
    line_with(&mut new.log, "leads").await;
    assert_eq!(new.metric().await, Some(1));
    // What the old one may take for missing, and what it may take for there.
    for n in 0..10 {
        cluster
            .sim
            .delete("", "configmaps", Some("default"), &format!("map-{n}"))
            .unwrap();
        cluster
            .sim
            .apply(config_map(format!("new-{n}"), "1"))
            .unwrap();
    }
    equal("the new one writes", "second.db").await;
    signal(&old.child, "-CONT").await;
    line_with(&mut old.log, "leads no more").await;
    assert_eq!(code(&mut old.child).await, Some(1));
    for n in 10..20 {
        cluster
            .sim
            .apply(config_map(format!("map-{n}"), "4"))
            .unwrap();
    }
    equal("the old one has changed nothing", "third.db").await;
    new.child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_leader_overwrites_nothing_with_one_server() {
    check(1, "broker").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_leader_overwrites_nothing_with_three_servers() {
    check(3, "broker").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_leader_overwrites_nothing_where_a_lease_says_who_leads() {
    check(1, "lease:default/meshsync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn electing_with_a_broker_wants_one() {
    let cluster = Cluster::start(10).await;
    let ended = crate::support::ended(run(
        &cluster,
        &["--sink", "stdout:", "--leader-elect", "broker"],
    ))
    .await;
    ended.assert_code(78);
    ended.assert_says(&["--sink jetstream://HOST:4222", "--leader-elect=lease"]);
}
