//! `meshsync status`, against an agent that runs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeMap;

use meshsync_sim::{Failure, FaultScope};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;

use crate::support::{Cluster, DEADLINE, Ended, ended, free_addr, line_with, lines, meshsync};

/// An agent without probes; its address.
fn agent(cluster: &Cluster, args: &[&str]) -> (Child, String) {
    let admin = free_addr();
    let child = meshsync(&["run", "--probes-addr", "none", "--admin-addr", &admin])
        .args(["--source", &cluster.source()])
        .args(args)
        .spawn()
        .unwrap();
    (child, admin)
}

fn file(cluster: &Cluster) -> String {
    format!("file:{}", cluster.path("records").display())
}

async fn status(url: &str, args: &[&str]) -> Ended {
    let mut command = meshsync(&["status", "--url", url]);
    command.args(args);
    ended(command).await
}

/// The document, once it is as wanted.
async fn document(url: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    meshsync_testkit::eventually(what, DEADLINE, async || {
        let status = status(url, &["-o", "json"]).await;
        let document: Value = serde_json::from_str(&status.stdout).ok()?;
        is(&document).then_some(document)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_fits_its_schema_and_counts_what_the_cluster_has() {
    let cluster = Cluster::start(200).await;
    let secrets = FaultScope::resource("", "secrets");
    cluster.sim.faults().fail(secrets, Failure::status(403));
    let (_child, url) = agent(&cluster, &["--sink", &file(&cluster), "--fingerprints"]);
    let settled = |status: &Value| {
        let sink = &status["sinks"][0];
        // Read one after the other, while it goes on.
        let at_rest = sink["pending"] == 0 && sink["latency"]["count"] == sink["acknowledged"];
        status["synced"] == true && at_rest && has(status, "secrets")
    };
    let found = document(&url, "in sync", settled).await;

    let published = ended(meshsync(&["status", "--schema"])).await.stdout;
    let schema: Value = serde_json::from_str(&published).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let complaints: Vec<String> = validator
        .iter_errors(&found)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(complaints, Vec::<String>::new(), "{found:#}");
    let mut wrong = found.clone();
    wrong["sinks"][0]["pending"] = "many".into();
    assert!(!validator.is_valid(&wrong), "a schema that says nothing");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/status.schema.json");
    let in_docs = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        in_docs.trim_end(),
        published.trim_end(),
        "write it again: cargo run --bin meshsync -- status --schema > docs/status.schema.json"
    );

    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for object in cluster.sim.snapshot() {
        let id = match object.group.as_str() {
            "" => object.plural.clone(),
            group => format!("{}.{group}", object.plural),
        };
        *expected.entry(id).or_default() += 1;
    }
    for resource in found["resources"].as_array().unwrap() {
        let name = resource["resource"].as_str().unwrap();
        let count = expected.get(name).copied().unwrap_or_default();
        if name == "secrets" {
            assert_eq!(resource["state"], "forbidden");
            assert!(resource["remedy"].as_str().unwrap().contains("grant"));
        } else {
            assert_eq!(resource["objects"], count, "{name}");
            assert_eq!(resource["lagSeconds"], 0.0, "{name}");
        }
    }
    let sink = &found["sinks"][0];
    assert_eq!(sink["published"], sink["acknowledged"], "{sink}");
    assert!(sink["acknowledged"].as_u64().unwrap() >= found["objects"].as_u64().unwrap());
    assert_eq!(sink["oldestPendingAgeSeconds"], Value::Null);
    assert_eq!(found["health"], "degraded");
    let problem = &found["problems"][0];
    assert_eq!(
        (&problem["area"], &problem["subject"]),
        (&"resource".into(), &"secrets".into())
    );
    assert!(
        found["fingerprints"]["rulesVersion"]
            .as_str()
            .unwrap()
            .len()
            > 8
    );
}

fn has(status: &Value, forbidden: &str) -> bool {
    let resources = status["resources"].as_array();
    resources.is_some_and(|all| {
        all.iter()
            .any(|one| one["resource"] == forbidden && one["state"] == "forbidden")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_shows_as_what_waits_and_for_how_long() {
    let cluster = Cluster::start(60).await;
    let nobody = format!("nats://{}", free_addr());
    let (_child, url) = agent(&cluster, &["--sink", &nobody, "--include", "configmaps"]);
    let away = |status: &Value| {
        status["sinks"][0]["state"] == "away"
            && status["resources"][0]["state"] == "live"
            && status["resources"][0]["lagSeconds"].as_f64() > Some(0.0)
    };
    let found = document(&url, "the sink is away", away).await;
    let sink = &found["sinks"][0];
    assert!(sink["pending"].as_u64().unwrap() >= found["objects"].as_u64().unwrap());
    assert!(sink["oldestPendingAgeSeconds"].as_f64().unwrap() > 0.0);
    assert_eq!(sink["acknowledged"], 0);
    assert_eq!(sink["connectedSince"], Value::Null);
    assert_eq!(found["synced"], false);

    let table = status(&url, &[]).await;
    table.assert_code(0);
    for part in [
        "degraded, not in sync yet",
        "problem: sink nats://",
        "do: check that it is up",
    ] {
        assert!(
            table.stdout.contains(part),
            "no {part:?} in {}",
            table.stdout
        );
    }
    assert!(
        !table.stdout.contains('\x1b'),
        "colours are for terminals: {}",
        table.stdout
    );
    let yaml = status(&url, &["-o", "yaml"]).await;
    assert!(
        yaml.stdout.contains("\nhealth: degraded\n"),
        "{}",
        yaml.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_watched_through_a_forwarded_port() {
    let cluster = Cluster::start(60).await;
    let (_child, admin) = agent(&cluster, &["--sink", &file(&cluster)]);
    document(&admin, "in sync", |status| status["synced"] == true).await;
    // What kubectl port-forward is to a client: another port on loopback.
    let forwarded = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://localhost:{}",
        forwarded.local_addr().unwrap().port()
    );
    let forward = async {
        loop {
            let (mut near, _) = forwarded.accept().await.unwrap();
            let mut far = TcpStream::connect(&admin).await.unwrap();
            // A client that has its answer may leave as it likes.
            tokio::io::copy_bidirectional(&mut near, &mut far)
                .await
                .ok();
        }
    };
    let watch = async {
        let mut command = meshsync(&["status", "--url", &url, "--watch", "--interval", "50ms"]);
        let mut child = command.args(["-o", "json"]).spawn().unwrap();
        let mut stdout = lines(child.stdout.take().unwrap());
        for _ in 0..3 {
            let line = line_with(&mut stdout, "resources").await;
            let document: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(document["synced"], true);
        }
    };
    tokio::select! {
        () = forward => {}
        () = watch => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_answer_is_told_with_what_to_do() {
    let nobody = status(&free_addr(), &[]).await;
    nobody.assert_code(69);
    nobody.assert_says(&["port-forward deployment/meshsync", "--url", "refused"]);
    let other = status("https://127.0.0.1:1", &[]).await;
    other.assert_code(78);
    other.assert_says(&["port-forward"]);

    let cluster = Cluster::start(60).await;
    let probes = free_addr();
    let mut child = meshsync(&["run", "--probes-addr", &probes, "--admin-addr", "none"])
        .args(["--source", &cluster.source(), "--sink", &file(&cluster)])
        .spawn()
        .unwrap();
    let mut stderr = lines(child.stderr.take().unwrap());
    line_with(&mut stderr, "listening").await;
    let wrong_port = status(&probes, &[]).await;
    wrong_port.assert_code(78);
    wrong_port.assert_says(&["404", "--admin-addr"]);
}
