//! Replay of a captured cluster: the simulator answers what the real server answered.

use std::path::{Path, PathBuf};

use meshsync_sim::Sim;
use serde_json::Value;

use super::client::{Call, get};

/// The directory of the capture, within or at the reference directory.
fn capture_dir(test: &str) -> Option<PathBuf> {
    let dir = meshsync_testkit::require_reference(test)?;
    [dir.join("cluster"), dir]
        .into_iter()
        .find(|dir| dir.join("INDEX.tsv").is_file())
}

fn captured(dir: &Path, file: &str) -> Vec<u8> {
    meshsync_testkit::gunzip(dir.join(format!("{file}.gz")))
}

/// What the simulator does not repeat: one version for all lists, and the ages in tables.
fn comparable(mut document: Value) -> Value {
    if let Some(metadata) = document["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("continue");
    }
    if document["kind"] == "ComponentStatusList" {
        // The server computes these; they are not stored and so not sorted.
        document["items"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(|item| item["metadata"]["name"].to_string());
    }
    document
}

#[tokio::test]
async fn every_captured_answer_is_repeated() {
    let Some(dir) = capture_dir("every_captured_answer_is_repeated") else {
        return;
    };
    let sim = Sim::builder().capture(&dir).unwrap().start().await.unwrap();
    let index = std::fs::read_to_string(dir.join("INDEX.tsv")).unwrap();
    let mut checked = 0;
    for row in index.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, path, status, _] = columns[..] else {
            panic!("{row}")
        };
        if file.starts_with("errors/")
            || file.starts_with("watch/")
            || file.starts_with("variants/")
        {
            continue;
        }
        let mut call = Call::new("GET", path);
        if file.starts_with("discovery/aggregated/") {
            call = call.header(
                "accept",
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            );
        }
        let answer = call.send(&sim).await;
        assert_eq!(answer.status.to_string(), status, "{path}");
        if file == "-" {
            assert_eq!(answer.json()["items"], Value::Array(Vec::new()), "{path}");
        } else if status == "200" {
            let expected: Value = serde_json::from_slice(&captured(&dir, file)).unwrap();
            assert!(
                comparable(answer.json()) == comparable(expected),
                "{path} differs from {file}"
            );
        }
        checked += 1;
    }
    assert!(checked > 500, "{checked}");
}

#[tokio::test]
async fn captured_lists_are_repeated_byte_for_byte() {
    let Some(dir) = capture_dir("captured_lists_are_repeated_byte_for_byte") else {
        return;
    };
    let sim = Sim::builder().capture(&dir).unwrap().start().await.unwrap();
    let version = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let rv = list["metadata"]["resourceVersion"].as_str().unwrap();
        text.trim_end()
            .replacen(&format!("\"resourceVersion\":\"{rv}\"}}"), "", 1)
    };
    for (file, path) in [
        ("list/v1/pods.json", "/api/v1/pods"),
        (
            "list/autoscaling_v1/horizontalpodautoscalers.json",
            "/apis/autoscaling/v1/horizontalpodautoscalers",
        ),
        (
            "list/cert-manager.io_v1/certificates.json",
            "/apis/cert-manager.io/v1/certificates",
        ),
        (
            "list/policy.linkerd.io_v1alpha1/servers.json",
            "/apis/policy.linkerd.io/v1alpha1/servers",
        ),
    ] {
        let answer = get(&sim, path).await.body;
        assert!(version(&answer) == version(&captured(&dir, file)), "{path}");
    }
}

#[tokio::test]
async fn captured_variants_are_repeated() {
    let Some(dir) = capture_dir("captured_variants_are_repeated") else {
        return;
    };
    let sim = Sim::builder().capture(&dir).unwrap().start().await.unwrap();
    let expected = |file: &str| serde_json::from_slice::<Value>(&captured(&dir, file)).unwrap();
    let metadata = Call::new("GET", "/api/v1/pods")
        .header(
            "accept",
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        )
        .send(&sim)
        .await;
    assert!(comparable(metadata.json()) == comparable(expected("variants/pods.metadata.json")));
    let page = get(&sim, "/api/v1/configmaps?limit=20").await;
    assert!(comparable(page.json()) == comparable(expected("variants/configmaps.page1.json")));
    let table = Call::new("GET", "/apis/apps/v1/deployments")
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .send(&sim)
        .await
        .json();
    let real = expected("variants/deployments.table.json");
    let rows = |table: &Value| -> Vec<Value> {
        let rows = table["rows"].as_array().unwrap().iter();
        rows.map(|row| row["cells"][0].clone()).collect()
    };
    assert_eq!(rows(&table), rows(&real));
}
