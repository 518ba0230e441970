//! Every example, run against a simulated cluster.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, like the tests themselves"
)]

use std::time::Duration;

use clap::Parser;
use meshsync::ClusterConfig;
use meshsync_sim::{Generate, Sim};
use meshsync_testkit::eventually;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[path = "../controller.rs"]
#[expect(dead_code, reason = "an example has a main function of its own")]
mod controller;
#[path = "../custom_source.rs"]
#[expect(dead_code, reason = "an example has a main function of its own")]
mod custom_source;
#[path = "../print_changes.rs"]
#[expect(dead_code, reason = "an example has a main function of its own")]
mod print_changes;
#[path = "../two_clusters.rs"]
#[expect(dead_code, reason = "an example has a main function of its own")]
mod two_clusters;

const DEADLINE: Duration = Duration::from_secs(180);

async fn cluster(objects: usize) -> (Sim, ClusterConfig) {
    let sim = Sim::builder()
        .generate(Generate::objects(objects))
        .start()
        .await
        .unwrap();
    let config = ClusterConfig::Text(sim.kubeconfig());
    (sim, config)
}

#[tokio::test]
async fn print_changes_prints_every_selected_object_once() {
    let (sim, config) = cluster(300).await;
    let args = ["", "--include", "pods,namespaces", "--stop-after-sync"];
    let args = print_changes::Args::parse_from(args);
    let mut out = Vec::new();
    let run = print_changes::run(args, config, std::future::pending(), &mut out);
    tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();

    let text = String::from_utf8(out).unwrap();
    let mut printed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("ADDED    ")?.split(" (").next())
        .collect();
    let mut expected: Vec<String> = sim
        .snapshot()
        .filter(|o| o.group.is_empty())
        .filter_map(|o| match &*o.plural {
            "pods" => Some(format!("Pod {}/{}", o.namespace, o.name)),
            "namespaces" => Some(format!("Namespace {}", o.name)),
            _ => None,
        })
        .collect();
    printed.sort_unstable();
    expected.sort_unstable();
    assert!(expected.len() > 20);
    assert_eq!(printed, expected);
    assert!(
        text.trim_end()
            .ends_with("SYNCED   all resources (0 bytes)")
    );
}

#[tokio::test]
async fn print_changes_ends_when_nobody_reads_its_output() {
    struct Broken;
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_sim, config) = cluster(100).await;
    let args = print_changes::Args::parse_from([""]);
    let mut broken = Broken;
    let run = print_changes::run(args, config, std::future::pending(), &mut broken);
    let result = tokio::time::timeout(DEADLINE, run).await.unwrap();
    assert!(result.is_err());
}

#[tokio::test]
async fn two_clusters_names_the_cluster_of_every_change() {
    let ((east, east_config), (west, west_config)) = (cluster(100).await, cluster(100).await);
    for (sim, name) in [(&east, "sunrise"), (&west, "sunset")] {
        let config_map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"},
        });
        sim.apply(config_map).unwrap();
    }
    let args = ["", "--include", "configmaps", "--stop-after-sync"];
    let args = two_clusters::Args::parse_from(args);
    let configs = vec![
        ("east".to_owned(), east_config),
        ("west".to_owned(), west_config),
    ];
    let mut out = Vec::new();
    let run = two_clusters::run(args, configs, std::future::pending(), &mut out);
    tokio::time::timeout(DEADLINE, run).await.unwrap().unwrap();

    let text = String::from_utf8(out).unwrap();
    let has = |line: &str| text.lines().any(|own| own == line);
    assert!(has("east ADDED    ConfigMap default/sunrise"), "{text}");
    assert!(has("west ADDED    ConfigMap default/sunset"), "{text}");
    assert!(!has("east ADDED    ConfigMap default/sunset"), "{text}");
    assert!(has("east SYNCED   all resources") && has("west SYNCED   all resources"));
}

#[tokio::test]
async fn two_clusters_ends_when_one_of_them_cannot_be_reached() {
    let (_sim, config) = cluster(100).await;
    let gone = {
        let (sim, config) = cluster(0).await;
        sim.stop().await;
        config
    };
    let configs = vec![("here".to_owned(), config), ("gone".to_owned(), gone)];
    let args = two_clusters::Args::parse_from([""]);
    let mut out = Vec::new();
    let run = two_clusters::run(args, configs, std::future::pending(), &mut out);
    let error = tokio::time::timeout(DEADLINE, run)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.to_string(), "cluster gone");
}

/// What the inventories of a cluster should say, from its Deployments.
fn expected_inventories(sim: &Sim) -> Value {
    let mut all = json!({});
    for deployment in sim.snapshot().filter(|o| o.plural == "deployments") {
        let object: Value = serde_json::from_slice(&deployment.bytes).unwrap();
        let containers = object["spec"]["template"]["spec"]["containers"].as_array();
        let images: Vec<_> = containers.unwrap().iter().map(|c| &c["image"]).collect();
        all[&deployment.namespace][&deployment.name] =
            json!({"images": images, "replicas": object["spec"]["replicas"]});
    }
    all
}

fn written_inventories(sim: &Sim) -> Value {
    let mut all = json!({});
    for config_map in sim.snapshot().filter(|o| o.name == "deployment-inventory") {
        let object: Value = serde_json::from_slice(&config_map.bytes).unwrap();
        let text = object["data"]["deployments.json"]
            .as_str()
            .unwrap_or("null");
        all[&config_map.namespace] = serde_json::from_str(text).unwrap();
    }
    all
}

async fn inventories_are_right(sim: &Sim) {
    eventually("the inventories are right", DEADLINE, async || {
        written_inventories(sim) == expected_inventories(sim)
    })
    .await;
}

#[tokio::test]
async fn controller_keeps_an_inventory_of_every_namespace() {
    let (sim, config) = cluster(400).await;
    // Left behind by a controller that was away when the last Deployment went.
    let left_behind = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "deployment-inventory", "namespace": "kube-public",
            "labels": {"app.kubernetes.io/managed-by": "deployment-inventory"},
        },
    });
    sim.apply(left_behind).unwrap();
    let stop = CancellationToken::new();
    let run = controller::run(
        controller::Args::parse_from([""]),
        config,
        stop.clone().cancelled_owned(),
    );
    let check = async {
        inventories_are_right(&sim).await;
        let deployments: Vec<_> = sim
            .snapshot()
            .filter(|o| o.plural == "deployments")
            .collect();
        let [first, second, ..] = &deployments[..] else {
            panic!("a generated cluster has deployments");
        };
        let patch = json!({"spec": {"replicas": 17}});
        let namespace = Some(&*first.namespace);
        sim.patch("apps", "deployments", namespace, &first.name, &patch)
            .unwrap();
        let namespace = Some(&*second.namespace);
        sim.delete("apps", "deployments", namespace, &second.name)
            .unwrap();
        inventories_are_right(&sim).await;
        for deployment in &deployments {
            let namespace = Some(&*deployment.namespace);
            // One of them is gone already.
            drop(sim.delete("apps", "deployments", namespace, &deployment.name));
        }
        inventories_are_right(&sim).await;
        assert_eq!(written_inventories(&sim), json!({}));
        stop.cancel();
    };
    let both = Box::pin(async { tokio::join!(run, check) });
    let (result, ()) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    result.unwrap();
}

#[tokio::test]
async fn a_source_of_ones_own_is_followed_and_what_it_cannot_read_is_not_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory");
    let write = |text: &str| {
        let next = folder.path().join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &path).unwrap();
    };
    write("db alice\nweb bob\n");
    let source = meshsync::Reflector::new(custom_source::Inventory::new(&path));
    let mut meshsync = meshsync::MeshSync::builder()
        .source(source)
        .build()
        .unwrap();
    let (monitor, mut changes) = (meshsync.monitor(), meshsync.changes());
    let stop = CancellationToken::new();
    let run = tokio::spawn(meshsync.run(stop.clone().cancelled_owned()));
    let mut next = async || loop {
        let change = tokio::time::timeout(DEADLINE, changes.next()).await;
        let change = change.unwrap().unwrap();
        if let Some(name) = change.name() {
            return format!("{} {name}", change.event());
        }
    };
    assert_eq!(
        (next().await, next().await),
        ("ADDED db".to_owned(), "ADDED web".to_owned())
    );
    write("db carol\nweb bob\n");
    assert_eq!(next().await, "MODIFIED db");
    write("db carol\n");
    assert_eq!(next().await, "DELETED web");
    std::fs::remove_file(&path).unwrap();
    eventually("it is away", DEADLINE, async || {
        monitor.source().state == meshsync::SourceState::BackingOff
    })
    .await;
    write("db carol\nmail dan\n");
    assert_eq!(next().await, "ADDED mail");
    stop.cancel();
    run.await.unwrap().unwrap();
}
