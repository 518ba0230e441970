//! `meshsync run` with several sources.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;
use std::fs;

use meshsync_testkit::eventually;

use crate::support::{Cluster, DEADLINE, ended, free_addr, get, meshsync};

/// A cluster, and a folder with one ConfigMap.
async fn start() -> (Cluster, String) {
    let cluster = Cluster::start(60).await;
    let folder = cluster.path("deploy");
    fs::create_dir(&folder).unwrap();
    let stated = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stated}\n";
    fs::write(folder.join("a.yaml"), stated).unwrap();
    let manifests = format!("manifests:{}", folder.display());
    (cluster, manifests)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_there_keeps_neither_the_others_nor_readiness() {
    let (cluster, manifests) = start().await;
    let (probes, admin) = (free_addr(), free_addr());
    let docker = format!("docker:unix://{}", cluster.path("none.sock").display());
    let records = cluster.path("records");
    let _child = meshsync(&["run", "--sink", &format!("file:{}", records.display())])
        .args(["--source", &cluster.source(), "--source", &docker])
        .args(["--source", &manifests])
        .args(["--probes-addr", &probes, "--admin-addr", &admin])
        .spawn()
        .unwrap();
    eventually("ready", DEADLINE, async || {
        let answer = get(&probes, "/readyz").await?;
        answer.contains("200 OK").then_some(())
    })
    .await;
    let status = ended(meshsync(&["status", "--url", &admin])).await;
    status.assert_code(0);
    for part in [
        "SOURCE",
        "backing-off",
        "problem:",
        "docker:unix://",
        "manifests:",
    ] {
        assert!(status.stdout.contains(part), "{part}: {}", status.stdout);
    }
    let page = get(&probes, "/metrics").await.unwrap();
    let series: Vec<&str> = (page.lines())
        .filter(|line| line.starts_with("meshsync_"))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect();
    let distinct: BTreeSet<_> = series.iter().collect();
    assert_eq!(distinct.len(), series.len(), "{page}");
    let of = |start: &str, rest: &str| {
        let is_it = |line: &&str| line.starts_with(start) && line.contains(rest);
        page.lines().filter(is_it).count()
    };
    assert_eq!(
        of("meshsync_resource_live{resource=\"configmaps\"", ""),
        2,
        "{page}"
    );
    assert_eq!(
        of("meshsync_source_live{", "platform=\"docker\"} 0"),
        1,
        "{page}"
    );
    assert_eq!(of("meshsync_source_synced{", "} 1"), 2, "{page}");
    assert_eq!(of("meshsync_problems{area=\"source\"} 1", ""), 1, "{page}");
    assert_eq!(of("meshsync_synced 0", ""), 1, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sources_come_from_a_file_or_the_environment_too() {
    let (cluster, manifests) = start().await;
    let file = cluster.path("meshsync.yaml");
    let said = format!("sources: [{:?}, {manifests:?}]\n", cluster.source());
    fs::write(&file, &said).unwrap();
    let scopes = |ended: &crate::support::Ended| {
        let records = ended.records();
        let scopes = records
            .iter()
            .map(|it| it["platform"].as_str().unwrap().to_owned());
        scopes.collect::<BTreeSet<_>>()
    };
    let args = [
        "run",
        "--probes-addr=none",
        "--admin-addr=none",
        "--stop-after=5s",
    ];
    let mut from_file = meshsync(&args);
    from_file.arg("--config").arg(&file);
    let mut from_variable = meshsync(&args);
    let variable = format!("{}; {manifests}", cluster.source());
    from_variable.env("MESHSYNC_SOURCES", variable);
    let both = ["kubernetes".to_owned(), "manifests".to_owned()].into();
    for command in [from_file, from_variable] {
        let ended = ended(command).await;
        ended.assert_code(0);
        assert_eq!(scopes(&ended), both);
    }
    let shown = meshsync(&["config", "show", "--config"]);
    let show = |mut command: tokio::process::Command, args: &[&str]| {
        command.arg(&file).args(args);
        ended(command)
    };
    let shown = show(shown, &[]).await;
    assert!(
        shown.stdout.contains("sources: [") && shown.stdout.contains("# file"),
        "{shown:?}"
    );
    assert!(!shown.stdout.contains("\nsource: "), "{shown:?}");
    // Whoever names one names all.
    let shown = show(
        meshsync(&["config", "show", "--config"]),
        &["--source", "docker:"],
    )
    .await;
    assert!(
        shown.stdout.contains("source: \"docker:\" # flag"),
        "{shown:?}"
    );
    assert!(!shown.stdout.contains("sources"), "{shown:?}");
    fs::write(&file, format!("{said}source: 'k8s:'\n")).unwrap();
    let refused = ended(meshsync(&["config", "check", file.to_str().unwrap()])).await;
    refused.assert_code(78);
    refused.assert_says(&["keep sources"]);
    let mut snapshot = meshsync(&["snapshot", "--source", &cluster.source()]);
    snapshot.args(["--source", &manifests]);
    let refused = ended(snapshot).await;
    refused.assert_code(78);
    refused.assert_says(&["call it for each"]);
}
