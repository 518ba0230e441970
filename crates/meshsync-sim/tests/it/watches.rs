use std::time::Duration;

use meshsync_sim::{CutStyle, Sim};
use serde_json::json;

use super::client::{Call, End, Watch, config_map, get};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_watch_continues_where_a_list_ended() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("a", "1")).unwrap();
    let rv = get(&sim, CONFIG_MAPS).await.json()["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    sim.apply(config_map("b", "1")).unwrap();
    let mut watch = Watch::open(&sim, &format!("{CONFIG_MAPS}?watch=1&resourceVersion={rv}")).await;
    sim.apply(config_map("a", "2")).unwrap();
    let deleted = sim.delete("", "configmaps", Some("default"), "b").unwrap();
    assert_eq!(watch.change().await, "ADDED b");
    assert_eq!(watch.change().await, "MODIFIED a");
    let line = watch.line().await.unwrap();
    assert!(line.starts_with(br#"{"type":"DELETED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b""#));
    let event: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(
        event["object"]["metadata"]["resourceVersion"],
        deleted.resource_version.to_string()
    );
    assert_eq!(event["object"]["data"]["value"], "1");
}

#[tokio::test]
async fn a_watch_without_version_begins_with_what_is_there() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("a", "1")).unwrap();
    for query in ["watch=true", "watch=1&resourceVersion=0"] {
        let mut watch = Watch::open(&sim, &format!("{CONFIG_MAPS}?{query}")).await;
        assert_eq!(watch.change().await, "ADDED a");
    }
}

#[tokio::test]
async fn a_watch_list_ends_its_initial_events_with_a_bookmark() {
    let sim = Sim::builder().start().await.unwrap();
    for at in 0..200 {
        sim.apply(config_map(&format!("c{at:03}"), &"x".repeat(1000)))
            .unwrap();
    }
    let path = format!(
        "{CONFIG_MAPS}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    );
    let mut watch = Watch::open(&sim, &path).await;
    for at in 0..200 {
        assert_eq!(watch.change().await, format!("ADDED c{at:03}"));
    }
    let bookmark = watch.event().await;
    assert_eq!(bookmark["type"], "BOOKMARK");
    let metadata = &bookmark["object"]["metadata"];
    assert_eq!(
        metadata["annotations"],
        json!({"k8s.io/initial-events-end": "true"})
    );
    assert_eq!(
        metadata["resourceVersion"],
        sim.resource_version().to_string()
    );
    assert_eq!(bookmark["object"]["kind"], "ConfigMap");
    sim.apply(config_map("later", "1")).unwrap();
    assert_eq!(watch.change().await, "ADDED later");
}

#[tokio::test]
async fn a_watch_list_needs_its_match_and_may_be_refused() {
    let sim = Sim::builder().start().await.unwrap();
    let without = get(
        &sim,
        &format!("{CONFIG_MAPS}?watch=1&sendInitialEvents=true"),
    )
    .await;
    assert_eq!(
        (without.status, without.json()["reason"].as_str()),
        (422, Some("Invalid"))
    );
    sim.faults().refuse_watch_list();
    let path =
        format!("{CONFIG_MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    let refused = get(&sim, &path).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json()["details"]["causes"][0]["field"],
        "sendInitialEvents"
    );
    sim.faults().allow_watch_list();
    Watch::open(&sim, &path).await;
}

#[tokio::test]
async fn bookmarks_come_at_the_interval_and_before_the_timeout() {
    let sim = Sim::builder()
        .bookmark_interval(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let rv = sim.resource_version();
    let path = format!(
        "{CONFIG_MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion={rv}&timeoutSeconds=1"
    );
    let mut watch = Watch::open(&sim, &path).await;
    // A change elsewhere moves the bookmark of this watch along.
    sim.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}))
        .unwrap();
    let moved = sim.resource_version().to_string();
    loop {
        let bookmark = watch.event().await;
        assert_eq!(bookmark["type"], "BOOKMARK");
        if bookmark["object"]["metadata"]["resourceVersion"] == moved.as_str() {
            break;
        }
    }
    assert_eq!(watch.end().await, End::Clean);
}

#[tokio::test]
async fn an_object_leaving_the_selection_is_deleted_for_the_watch() {
    let sim = Sim::builder().start().await.unwrap();
    let mut watch = Watch::open(
        &sim,
        &format!("{CONFIG_MAPS}?watch=1&labelSelector=value%3Din"),
    )
    .await;
    sim.apply(config_map("a", "out")).unwrap();
    sim.apply(config_map("a", "in")).unwrap();
    sim.apply(config_map("a", "out")).unwrap();
    let left = sim.resource_version().to_string();
    sim.apply(config_map("b", "in")).unwrap();
    assert_eq!(watch.change().await, "ADDED a");
    let gone = watch.event().await;
    assert_eq!(gone["type"], "DELETED");
    assert_eq!(
        gone["object"]["data"]["value"], "in",
        "the state the client knows"
    );
    assert_eq!(gone["object"]["metadata"]["resourceVersion"], left.as_str());
    assert_eq!(watch.change().await, "ADDED b");
}

#[tokio::test]
async fn namespaces_and_names_narrow_watches() {
    let sim = Sim::builder().start().await.unwrap();
    let mut one = Watch::open(
        &sim,
        "/api/v1/configmaps?watch=1&fieldSelector=metadata.name%3Db",
    )
    .await;
    let mut other = Watch::open(&sim, "/api/v1/namespaces/kube-system/configmaps?watch=1").await;
    sim.apply(config_map("a", "1")).unwrap();
    sim.apply(config_map("b", "1")).unwrap();
    let mut elsewhere = config_map("c", "1");
    elsewhere["metadata"]["namespace"] = "kube-system".into();
    sim.apply(elsewhere).unwrap();
    assert_eq!(one.change().await, "ADDED b");
    assert_eq!(other.change().await, "ADDED c");
}

#[tokio::test]
async fn metadata_watches_carry_metadata_only() {
    let sim = Sim::builder().start().await.unwrap();
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let mut watch = Watch::open_as(&sim, &format!("{CONFIG_MAPS}?watch=1"), accept).await;
    sim.apply(config_map("a", "1")).unwrap();
    let event = watch.event().await;
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(event["object"].get("data"), None);
}

#[tokio::test]
async fn compaction_makes_older_versions_too_old() {
    let sim = Sim::builder().start().await.unwrap();
    let rv = sim.resource_version();
    sim.apply(config_map("a", "1")).unwrap();
    let path = format!("{CONFIG_MAPS}?watch=1&resourceVersion={rv}");
    assert_eq!(Watch::open(&sim, &path).await.change().await, "ADDED a");
    sim.compact();
    let mut watch = Watch::open(&sim, &path).await;
    let event = watch.event().await;
    assert_eq!(
        (event["type"].as_str(), event["object"]["code"].as_u64()),
        (Some("ERROR"), Some(410))
    );
    assert_eq!(watch.end().await, End::Clean);
}

#[tokio::test]
async fn a_watch_that_falls_behind_is_closed() {
    let sim = Sim::builder().watch_lag_max(10).start().await.unwrap();
    sim.apply(config_map("a", "0")).unwrap();
    sim.faults().stall();
    let rv = sim.resource_version();
    let mut watch = Watch::open(&sim, &format!("{CONFIG_MAPS}?watch=1&resourceVersion={rv}")).await;
    for round in 1..=30 {
        sim.apply(config_map("a", &round.to_string())).unwrap();
        tokio::task::yield_now().await;
    }
    sim.faults().resume();
    assert_eq!(watch.end().await, End::Clean);
}

#[tokio::test]
async fn watches_can_be_cut_in_every_way() {
    let sim = Sim::builder().start().await.unwrap();
    for (style, expected) in [
        (CutStyle::Clean, true),
        (CutStyle::MidLine, false),
        (CutStyle::Broken, false),
    ] {
        let mut watch = Watch::open(&sim, &format!("{CONFIG_MAPS}?watch=1")).await;
        let mut other = Watch::open(&sim, "/api/v1/secrets?watch=1").await;
        sim.faults().cut_watches_of("", "configmaps", style);
        match watch.end().await {
            End::Clean => assert!(expected, "{style:?}"),
            End::Broken(bytes) => assert_eq!(bytes > 0, style == CutStyle::MidLine),
        }
        sim.faults().cut_watches(CutStyle::Clean);
        assert_eq!(other.end().await, End::Clean);
    }
}

#[tokio::test]
async fn a_table_watch_names_its_columns_once() {
    let sim = Sim::builder().start().await.unwrap();
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut watch = Watch::open_as(&sim, &format!("{CONFIG_MAPS}?watch=1"), accept).await;
    sim.apply(config_map("a", "1")).unwrap();
    sim.apply(config_map("b", "1")).unwrap();
    assert!(watch.event().await["object"]["columnDefinitions"].is_array());
    assert!(watch.event().await["object"]["columnDefinitions"].is_null());
    let missing = Call::new("GET", "/apis/none.example.com/v1/things?watch=1")
        .send(&sim)
        .await;
    assert_eq!(missing.status, 404);
}
