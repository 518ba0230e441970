//! B6 and B7: the binary with `--output file`.

use std::path::Path;

use meshsync_sim::Sim;
use serde_json::Value;

use crate::server::Server;
use crate::support::{World, ended};

fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let documents = text.split("---\n").filter(|text| !text.trim().is_empty());
    documents
        .map(|text| serde_saphyr::from_str(text).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_a_file_is_written_and_nothing_is_sent() {
    let Some(world) = World::start(120).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[
        "--output",
        "file",
        "--outputFile",
        "X.yaml",
        "--stopAfter",
        "6s",
    ]);
    agent.synced().await;
    assert_eq!(agent.probe("/healthz").await, 200);
    assert_eq!(
        agent.probe("/readyz").await,
        503,
        "never ready in this mode"
    );
    assert_eq!(agent.stop().await, Some(0));
    assert!(server.take(|database| database.log.is_empty()));
    let documents = documents(&world.path("X.yaml"));
    assert!(
        documents
            .iter()
            .any(|document| document["kind"] == "Deployment")
    );
    let mut uids: Vec<_> = documents
        .iter()
        .map(|d| d["metadata"]["uid"].to_string())
        .collect();
    let written = uids.len();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), written, "each object once");
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_both_filters_apply_to_the_file() {
    let Some(world) = World::start(120).await else {
        return;
    };
    let args = [
        "--output=file",
        "--outputResources=pod,deployment",
        "--outputNamespaces=agile-otter",
        "--outputFile=Y.yaml",
        "--stopAfter=4s",
        "--probes-addr=none",
        "--admin-addr=none",
    ];
    let ended = ended(world.agent(&args)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let documents = documents(&world.path("Y.yaml"));
    assert_eq!(documents.len(), 4);
    for document in documents {
        assert!(["Pod", "Deployment"].contains(&document["kind"].as_str().unwrap()));
        assert_eq!(document["metadata"]["namespace"], "agile-otter");
    }
}

/// The form of the file, against the original's own output.
#[tokio::test(flavor = "multi_thread")]
async fn documents_are_those_of_the_original() {
    let Some(golden) = meshsync_testkit::require_reference("documents_are_those_of_the_original")
    else {
        return;
    };
    let golden = golden.join("contract/golden");
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    let object = std::fs::read(golden.join("deploy.json")).unwrap();
    let object: Value = serde_json::from_slice(&object).unwrap();
    world
        .sim
        .put_raw(
            "apps",
            "deployments",
            Some("agile-otter"),
            "nginx-deployment",
            serde_json::to_vec(&object).unwrap(),
        )
        .unwrap();
    let args = [
        "--output=file",
        "--outputFile=Z.yaml",
        "--outputResources=deployments",
        "--stopAfter=4s",
        "--meshery-wire=exact",
        "--probes-addr=none",
        "--admin-addr=none",
        "--cluster-id=4ea3c8b1-2f64-4f0e-9d6e-0c2a1f7e5b3d",
    ];
    let ended = ended(world.agent(&args)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ours = documents(&world.path("Z.yaml"));
    let theirs = documents(&golden.join("deploy.snapshot.yaml"));
    assert_eq!(ours, theirs);
}
