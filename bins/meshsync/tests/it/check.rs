//! `meshsync check`: each broken link is named, and the canary is gone afterwards.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::time::Duration;

use meshsync_sim::{Disturbance, Failure, FaultScope, Sim, User};
use meshsync_testkit::NatsServer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Cluster, DEADLINE, ended, free_addr, meshsync, signal};

/// Runs a test; its exit code and report.
async fn check(cluster: &Cluster, args: &[&str]) -> (Option<i32>, Value) {
    let mut command = meshsync(&["check", "-o", "json", "--source", &cluster.source()]);
    command.args(args);
    let ended = ended(command).await;
    let report = serde_json::from_str(&ended.stdout);
    let report =
        report.unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout, ended.stderr));
    (ended.code, report)
}

/// The test finds this link broken, and says this of it.
async fn check_broken(cluster: &Cluster, args: &[&str], link: &str, says: &[&str]) {
    let (code, report) = check(cluster, args).await;
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(report["broken"], link, "{report:#}");
    let failed = state_of(&report, link);
    assert_eq!(failed["state"], "failed", "{report:#}");
    assert!(failed["seconds"].as_f64().is_some(), "{report:#}");
    assert!(!failed["remedy"].as_str().unwrap().is_empty(), "{report:#}");
    let summary = report["summary"].as_str().unwrap();
    for part in says {
        assert!(summary.contains(part), "no {part:?} in {summary}");
    }
    assert_eq!(canaries(&cluster.sim), 0, "{report:#}");
}

fn state_of<'a>(report: &'a Value, link: &str) -> &'a Value {
    let links = report["links"].as_array().unwrap();
    let found = links.iter().find(|one| one["link"] == link);
    found.unwrap_or_else(|| panic!("no {link} in {report:#}"))
}

fn canaries(sim: &Sim) -> usize {
    let all = sim.snapshot();
    all.filter(|object| object.name.starts_with("meshsync-canary-"))
        .count()
}

fn configmaps() -> FaultScope {
    FaultScope::resource("", "configmaps")
}

#[tokio::test(flavor = "multi_thread")]
async fn in_health_every_link_is_timed() {
    let cluster = Cluster::of(Sim::builder()).await;
    let Some(core) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let Some(stream) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let stream = stream.url().replace("nats://", "jetstream://");
    let (code, report) = check(&cluster, &["--sink", &core.url(), "--sink", &stream]).await;
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(
        (&report["ok"], &report["variant"]),
        (&json!(true), &json!("canary"))
    );
    let links = report["links"].as_array().unwrap();
    let names: Vec<&str> = links
        .iter()
        .map(|link| link["link"].as_str().unwrap())
        .collect();
    let cluster_links = [
        "configuration",
        "api-server",
        "clock",
        "permission",
        "write",
        "watch",
        "encode",
    ];
    let core_links = ["broker", "acknowledge", "read-back"];
    let stream_links = ["broker", "jetstream", "acknowledge", "read-back", "cleanup"];
    let expected = [&cluster_links[..], &core_links[..], &stream_links[..]].concat();
    assert_eq!(names, expected);
    assert!(links.iter().all(|link| link["state"] == "ok"), "{report:#}");
    assert_eq!(canaries(&cluster.sim), 0);
    let wrote = |method: &str| {
        cluster
            .sim
            .requests()
            .count(|request| request.method == method)
    };
    assert!(wrote("POST") == 1 && wrote("PUT") == 1 && wrote("DELETE") >= 1);

    // For people.
    let mut command = meshsync(&["check", "--source", &cluster.source()]);
    command.args(["--sink", &core.url()]);
    let table = ended(command).await;
    table.assert_code(0);
    assert!(
        table.stdout.contains("every link holds"),
        "{}",
        table.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_or_has_no_jetstream_is_named() {
    let cluster = Cluster::of(Sim::builder()).await;
    let down = format!("nats://{}", free_addr());
    check_broken(&cluster, &["--sink", &down], "broker", &[&down]).await;

    let Some(core) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let url = core.url().replace("nats://", "jetstream://");
    let args = ["--sink", &url, "--timeout", "2s"];
    check_broken(&cluster, &args, "jetstream", &["JetStream"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_takes_a_message_and_says_nothing_is_named_with_times() {
    let cluster = Cluster::of(Sim::builder()).await;
    let Some(core) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", front.local_addr().unwrap());
    let stall = async {
        let (near, _) = front.accept().await.unwrap();
        let far = TcpStream::connect(core.addr()).await.unwrap();
        let (mut from_near, mut to_near) = near.into_split();
        let (mut from_far, mut to_far) = far.into_split();
        let up = async { tokio::io::copy(&mut from_near, &mut to_far).await.map(drop) };
        let down = async {
            // The greeting, and the answer to the question whether it is there.
            let (mut answered, mut buffer) = (false, vec![0; 4096]);
            while !answered {
                let read = from_far.read(&mut buffer).await?;
                answered = buffer[..read].starts_with(b"MSG ");
                to_near.write_all(&buffer[..read]).await?;
            }
            std::future::pending::<std::io::Result<()>>().await
        };
        drop(tokio::try_join!(up, down));
        std::future::pending::<()>().await;
    };
    let args = ["--sink", &url, "--timeout", "1s"];
    let says = ["event seen after", "did not acknowledge in 1 s", &url];
    tokio::select! {
        () = stall => {}
        () = check_broken(&cluster, &args, "acknowledge", &says) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_stalls_is_named() {
    let cluster = Cluster::of(Sim::builder()).await;
    let faults = cluster.sim.faults();
    faults.latency(Duration::from_secs(60));
    let args = ["--timeout", "300ms"];
    check_broken(&cluster, &args, "api-server", &["did not answer in 0.3 s"]).await;
    faults.heal_all();

    // It answers, and its watch stands still.
    faults.disturb(
        configmaps().verbs(&["watch"]),
        Disturbance::StallAfter { bytes: 0 },
    );
    let args = ["--timeout", "1s"];
    check_broken(
        &cluster,
        &args,
        "watch",
        &["did not show the creation in 1 s"],
    )
    .await;
    faults.heal_all();

    cluster
        .sim
        .faults()
        .fail(configmaps().verbs(&["update"]), Failure::status(500));
    check_broken(&cluster, &[], "write", &["failed to update configmaps"]).await;
    faults.heal_all();

    cluster.sim.stop_listener().await;
    check_broken(&cluster, &[], "api-server", &["/version"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_are_named() {
    let cluster = Cluster::of(Sim::builder()).await;
    for (seconds, says) in [(90, "s ahead of ours"), (-90, "s behind ours")] {
        cluster.sim.faults().skew_clock(seconds);
        check_broken(&cluster, &[], "clock", &[says]).await;
    }
    cluster.sim.faults().skew_clock(2);
    let (code, report) = check(&cluster, &[]).await;
    assert_eq!(code, Some(0), "a second or two cannot be told: {report:#}");
}

/// A Role for a service account, by what it may do.
fn allow(sim: &Sim, account: &str, kind: &str, rules: &Value) {
    let meta = |name: &str| match kind {
        "Role" => json!({"name": name, "namespace": "default"}),
        _ => json!({"name": name}),
    };
    let api = "rbac.authorization.k8s.io/v1";
    sim.apply(json!({"apiVersion": api, "kind": kind, "metadata": meta(account), "rules": rules}))
        .unwrap();
    sim.apply(json!({
        "apiVersion": api, "kind": format!("{kind}Binding"), "metadata": meta(account),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "default"}],
    }))
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_permission_to_write_a_lease_is_watched_and_without_that_it_is_named() {
    let cluster = Cluster::of(Sim::builder().rbac()).await;
    let sim = &cluster.sim;
    let become_account = |name: &str| {
        let kubeconfig = sim.kubeconfig_as(User::service_account("default", name));
        std::fs::write(cluster.path("kubeconfig"), kubeconfig).unwrap();
    };
    let verbs = json!(["get", "list", "watch"]);
    let leases = json!({
        "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs,
    });
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/kustomize/canary/role.yaml"
    );
    let role: Vec<Value> =
        serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap();
    allow(sim, "writes", "Role", &role[0]["rules"]);
    allow(sim, "reads", "ClusterRole", &json!([leases]));
    let only_list = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs});
    allow(sim, "lists", "ClusterRole", &json!([leases, only_list]));

    become_account("nobody");
    let says = ["may not list leases", "forbidden"];
    check_broken(&cluster, &[], "permission", &says).await;
    let says = ["may not list configmaps"];
    check_broken(&cluster, &["--canary", "write"], "permission", &says).await;

    become_account("writes");
    let (code, report) = check(&cluster, &[]).await;
    assert_eq!(
        (code, &report["variant"]),
        (Some(0), &json!("canary")),
        "{report:#}"
    );
    become_account("lists");
    let says = ["may not create configmaps"];
    check_broken(&cluster, &["--canary", "write"], "permission", &says).await;

    let renew = async {
        let mut every = tokio::time::interval(Duration::from_millis(50));
        loop {
            every.tick().await;
            sim.apply(json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": "scheduler", "namespace": "kube-system"},
                "spec": {"renewTime": jiff::Timestamp::now().to_string(), "leaseDurationSeconds": 15},
            }))
            .unwrap();
        }
    };
    let read = async {
        for account in ["reads", "lists"] {
            become_account(account);
            let (code, report) = check(&cluster, &[]).await;
            assert_eq!(
                (code, &report["variant"]),
                (Some(0), &json!("lease")),
                "{report:#}"
            );
            let states: Vec<_> = (report["links"].as_array().unwrap().iter())
                .filter(|link| link["link"] == "permission")
                .map(|link| link["state"].as_str().unwrap())
                .collect();
            assert_eq!(states, ["warning", "ok"], "{report:#}");
        }
        let (code, report) = check(&cluster, &["--canary", "read-only"]).await;
        assert_eq!((code, &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    };
    tokio::select! {
        () = renew => {}
        () = read => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_behind_is_taken_away_and_what_is_in_use_is_not() {
    let cluster = Cluster::of(Sim::builder()).await;
    let left = |name: &str, expires: &str| {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": name, "namespace": "default",
                "labels": {"meshsync.io/canary": name},
                "annotations": {"meshsync.io/expires": expires},
            },
        });
        cluster.sim.apply(object).unwrap();
    };
    left("meshsync-canary-old", "2026-01-01T00:00:00Z");
    left("meshsync-canary-new", "2999-01-01T00:00:00Z");
    let (code, report) = check(&cluster, &[]).await;
    assert_eq!(code, Some(0), "{report:#}");
    let is_there = |name| cluster.sim.object("", "configmaps", Some("default"), name);
    assert!(is_there("meshsync-canary-old").is_none());
    assert!(is_there("meshsync-canary-new").is_some());
    assert_eq!(canaries(&cluster.sim), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_an_agent_it_shows_in_status_and_readiness_and_nobody_is_told_of_canaries() {
    let cluster = Cluster::of(Sim::builder()).await;
    let Some(mut broker) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let (probes, admin) = (free_addr(), free_addr());
    let records = cluster.path("records");
    let mut child = meshsync(&["run", "--source", &cluster.source()])
        .args(["--sink", &broker.url()])
        .args(["--sink", &format!("file:{}", records.display())])
        .args(["--probes-addr", &probes, "--admin-addr", &admin])
        .args(["--synthetic-interval", "100ms", "--ready", "synthetic"])
        .spawn()
        .unwrap();
    let readiness = async |wanted: &str| {
        meshsync_testkit::eventually("readiness", DEADLINE, async || {
            let mut stream = TcpStream::connect(&probes).await.ok()?;
            let request = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.contains(wanted).then_some(())
        })
        .await;
    };
    let status = async |is: &(dyn Fn(&Value) -> bool + Sync)| {
        meshsync_testkit::eventually("status", DEADLINE, async || {
            let status = ended(meshsync(&["status", "--url", &admin, "-o", "json"])).await;
            let status: Value = serde_json::from_str(&status.stdout).ok()?;
            is(&status).then_some(status)
        })
        .await
    };
    readiness(" 200 ").await;
    let tested =
        |status: &Value| status["synthetic"]["runs"].as_u64() > Some(2) && status["synced"] == true;
    let found = status(&tested).await;
    assert_eq!(found["synthetic"]["last"]["variant"], "canary");
    assert_eq!(
        found["synthetic"]["failures"], 0,
        "{:#}",
        found["synthetic"]
    );

    // One that is to be seen is: it would be in the records if canaries were.
    let mut visible = meshsync(&["check", "--canary-visible", "--source", &cluster.source()]);
    visible.args(["--sink", &broker.url()]);
    ended(visible).await.assert_code(0);
    let told = meshsync_testkit::eventually("the visible one", DEADLINE, async || {
        let text = std::fs::read_to_string(&records).ok()?;
        text.contains("meshsync.io/canary-visible").then_some(text)
    })
    .await;
    let hidden = |line: &&str| {
        line.contains("meshsync.io/canary") && !line.contains("meshsync.io/canary-visible")
    };
    assert_eq!(told.lines().filter(hidden).count(), 0, "{told}");

    broker.stop();
    readiness(" 503 ").await;
    let broken = |status: &Value| status["synthetic"]["last"]["broken"] == "broker";
    let found = status(&broken).await;
    let problems = found["problems"].as_array().unwrap();
    let named = problems
        .iter()
        .any(|one| one["area"] == "synthetic" && one["subject"] == "broker");
    assert!(named, "{problems:#?}");
    child.kill().await.unwrap();
}

/// Of two agents of which one is elected that one tests; the other takes over.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_agents_the_leader_alone_tests() {
    let Some(broker) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let cluster = Cluster::of(Sim::builder()).await;
    let sink = format!("jetstream://{}", broker.addr());
    let agent = || {
        let admin = free_addr();
        let child = meshsync(&["run", "--source", &cluster.source(), "--sink", &sink])
            .args(["--probes-addr", "none", "--admin-addr", &admin])
            .args(["--leader-elect", "broker", "--leader-lease", "6s"])
            .args(["--synthetic-interval", "100ms"])
            .spawn()
            .unwrap();
        (child, admin)
    };
    let runs = async |admin: &str| {
        let status = ended(meshsync(&["status", "--url", admin, "-o", "json"])).await;
        let status: Value = serde_json::from_str(&status.stdout).ok()?;
        status["synthetic"]["runs"].as_u64()
    };
    let (mut first, leader) = agent();
    meshsync_testkit::eventually("the leader tests", DEADLINE, async || {
        runs(&leader).await > Some(0)
    })
    .await;
    let (mut second, follower) = agent();
    meshsync_testkit::eventually("the follower answers", DEADLINE, async || {
        runs(&follower).await.is_some()
    })
    .await;
    let before = runs(&leader).await.unwrap();
    meshsync_testkit::eventually("the leader goes on", DEADLINE, async || {
        runs(&leader).await > Some(before + 3)
    })
    .await;
    assert_eq!(runs(&follower).await, Some(0));
    signal(&first, "-TERM").await;
    first.wait().await.unwrap();
    meshsync_testkit::eventually("the other one takes over", DEADLINE, async || {
        runs(&follower).await > Some(0)
    })
    .await;
    second.kill().await.unwrap();
}
