//! `meshsync doctor`: everything that is wrong is said at once, each with its remedy.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use meshsync_sim::{Sim, User};
use meshsync_testkit::NatsServer;
use serde_json::Value;

use crate::support::{Cluster, Ended, ended, free_addr, meshsync};

async fn doctor(cluster: &Cluster, args: &[&str]) -> (Ended, Value) {
    let mut command = meshsync(&["doctor", "-o", "json", "--source", &cluster.source()]);
    command.args(args);
    let ended = ended(command).await;
    let report = serde_json::from_str(&ended.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, report)
}

/// The state and what is said of each link of this name.
fn links<'a>(report: &'a Value, name: &str) -> Vec<(&'a str, &'a str)> {
    let text = |value: &'a Value| value.as_str().unwrap();
    let all = report["links"].as_array().unwrap().iter();
    let found: Vec<_> = all
        .filter(|link| link["link"] == name)
        .map(|link| {
            let is_well = link["state"] == "ok" || link["state"] == "not-reached";
            assert_eq!(link["remedy"].is_null(), is_well, "{link}");
            (text(&link["state"]), text(&link["detail"]))
        })
        .collect();
    assert!(!found.is_empty(), "no {name} in {report:#}");
    found
}

/// There is one of this name, in this state, and it says this.
fn check(report: &Value, name: &str, state: &str, says: &str) {
    let found = links(report, name);
    let is_it = |&(found, detail): &(&str, &str)| found == state && detail.contains(says);
    assert!(found.iter().any(is_it), "{name} {state} {says}: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_health_nothing_is_wrong_and_nothing_is_written() {
    let Some(core) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let Some(stream) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let cluster = Cluster::start(60).await;
    let file = cluster.path("meshsync.yaml");
    let text = format!(
        "sinks: [\"{}\", \"jetstream://{}\"]\n",
        core.url(),
        stream.addr()
    );
    std::fs::write(&file, text).unwrap();
    let (ended, report) = doctor(&cluster, &["--config", file.to_str().unwrap()]).await;
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(
        (&report["kind"], &report["ok"], &report["summary"]),
        (&"Doctor".into(), &true.into(), &"nothing is wrong".into())
    );
    for name in [
        "version",
        "file",
        "configuration",
        "api-server",
        "clock",
        "limits",
    ] {
        check(&report, name, "ok", "");
    }
    check(&report, "discovery", "ok", "resources are selected");
    check(&report, "permission", "ok", "may do all that is needed");
    for (name, times) in [
        ("broker", 2),
        ("jetstream", 1),
        ("acknowledge", 2),
        ("read-back", 2),
    ] {
        assert_eq!(links(&report, name).len(), times, "{report:#}");
        check(&report, name, "ok", "");
    }
    let asked = |path: &str| path.starts_with("/apis/authorization.k8s.io/");
    let wrote = cluster
        .sim
        .requests()
        .count(|request| request.method != "GET" && !asked(&request.path));
    assert_eq!(wrote, 0, "it only looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_all_at_once() {
    let Some(core) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let cluster = Cluster::start(60).await;
    cluster.sim.faults().skew_clock(90);
    let file = cluster.path("meshsync.yaml");
    std::fs::write(&file, "depht: standard\n").unwrap();
    let down = format!("nats://{}", free_addr());
    let off = format!("jetstream://{}", core.addr());
    let file = file.to_str().unwrap();
    let args = [
        "--config",
        file,
        "--sink",
        &down,
        "--sink",
        &off,
        "--timeout",
        "2s",
        "--include",
        "pods",
        "--include",
        "certficates.cert-manager.io",
    ];
    let (ended, report) = doctor(&cluster, &args).await;
    ended.assert_code(1);
    check(&report, "file", "failed", "depht");
    check(&report, "clock", "failed", "s ahead of ours");
    check(
        &report,
        "discovery",
        "warning",
        "certficates.cert-manager.io names nothing",
    );
    check(&report, "permission", "ok", "");
    check(&report, "broker", "failed", &down);
    check(&report, "broker", "ok", &core.addr().to_string());
    check(&report, "jetstream", "failed", "JetStream");
    let summary = report["summary"].as_str().unwrap();
    assert_eq!(
        summary,
        "something is wrong with: file, clock, broker, jetstream"
    );
    ended.assert_says(&[summary]);

    cluster.sim.stop_listener().await;
    let (ended, report) = doctor(&cluster, &["--sink", &core.url()]).await;
    ended.assert_code(1);
    check(&report, "api-server", "failed", "/version");
    check(&report, "permission", "not-reached", "");
    check(&report, "broker", "ok", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_are_missing_are_named_and_what_rbac_prints_is_the_remedy() {
    let cluster = Cluster::of(Sim::builder().rbac()).await;
    let admin = cluster.source();
    let user = User::service_account("default", "agent");
    std::fs::write(cluster.path("agent"), cluster.sim.kubeconfig_as(user)).unwrap();
    let agent = format!("k8s:?kubeconfig={}", cluster.path("agent").display());
    let select = [
        "--include",
        "pods",
        "--include",
        "deployments",
        "--namespace",
        "shop",
    ];
    let look = async || {
        let mut command = meshsync(&["doctor", "--source", &agent]);
        command.args(select);
        ended(command).await
    };
    let refused = look().await;
    refused.assert_code(1);
    let said = &refused.stdout;
    for part in [
        "FAIL  permission",
        "may not get, list, watch in namespace shop: deployments.apps, pods",
        "may not get in the whole cluster: namespaces/kube-system",
        "--cluster-id",
        "meshsync rbac",
        "something is wrong with: permission",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }

    let mut rbac = meshsync(&[
        "rbac",
        "--source",
        &admin,
        "--service-account",
        "default/agent",
    ]);
    rbac.args(select);
    let printed = ended(rbac).await;
    let roles: Vec<Value> = serde_saphyr::from_multiple(&printed.stdout).unwrap();
    assert!(!roles.is_empty());
    for role in roles {
        cluster.sim.apply(role).unwrap();
    }
    let permitted = look().await;
    permitted.assert_code(0);
    assert!(
        permitted.stdout.contains("nothing is wrong"),
        "{}",
        permitted.stdout
    );
}
