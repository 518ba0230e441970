//! `meshsync run`.

use std::net::TcpListener;

use meshsync_testkit::{NatsServer, eventually};
use serde_json::json;

use crate::support::{
    Cluster, DEADLINE, SECRET_BASE64, SECRET_VALUE, code, ended, free_addr, get, is_full_sync,
    line_with, lines, meshsync, run, signal, uids,
};

/// What the record of a full sync begins with.
const FULL_SYNC: &str = r#"{"event":"SYNCED""#;

#[tokio::test(flavor = "multi_thread")]
async fn every_object_is_delivered_once_and_then_that_it_was() {
    let cluster = Cluster::start(200).await;
    let ended = ended(run(&cluster, &["--stop-after", "5s"])).await;
    ended.assert_code(0);
    let records = ended.records();
    assert_eq!(uids(&records, "ADDED"), cluster.observed());
    assert!(records.last().is_some_and(is_full_sync));
    assert!(!ended.stdout.contains(SECRET_BASE64) && !ended.stdout.contains(SECRET_VALUE));
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_tiers_say_how_much_of_each_object_is_observed() {
    let cluster = Cluster::start(200).await;
    let flags = [
        "--stop-after",
        "5s",
        "--depth",
        "presence",
        "--tier",
        "configmaps=detail",
    ];
    let ended = ended(run(&cluster, &flags)).await;
    ended.assert_code(0);
    let records = ended.records();
    assert_eq!(uids(&records, "ADDED"), cluster.observed());
    for record in records.iter().filter(|record| record["event"] == "ADDED") {
        let is_whole = record["object"]["kind"] == "ConfigMap";
        let tier = if is_whole { "detail" } else { "presence" };
        assert_eq!(record["tier"], tier);
        let object = record["object"].as_object().unwrap();
        assert_eq!(object.len() > 3, is_whole, "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_and_sigint_end_it_cleanly() {
    let cluster = Cluster::start(60).await;
    for name in ["-TERM", "-INT"] {
        let mut child = run(&cluster, &[]).spawn().unwrap();
        let mut stdout = lines(child.stdout.take().unwrap());
        line_with(&mut stdout, FULL_SYNC).await;
        signal(&child, name).await;
        while stdout.next_line().await.unwrap().is_some() {}
        assert_eq!(code(&mut child).await, Some(0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_aborts() {
    // More than fits into a pipe that nobody reads: stopping takes its time.
    let cluster = Cluster::start(400).await;
    let admin = free_addr();
    let mut child = meshsync(&["run", "--source", &cluster.source()])
        .args(["--probes-addr", "none", "--admin-addr", &admin])
        .spawn()
        .unwrap();
    eventually("much waits", DEADLINE, async || {
        let status = get(&admin, "/status").await?;
        let (_, waiting) = status.split_once("\"queuedBytes\":")?;
        let digits = waiting.split_once(',')?.0;
        (digits.parse::<u64>().ok()? > 200_000).then_some(())
    })
    .await;
    let mut stderr = lines(child.stderr.take().unwrap());
    signal(&child, "-TERM").await;
    line_with(&mut stderr, "stopping").await;
    signal(&child, "-TERM").await;
    assert_eq!(code(&mut child).await, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_ends_it_cleanly() {
    let cluster = Cluster::start(200).await;
    let mut child = run(&cluster, &[]).spawn().unwrap();
    let mut stdout = lines(child.stdout.take().unwrap());
    line_with(&mut stdout, "ADDED").await;
    drop(stdout);
    let churn = cluster.sim.churn(100.0);
    assert_eq!(code(&mut child).await, Some(0));
    churn.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_plain_only_where_somebody_says_so() {
    let cluster = Cluster::start(60).await;
    let shows = async |flag: &[&str], variable: Option<&str>| {
        let mut command = run(&cluster, flag);
        command.args(["--include", "secrets"]);
        if let Some(value) = variable {
            command.env("MESHSYNC_REDACT_SECRETS", value);
        }
        let mut child = command.spawn().unwrap();
        let mut stdout = lines(child.stdout.take().unwrap());
        let line = line_with(&mut stdout, r#""name":"known""#).await;
        child.kill().await.unwrap();
        line.contains(SECRET_BASE64)
    };
    assert!(!shows(&[], None).await);
    assert!(!shows(&[], Some("")).await);
    assert!(!shows(&[], Some("true")).await);
    assert!(shows(&[], Some("FALSE")).await);
    assert!(shows(&[], Some("0")).await);
    assert!(shows(&["--secrets", "plain"], Some("true")).await);
    assert!(!shows(&["--secrets", "redacted"], Some("false")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_status_are_served_where_they_were_asked_for() {
    let cluster = Cluster::start(60).await;
    let (probes, admin) = (free_addr(), free_addr());
    let sink = format!("file:{}", cluster.path("records").display());
    let mut child = meshsync(&["run", "--source", &cluster.source(), "--sink", &sink])
        .args(["--probes-addr", &probes, "--admin-addr", &admin])
        .spawn()
        .unwrap();
    eventually("ready", DEADLINE, async || {
        get(&probes, "/readyz")
            .await
            .is_some_and(|answer| answer.contains(" 200 "))
    })
    .await;
    let status = get(&admin, "/status").await.unwrap();
    assert!(status.contains(r#""synced":true"#), "{status}");
    let metrics = get(&probes, "/metrics").await.unwrap();
    assert!(metrics.contains("# EOF"), "{metrics}");
    signal(&child, "-TERM").await;
    assert_eq!(code(&mut child).await, Some(0));
}

/// Three meanings of being ready, with a broker that is not there at first.
#[tokio::test(flavor = "multi_thread")]
async fn ready_means_what_was_asked_for() {
    let Some(mut nats) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let cluster = Cluster::start(60).await;
    nats.stop();
    let start = |ready: &str| {
        let probes = free_addr();
        let child = meshsync(&["run", "--source", &cluster.source(), "--sink", &nats.url()])
            .args(["--probes-addr", &probes, "--admin-addr", "none"])
            .args(["--ready", ready])
            .spawn()
            .unwrap();
        (child, probes)
    };
    let mut agents = ["started", "synced", "sink"].map(start);
    let ready = async |probes: &str| {
        let answer = get(probes, "/readyz").await;
        answer.map(|answer| answer.contains(" 200 "))
    };
    let [started, synced, sink] = &agents;
    eventually("started is enough", DEADLINE, async || {
        ready(&started.1).await == Some(true)
    })
    .await;
    for (_, probes) in [synced, sink] {
        eventually("it answers", DEADLINE, async || {
            ready(probes).await.is_some()
        })
        .await;
        assert_eq!(ready(probes).await, Some(false), "without a broker");
    }
    nats.restart().unwrap();
    for (_, probes) in [synced, sink] {
        eventually("ready", DEADLINE, async || {
            ready(probes).await == Some(true)
        })
        .await;
    }
    nats.stop();
    cluster
        .sim
        .apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "while-away", "namespace": "default"},
        }))
        .unwrap();
    eventually("a sink that is away is not ready", DEADLINE, async || {
        ready(&sink.1).await == Some(false)
    })
    .await;
    assert_eq!(ready(&synced.1).await, Some(true), "it was in sync once");
    for (child, _) in &mut agents {
        signal(child, "-KILL").await;
        child.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_a_warning() {
    let cluster = Cluster::start(60).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let mut child = meshsync(&["run", "--source", &cluster.source()])
        .args([
            "--probes-addr",
            &addr,
            "--admin-addr",
            "none",
            "--log-format",
            "json",
        ])
        .spawn()
        .unwrap();
    let mut stderr = lines(child.stderr.take().unwrap());
    let line = line_with(&mut stderr, &addr).await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "WARN");
    let mut stdout = lines(child.stdout.take().unwrap());
    line_with(&mut stdout, FULL_SYNC).await;
    child.kill().await.unwrap();
}
