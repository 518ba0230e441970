//! What a Server ends up with, whatever happens to it, to the broker, and to us.

use std::sync::Arc;
use std::time::Instant;

use meshsync_testkit::{eventually, outage, seed};

use crate::server::{Server, by_default};
use crate::support::{DEADLINE, World, config_map, definition};

/// N8: a broker that is away for long, and everything that changed meanwhile, which is
/// more than the outbox takes. `cargo xtask soak` lets it last five minutes, when the
/// original has given up for good.
#[tokio::test(flavor = "multi_thread")]
async fn n8_a_broker_that_restarts_loses_nothing() {
    let Some(mut world) = World::start(250).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    let churn = world
        .sim
        .churn_seeded(200.0, seed("n8_a_broker_that_restarts_loses_nothing", 8));
    world.nats.stop();
    let away_since = Instant::now();
    world.apply(config_map("default", "born-while-away", "1"));
    world
        .sim
        .delete("", "pods", Some("agile-otter"), "nginx-deployment-abc-3")
        .unwrap();
    for at in 0..100 {
        let large = config_map("default", &format!("large-{at}"), &"x".repeat(100_000));
        world.apply(large);
    }
    let version = world.sim.resource_version();
    eventually("the cluster goes on", DEADLINE, async || {
        world.sim.resource_version() > version + 100
    })
    .await;
    eventually("it shows, and the outbox is full", DEADLINE, async || {
        let status = agent.status().await;
        let sink = &status["sinks"][0];
        sink["state"] == "away" && sink["outbox"]["refused"].as_u64() > Some(0)
    })
    .await;
    // A sleep, since its length is what is asked for; none unless it is.
    tokio::time::sleep(outage().saturating_sub(away_since.elapsed())).await;
    world.nats.restart().unwrap();
    churn.stop().await;
    server.equals(&world, "after the restart", by_default).await;
    assert_eq!(agent.probe("/readyz").await, 200);
    assert_eq!(agent.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_restarts_ends_in_the_clusters_state() {
    let Some(world) = World::start(250).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    agent.kill().await;
    world.apply(config_map("default", "while-we-were-away", "1"));
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "after the restart", by_default).await;
    assert_eq!(agent.stop().await, Some(0));
}

/// Core NATS keeps nothing for it; the store makes up for states, and the
/// Server's own flush for deletes.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_absent_asks_for_the_store() {
    let Some(world) = World::start(250).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    let database = Arc::clone(&server.database);
    drop(server);
    for at in 0..20 {
        world.apply(config_map("default", &format!("absent-{at}"), "1"));
    }
    let server = Server::with(&world, database).await;
    server.ask_for_store().await;
    server.equals(&world, "after its absence", by_default).await;
    assert_eq!(agent.stop().await, Some(0));
}

/// V2: a definition that comes and goes touches nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn v2_a_definition_is_added_and_removed() {
    let Some(world) = World::start(120).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    world.sim.requests().clear();
    world.apply(definition("example.com", "things", "Thing", &["v1"]));
    for at in 0..5 {
        world.apply(serde_json::json!({
            "apiVersion": "example.com/v1", "kind": "Thing",
            "metadata": {"name": format!("thing-{at}"), "namespace": "default"},
        }));
    }
    server.equals(&world, "with things", by_default).await;
    let name = "things.example.com";
    world
        .sim
        .delete(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            name,
        )
        .unwrap();
    server.equals(&world, "without them", by_default).await;
    for at in 0..5 {
        let events = server.take(|d| {
            let events = d.events("Thing", &format!("thing-{at}"));
            events.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        assert_eq!(events, ["ADDED", "DELETED"]);
    }
    // D26: the original lists everything again, twice.
    assert_eq!(world.sim.requests().count(|r| r.path.ends_with("/pods")), 0);
    assert_eq!(agent.stop().await, Some(0));
}

/// V1, T21: definitions that are touched all the time cost nothing.
#[tokio::test(flavor = "multi_thread")]
async fn v1_annotating_a_definition_restarts_nothing() {
    let Some(world) = World::start(80).await else {
        return;
    };
    world.apply(definition("example.com", "things", "Thing", &["v1"]));
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    let messages = server.take(|database| database.log.len());
    world.sim.requests().clear();
    for at in 0..5 {
        let patch = serde_json::json!({"metadata": {"annotations": {"k": at.to_string()}}});
        let name = "things.example.com";
        world
            .sim
            .patch(
                "apiextensions.k8s.io",
                "customresourcedefinitions",
                None,
                name,
                &patch,
            )
            .unwrap();
    }
    world.apply(config_map("default", "after", "1"));
    server
        .sees("what came after", |database| {
            !database.events("ConfigMap", "after").is_empty()
        })
        .await;
    assert_eq!(server.take(|database| database.log.len()), messages + 1);
    let lists = world.sim.requests().count(|r| {
        r.path != "/api" && r.path != "/apis" && !r.path.ends_with("customresourcedefinitions")
    });
    assert_eq!(lists, 0);
    assert_eq!(agent.stop().await, Some(0));
}

/// V3: one event for each thing that happens. U5, U6: and none for what is the
/// same; the delete carries what the key is made of.
#[tokio::test(flavor = "multi_thread")]
async fn v3_each_change_is_one_message() {
    let Some(world) = World::start(80).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    for value in ["1", "2", "3"] {
        world.apply(config_map("default", "v3", value));
        server
            .sees("the change", |d| {
                let last = d
                    .log
                    .iter()
                    .rev()
                    .find(|(_, o)| o["metadata"]["name"] == "v3");
                let data = last.and_then(|(_, o)| o["data"].as_str());
                data.is_some_and(|data| data.contains(value))
            })
            .await;
    }
    // A watch that breaks and a history that is forgotten: nothing is sent twice.
    world.sim.compact();
    world
        .sim
        .faults()
        .cut_watches(meshsync_sim::CutStyle::MidLine);
    world
        .sim
        .delete("", "configmaps", Some("default"), "v3")
        .unwrap();
    server
        .sees("the delete", |d| {
            d.events("ConfigMap", "v3").last() == Some(&"DELETED")
        })
        .await;
    let (events, last) = server.take(|d| {
        let events = d
            .events("ConfigMap", "v3")
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let last = d
            .log
            .iter()
            .rev()
            .find(|(_, o)| o["metadata"]["name"] == "v3");
        (events, last.unwrap().1.clone())
    });
    assert_eq!(events, ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]);
    assert_eq!(last["kind"], "ConfigMap");
    assert_eq!(last["cluster_id"], meshsync_sim::KUBE_SYSTEM_UID);
    assert_eq!(last["metadata"]["namespace"], "default");
    // V6: nothing went wrong on the way.
    assert!(
        !agent.log().contains("ERROR") && !agent.log().contains("panicked"),
        "{}",
        agent.log()
    );
    assert_eq!(agent.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_changes_end_in_the_clusters_state() {
    let Some(world) = World::start(500).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    let seed = seed("ten_thousand_changes_end_in_the_clusters_state", 10);
    let churn = world.sim.churn_seeded(4_000.0, seed);
    let version = world.sim.resource_version();
    eventually("ten thousand changes", DEADLINE, async || {
        world.sim.resource_version() > version + 10_000
    })
    .await;
    churn.stop().await;
    server
        .equals(&world, "after ten thousand changes", by_default)
        .await;
    assert_eq!(agent.stop().await, Some(0));
}

/// N6, N7, D25: resyncs one after the other with a forbidden kind, and a delete in
/// between: told once.
#[tokio::test(flavor = "multi_thread")]
async fn n6_n7_resyncs_do_not_lose_a_delete() {
    let Some(world) = World::start(80).await else {
        return;
    };
    let scope = meshsync_sim::FaultScope::resource("", "secrets").verbs(&["list", "watch"]);
    world
        .sim
        .faults()
        .fail(scope, meshsync_sim::Failure::status(403));
    world.apply(config_map("default", "n7", "1"));
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    server
        .sees("it", |d| !d.events("ConfigMap", "n7").is_empty())
        .await;
    for _ in 0..2 {
        let pods = server.take(|database| {
            let pods = database
                .log
                .iter()
                .filter(|(_, object)| object["kind"] == "Pod");
            pods.count()
        });
        server
            .request("resync-discovery", serde_json::Value::Null)
            .await;
        server
            .sees("pods once more", |database| {
                let again = database
                    .log
                    .iter()
                    .filter(|(_, object)| object["kind"] == "Pod");
                again.count() > pods
            })
            .await;
    }
    server
        .request("resync-discovery", serde_json::Value::Null)
        .await;
    world
        .sim
        .delete("", "configmaps", Some("default"), "n7")
        .unwrap();
    server
        .sees("the delete", |d| {
            d.events("ConfigMap", "n7").last() == Some(&"DELETED")
        })
        .await;
    let wanted = |group: &str, plural: &str| by_default(group, plural) && plural != "secrets";
    server.equals(&world, "in the end", wanted).await;
    let deletes = server.take(|d| {
        d.events("ConfigMap", "n7")
            .iter()
            .filter(|event| **event == "DELETED")
            .count()
    });
    assert_eq!(deletes, 1);
    assert_eq!(agent.stop().await, Some(0));
}
