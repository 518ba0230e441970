//! All that may happen to a Server, one after the other, with deletes in each.

use meshsync_sim::{Generate, Sim};
use meshsync_testkit::{NatsServer, eventually, seed};
use serde_json::json;

use crate::server::{Server, by_default};
use crate::support::{
    DEADLINE, TOKEN, World, config_map, definition, meshsync, meshsync_definition,
};

const DURABLE: (&str, &str) = ("BROKER_DURABLE", "true");

/// Changes of every kind for a while, and a delete of something it has.
async fn churn(world: &World, changes: u64, seed: u64) {
    let churn = world.sim.churn_seeded(2_000.0, seed);
    let version = world.sim.resource_version();
    eventually("changes", DEADLINE, async || {
        world.sim.resource_version() > version + changes
    })
    .await;
    churn.stop().await;
}

/// Start, broker restart, agent restart, the Server's own absence, an edit of the
/// custom resource, a definition added and removed, 10,000 changes: after each it has
/// exactly the cluster's objects.
#[tokio::test(flavor = "multi_thread")]
async fn after_each_of_seven_things_the_server_has_exactly_the_clusters_objects() {
    let nats = NatsServer::builder().token(TOKEN).monitoring().jetstream();
    let Some(nats) = nats.start_or_skip() else {
        return;
    };
    let sim = Sim::builder().generate(Generate::objects(300));
    let Some(mut world) = World::with(sim, nats).await else {
        return;
    };
    let seed = seed("after_each_of_seven_things", 7);
    world.apply(meshsync_definition("meshery.io"));
    world.apply(config_map("default", "doomed-1", "1"));
    world.apply(config_map("default", "doomed-2", "1"));
    world.apply(config_map("default", "doomed-3", "1"));
    let delete = |world: &World, name: &str| {
        let sim = &world.sim;
        sim.delete("", "configmaps", Some("default"), name).unwrap();
    };
    let server = Server::connect(&world).await;
    let agent = world.run_with(&[], &[DURABLE]);
    agent.synced().await;
    server.equals(&world, "1: start", by_default).await;

    world.nats.stop();
    delete(&world, "doomed-1");
    churn(&world, 200, seed).await;
    world.nats.restart().unwrap();
    server.equals(&world, "2: broker restart", by_default).await;

    agent.kill().await;
    delete(&world, "doomed-2");
    churn(&world, 200, seed + 1).await;
    let agent = world.run_with(&[], &[DURABLE]);
    agent.synced().await;
    server.equals(&world, "3: agent restart", by_default).await;

    // It reads on in the stream, and asks for the store as always.
    let (position, database) = (server.position().await, server.database.clone());
    drop(server);
    delete(&world, "doomed-3");
    churn(&world, 200, seed + 2).await;
    let server = Server::after_absence(&world, database, position).await;
    server.ask_for_store().await;
    server
        .equals(&world, "4: its own absence", by_default)
        .await;

    let list = r#"[{"Resource":"pods.v1."},{"Resource":"configmaps.v1."}]"#;
    world.apply(meshsync("meshery.io", list, ""));
    let listed = |group: &str, plural: &str| {
        ["pods", "configmaps"].contains(&plural)
            || by_default(group, plural) && group.contains('.') && !group.ends_with("k8s.io")
    };
    server.equals(&world, "5: an edit", listed).await;

    world.apply(definition("example.com", "things", "Thing", &["v1"]));
    world.apply(json!({
        "apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": "one", "namespace": "default"},
    }));
    server.equals(&world, "6: a definition", listed).await;
    let sees = server.take(|d| d.events("Thing", "one").len());
    assert_eq!(sees, 1);
    let (group, plural) = ("apiextensions.k8s.io", "customresourcedefinitions");
    let name = "things.example.com";
    world.sim.delete(group, plural, None, name).unwrap();
    server.equals(&world, "6: none", listed).await;

    churn(&world, 10_000, seed + 3).await;
    server.equals(&world, "7: 10,000 changes", listed).await;
    assert_eq!(agent.stop().await, Some(0));
}
