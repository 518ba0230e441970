//! Requests over the broker.

use futures::StreamExt;
use meshsync_sim::{Failure, FaultScope};
use serde_json::{Value, json};

use crate::server::{Server, by_default};
use crate::support::{DEADLINE, World, config_map};

/// U16, T13: what a Server that connects late is sent: batches of one to five, of
/// everything there is.
#[tokio::test(flavor = "multi_thread")]
async fn u16_a_server_that_comes_late_is_given_the_store() {
    let Some(world) = World::start(300).await else {
        return;
    };
    let agent = world.run(&[]);
    agent.synced().await;
    let server = Server::connect(&world).await;
    server.ask_for_store().await;
    server
        .equals(&world, "from the store alone", by_default)
        .await;
    let (batches, rows, log) = server.take(|d| (d.batches, d.rows.len(), d.log.clone()));
    assert!(batches >= rows / 5, "{batches} batches of {rows} objects");
    assert!(log.iter().all(|(event, _)| event == "STORE"));
    for (_, object) in &log {
        assert!(
            object["metadata"]["uid"].is_string() && object["kind"].is_string(),
            "{object}"
        );
    }
    assert_eq!(agent.stop().await, Some(0));
}

/// N13: resources that are forbidden or missing do not hold up the answer.
#[tokio::test(flavor = "multi_thread")]
async fn n13_a_forbidden_resource_does_not_hold_up_the_store() {
    let Some(world) = World::start(100).await else {
        return;
    };
    for (group, plural, code) in [("", "secrets", 403), ("apps", "daemonsets", 500)] {
        let scope = FaultScope::resource(group, plural).verbs(&["list", "watch"]);
        world.sim.faults().fail(scope, Failure::status(code));
    }
    // First the listener: core NATS keeps nothing for one that comes later.
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    server
        .sees("pods", |d| d.kinds().contains(&"Pod".to_owned()))
        .await;
    let late = Server::connect(&world).await;
    let wanted = |group: &str, plural: &str| {
        by_default(group, plural) && !["secrets", "daemonsets"].contains(&plural)
    };
    server.equals(&world, "all others", wanted).await;
    late.ask_for_store().await;
    late.equals(&world, "from the store", wanted).await;
    let status = agent.status().await;
    let resources = status["resources"].as_array().unwrap();
    let secrets = resources
        .iter()
        .find(|r| r["resource"] == "secrets")
        .unwrap();
    assert_eq!(secrets["state"], "forbidden");
    assert_eq!(agent.stop().await, Some(0));
}

/// D74: objects are not sent wherever somebody likes.
#[tokio::test(flavor = "multi_thread")]
async fn replies_go_only_to_allowed_subjects() {
    let Some(world) = World::start(60).await else {
        return;
    };
    let agent = world.run(&["--reply-subjects", "meshery-server.>,mine.*"]);
    agent.synced().await;
    let server = Server::connect(&world).await;
    let mut other = server.client.subscribe("elsewhere").await.unwrap();
    let mut mine = server.client.subscribe("mine.store").await.unwrap();
    server
        .request("informer-store", json!({"Reply": "elsewhere"}))
        .await;
    server
        .request("informer-store", json!({"reply": "mine.store"}))
        .await;
    let message = tokio::time::timeout(DEADLINE, mine.next())
        .await
        .unwrap()
        .unwrap();
    let message: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(message["ObjectType"], "");
    // It was asked first, and nothing has come.
    let none = futures::FutureExt::now_or_never(other.next());
    assert!(none.is_none());
    assert!(agent.log().contains("elsewhere"));
    assert_eq!(agent.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_ignored_and_the_version_is_told() {
    let Some(world) = World::start(60).await else {
        return;
    };
    let agent = world.run(&[]);
    agent.synced().await;
    let server = Server::connect(&world).await;
    let mut meta = server.client.subscribe("meshsync-meta").await.unwrap();
    for nonsense in [
        "",
        "nonsense",
        "{}",
        r#"{"Request":null}"#,
        r#"{"Request":{"Entity":"x"}}"#,
    ] {
        let subject = "meshery.meshsync.request";
        server
            .client
            .publish(subject, nonsense.into())
            .await
            .unwrap();
    }
    server.request("meshsync-meta", Value::Null).await;
    let message = tokio::time::timeout(DEADLINE, meta.next())
        .await
        .unwrap()
        .unwrap();
    let message: Value = serde_json::from_slice(&message.payload).unwrap();
    assert!(
        message["Object"].as_str().unwrap().starts_with('v'),
        "{message}"
    );
    assert_eq!(agent.stop().await, Some(0));
}

/// A store that is asked for while everything changes never brings back what is
/// gone, nor an older state.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_during_churn_ends_in_the_clusters_state() {
    let Some(world) = World::start(400).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    let seed = meshsync_testkit::seed("a_store_during_churn_ends_in_the_clusters_state", 5);
    let churn = world.sim.churn_seeded(400.0, seed);
    for round in 0..4 {
        server.ask_for_store().await;
        let batches = server.take(|database| database.batches);
        world.apply(config_map("default", "round", &round.to_string()));
        server
            .sees("batches", |database| database.batches > batches + 10)
            .await;
    }
    churn.stop().await;
    server.equals(&world, "after churn", by_default).await;
    assert!(server.take(|database| database.rows.len()) > 0);
    assert_eq!(agent.stop().await, Some(0));
}
