use meshsync_sim::Sim;
use serde_json::{Value, json};

use super::client::{Call, Watch, config_map, get};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
           "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "a", "image": "x:1"}]}}}})
}

#[tokio::test]
async fn created_objects_get_what_the_server_gives() {
    let sim = Sim::builder().start().await.unwrap();
    let created = Call::new("POST", DEPLOYMENTS)
        .json(&deployment())
        .send(&sim)
        .await;
    assert_eq!(created.status, 201);
    let metadata = created.json()["metadata"].clone();
    assert_eq!(metadata["generation"], 1);
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert!(
        metadata["creationTimestamp"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert_eq!(
        metadata["resourceVersion"],
        sim.resource_version().to_string()
    );
    let again = Call::new("POST", DEPLOYMENTS)
        .json(&deployment())
        .send(&sim)
        .await;
    assert_eq!(
        (again.status, again.json()["reason"].as_str()),
        (409, Some("AlreadyExists"))
    );
    let generated = json!({"metadata": {"generateName": "x-"}});
    let generated = Call::new("POST", CONFIG_MAPS)
        .json(&generated)
        .send(&sim)
        .await
        .json();
    assert_eq!(generated["metadata"]["name"].as_str().unwrap().len(), 7);
}

#[tokio::test]
async fn updates_lock_optimistically_and_count_generations() {
    let sim = Sim::builder().start().await.unwrap();
    let mut object = Call::new("POST", DEPLOYMENTS)
        .json(&deployment())
        .send(&sim)
        .await
        .json();
    let path = format!("{DEPLOYMENTS}/web");
    object["spec"]["replicas"] = 3.into();
    object["status"] = json!({"replicas": 9});
    let updated = Call::new("PUT", path.as_str())
        .json(&object)
        .send(&sim)
        .await;
    assert_eq!(
        (updated.status, &updated.json()["metadata"]["generation"]),
        (200, &json!(2))
    );
    assert_eq!(
        updated.json().get("status"),
        None,
        "status has a subresource of its own"
    );
    let stale = Call::new("PUT", path.as_str())
        .json(&object)
        .send(&sim)
        .await;
    assert_eq!(
        (stale.status, stale.json()["reason"].as_str()),
        (409, Some("Conflict"))
    );
    let status = json!({"spec": {"replicas": 7}, "status": {"replicas": 3}});
    let patched = Call::new("PATCH", format!("{path}/status"))
        .body("application/merge-patch+json", status.to_string())
        .send(&sim)
        .await
        .json();
    assert_eq!(
        (&patched["spec"]["replicas"], &patched["status"]["replicas"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(patched["metadata"]["generation"], 2);
    let before = sim.resource_version();
    let same = Call::new("PUT", path).json(&patched).send(&sim).await;
    assert_eq!(
        (same.status, sim.resource_version()),
        (200, before),
        "nothing changed, nothing written"
    );
}

#[tokio::test]
async fn every_patch_format_is_read() {
    let sim = Sim::builder().start().await.unwrap();
    let path = format!("{CONFIG_MAPS}/a");
    let patch = async |content_type: &str, body: &str| {
        Call::new("PATCH", path.as_str())
            .body(content_type, body.to_owned())
            .send(&sim)
            .await
    };
    let applied = patch(
        "application/apply-patch+yaml",
        "data:\n  a: '1'\n  b: '1'\n",
    )
    .await;
    assert_eq!(
        (applied.status, &applied.json()["data"]["a"]),
        (201, &json!("1"))
    );
    assert_eq!(
        patch("application/apply-patch+yaml", "data: {a: '2'}")
            .await
            .json()["data"],
        json!({"a": "2", "b": "1"})
    );
    let merged = patch(
        "application/merge-patch+json",
        r#"{"data":{"b":null,"c":"3"}}"#,
    )
    .await;
    assert_eq!(merged.json()["data"], json!({"a": "2", "c": "3"}));
    let json_patch =
        r#"[{"op":"replace","path":"/data/a","value":"4"},{"op":"remove","path":"/data/c"}]"#;
    assert_eq!(
        patch("application/json-patch+json", json_patch)
            .await
            .json()["data"],
        json!({"a": "4"})
    );
    assert_eq!(patch("text/plain", "x").await.status, 415);
    assert_eq!(
        patch("application/merge-patch+json", "[1]").await.status,
        400
    );
}

#[tokio::test]
async fn finalizers_hold_a_deletion_back() {
    let sim = Sim::builder().start().await.unwrap();
    let mut object = config_map("a", "1");
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    sim.apply(object).unwrap();
    let mut watch = Watch::open(&sim, &format!("{CONFIG_MAPS}?watch=1")).await;
    assert_eq!(watch.change().await, "ADDED a");
    let path = format!("{CONFIG_MAPS}/a");
    let marked = Call::new("DELETE", path.as_str()).send(&sim).await.json();
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(watch.change().await, "MODIFIED a");
    let released = r#"{"metadata":{"finalizers":null}}"#;
    Call::new("PATCH", path.as_str())
        .body("application/merge-patch+json", released)
        .send(&sim)
        .await;
    assert_eq!(watch.change().await, "MODIFIED a");
    assert_eq!(watch.change().await, "DELETED a");
    assert_eq!(get(&sim, &path).await.status, 404);
}

#[tokio::test]
async fn dry_runs_change_nothing() {
    let sim = Sim::builder().start().await.unwrap();
    let before = sim.resource_version();
    let created = Call::new("POST", format!("{CONFIG_MAPS}?dryRun=All"))
        .json(&config_map("a", "1"))
        .send(&sim)
        .await;
    assert_eq!(created.status, 201);
    assert_eq!(get(&sim, &format!("{CONFIG_MAPS}/a")).await.status, 404);
    assert_eq!(sim.resource_version(), before);
}

#[tokio::test]
async fn collections_are_deleted_by_selector() {
    let sim = Sim::builder().start().await.unwrap();
    for (name, value) in [("a", "1"), ("b", "2"), ("c", "1")] {
        sim.apply(config_map(name, value)).unwrap();
    }
    let deleted = Call::new("DELETE", format!("{CONFIG_MAPS}?labelSelector=value%3D1"))
        .send(&sim)
        .await;
    assert_eq!(deleted.json()["items"].as_array().unwrap().len(), 2);
    let left = get(&sim, CONFIG_MAPS).await.json();
    assert_eq!(super::client::names(&left), ["b"]);
}

#[tokio::test]
async fn a_namespace_takes_its_objects_along() {
    let sim = Sim::builder().start().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let created = Call::new("POST", "/api/v1/namespaces")
        .json(&namespace)
        .send(&sim)
        .await
        .json();
    assert_eq!(created["status"]["phase"], "Active");
    let path = "/api/v1/namespaces/shop/configmaps";
    let object = json!({"metadata": {"name": "a"}});
    assert_eq!(
        Call::new("POST", path)
            .json(&object)
            .send(&sim)
            .await
            .status,
        201
    );
    let mut watch = Watch::open(&sim, "/api/v1/namespaces/shop/configmaps?watch=1").await;
    assert_eq!(watch.change().await, "ADDED a");
    assert_eq!(
        Call::new("DELETE", "/api/v1/namespaces/shop")
            .send(&sim)
            .await
            .status,
        200
    );
    assert_eq!(watch.change().await, "DELETED a");
    assert_eq!(
        Call::new("POST", path)
            .json(&object)
            .send(&sim)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn in_process_writes_need_no_namespace_and_report_what_they_did() {
    let sim = Sim::builder().start().await.unwrap();
    let written = sim.apply(config_map("a", "1")).unwrap();
    assert_eq!(
        (written.name.as_str(), written.namespace.as_str()),
        ("a", "default")
    );
    let patched = sim
        .patch(
            "",
            "configmaps",
            Some("default"),
            "a",
            &json!({"data": {"value": "2"}}),
        )
        .unwrap();
    assert_eq!(
        (patched.uid == written.uid, patched.resource_version),
        (true, written.resource_version + 1)
    );
    assert_eq!(
        sim.object("", "configmaps", Some("default"), "a").unwrap()["data"]["value"],
        "2"
    );
    let snapshot: Vec<_> = sim
        .snapshot()
        .filter(|object| object.plural == "configmaps")
        .collect();
    assert_eq!(
        (snapshot.len(), snapshot[0].resource_version),
        (1, patched.resource_version)
    );
    assert!(
        snapshot[0]
            .bytes
            .starts_with(br#"{"kind":"ConfigMap","apiVersion":"v1","metadata""#)
    );
    assert_eq!(
        sim.delete("", "configmaps", None, "missing")
            .unwrap_err()
            .0
            .code,
        404
    );
}
