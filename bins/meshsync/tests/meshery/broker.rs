//! B1 to B5: what the original's own tests ask of the binary with a broker.

use serde_json::Value;

use crate::server::Server;
use crate::support::{World, ended};

const NO_ENDPOINTS: [&str; 4] = ["--probes-addr", "none", "--admin-addr", "none"];

async fn run(args: &[&str]) -> Option<(World, Server)> {
    let world = World::start(120).await?;
    let server = Server::connect(&world).await;
    let mut all = NO_ENDPOINTS.to_vec();
    all.extend(args);
    let ended = ended(world.agent(&all)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    Some((world, server))
}

fn objects(server: &Server) -> Vec<Value> {
    server.take(|database| {
        database
            .log
            .iter()
            .map(|(_, object)| object.clone())
            .collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_stop_after_ends_it_cleanly_and_messages_came() {
    let Some((world, server)) = run(&["--stopAfter", "4s"]).await else {
        return;
    };
    server
        .sees("messages", |database| !database.log.is_empty())
        .await;
    // N17: what was still on its way when it stopped arrived, too.
    server
        .equals(&world, "after the end", crate::server::by_default)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_output_resources_lets_only_those_through() {
    let Some((_world, server)) =
        run(&["--stopAfter", "4s", "--outputResources", "pod, replicaset"]).await
    else {
        return;
    };
    server
        .sees("both kinds and no other", |database| {
            database.kinds() == ["Pod", "ReplicaSet"]
        })
        .await;
    for object in objects(&server) {
        assert!(object["metadata"].is_object() && object["kind"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_output_namespaces_lets_only_their_objects_through() {
    let Some((_world, server)) =
        run(&["--stopAfter", "4s", "--outputNamespaces=agile-otter"]).await
    else {
        return;
    };
    server
        .sees("pods", |database| {
            database.kinds().contains(&"Pod".to_owned())
        })
        .await;
    for object in objects(&server) {
        assert_eq!(object["metadata"]["namespace"], "agile-otter", "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_the_flag_broker_url_is_ignored() {
    let args = ["--broker-url", "10.96.235.19:4222", "--stopAfter", "4s"];
    let Some((_world, server)) = run(&args).await else {
        return;
    };
    server
        .sees("messages", |database| !database.log.is_empty())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b5_a_resync_sends_everything_once_more() {
    let Some(world) = World::start(120).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&["--stopAfter", "60s"]);
    agent.synced().await;
    server
        .equals(&world, "at first", crate::server::by_default)
        .await;
    let rows = server.take(|database| {
        database.log.clear();
        std::mem::take(&mut database.rows).len()
    });
    server.request("resync-discovery", Value::Null).await;
    server
        .equals(&world, "after the resync", crate::server::by_default)
        .await;
    let log = server.take(|database| std::mem::take(&mut database.log));
    assert_eq!(log.len(), rows, "each object once");
    assert!(
        log.iter()
            .all(|(event, object)| event == "ADDED" && object["kind"].is_string())
    );
    assert_eq!(agent.stop().await, Some(0));
}
