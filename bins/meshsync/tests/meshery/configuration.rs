//! The custom resource, before the start and while running.

use meshsync_testkit::eventually;

use crate::server::{Server, by_default};
use crate::support::{DEADLINE, World, config_map, definition, meshsync, meshsync_definition};

const GROUP: &str = "meshery.io";

async fn configured(whitelist: &str, blacklist: &str) -> Option<World> {
    let world = World::start(150).await?;
    world.apply(meshsync_definition(GROUP));
    world.apply(meshsync(GROUP, whitelist, blacklist));
    Some(world)
}

fn only<'a>(plurals: &'a [&'a str]) -> impl Fn(&str, &str) -> bool {
    move |group, plural| plurals.contains(&plural) || group == GROUP
}

/// N15, V5 and more: the lists are edited, and only the watches that change are
/// touched.
#[tokio::test(flavor = "multi_thread")]
async fn n15_an_edit_of_the_resource_is_in_force_without_a_restart() {
    let pods = r#"[{"Resource":"pods.v1."},{"Resource":"configmaps.v1.","Events":[]}]"#;
    let Some(world) = configured(pods, "").await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    let first = only(&["pods", "configmaps"]);
    server.equals(&world, "by the first list", first).await;
    world.sim.requests().clear();
    let jobs = r#"[{"Resource":"job.v1.batch"},{"Resource":"configmaps.v1."}]"#;
    world.apply(meshsync(GROUP, jobs, ""));
    let second = only(&["jobs", "configmaps"]);
    server.equals(&world, "by the second list", second).await;
    let again = world
        .sim
        .requests()
        .count(|r| r.path.ends_with("/configmaps"));
    assert_eq!(again, 0, "what stays is not listed again");
    // N2: what cannot be understood changes nothing and is told.
    world.apply(meshsync(GROUP, r#"[{"Resource":"#, ""));
    eventually("the error shows", DEADLINE, async || {
        let status = agent.status().await;
        let error = status["configuration"]["error"].as_str()?.to_owned();
        error.contains("Resource").then_some(())
    })
    .await;
    assert!(
        agent
            .metrics()
            .await
            .contains("meshsync_configuration_refused 1")
    );
    world.apply(config_map("default", "after-the-error", "1"));
    server
        .equals(
            &world,
            "with the last good list",
            only(&["jobs", "configmaps"]),
        )
        .await;
    // Without the resource the defaults are back.
    world
        .sim
        .delete(GROUP, "meshsyncs", Some("meshery"), "meshery-meshsync")
        .unwrap();
    server.equals(&world, "by the defaults", by_default).await;
    assert!(agent.status().await["configuration"]["error"].is_null());
    assert_eq!(agent.stop().await, Some(0));
}

/// N1: the original discovers nothing with any blacklist.
#[tokio::test(flavor = "multi_thread")]
async fn n1_a_blacklist_leaves_out_what_it_names_and_nothing_else() {
    let Some(world) = configured("", r#"["secrets.v1."]"#).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server
        .sees("pods and roles", |database| {
            let kinds = database.kinds();
            kinds.contains(&"Pod".to_owned()) && kinds.contains(&"Role".to_owned())
        })
        .await;
    assert!(!server.take(|database| database.kinds().contains(&"Secret".to_owned())));
    assert_eq!(agent.stop().await, Some(0));
}

/// N2, N4: malformed from the first moment on, and a resource that says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn n2_n4_a_malformed_or_empty_resource_leaves_the_defaults() {
    let Some(world) = configured("nonsense", "").await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "by the defaults", by_default).await;
    let error = agent.status().await["configuration"]["error"].to_string();
    assert!(error.contains("nonsense"), "{error}");
    let mut empty = meshsync(GROUP, "", "");
    empty["spec"] = serde_json::Value::Null;
    world.apply(empty);
    eventually("the error is gone", DEADLINE, async || {
        agent.status().await["configuration"]["error"].is_null()
    })
    .await;
    server
        .equals(&world, "by the defaults still", by_default)
        .await;
    assert_eq!(agent.stop().await, Some(0));
}

/// N3: kinds the original cannot be told to observe.
#[tokio::test(flavor = "multi_thread")]
async fn n3_any_resource_the_server_offers_can_be_named() {
    let list = r#"[{"Resource":"jobs.v1.batch"},{"Resource":"things.v1.example.com"},{"Resource":"*.v1.apps"}]"#;
    let Some(world) = configured(list, r#"["*.meshery.io"]"#).await else {
        return;
    };
    world.apply(definition("example.com", "things", "Thing", &["v1"]));
    world.apply(serde_json::json!({
        "apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": "one", "namespace": "default"}, "spec": null,
    }));
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    let wanted =
        |group: &str, plural: &str| plural == "jobs" || group == "apps" || group == "example.com";
    server.equals(&world, "by the list", wanted).await;
    assert_eq!(agent.stop().await, Some(0));
}

/// The definition and the resource appear after the start, in the old group.
#[tokio::test(flavor = "multi_thread")]
async fn the_resource_may_appear_later_and_be_of_the_old_group() {
    let Some(world) = World::start(100).await else {
        return;
    };
    let old = "meshery.layer5.io";
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "by the defaults", by_default).await;
    world.apply(meshsync_definition(old));
    world.apply(meshsync(old, r#"[{"Resource":"pods.v1."}]"#, ""));
    let wanted = |group: &str, plural: &str| plural == "pods" || group == old;
    server.equals(&world, "by the list", wanted).await;
    world
        .sim
        .delete(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            "meshsyncs.meshery.layer5.io",
        )
        .unwrap();
    server
        .equals(&world, "by the defaults again", by_default)
        .await;
    // T31: it is only ever read.
    let writes = world.sim.requests().count(|r| r.method != "GET");
    assert_eq!(writes, 0);
    assert_eq!(agent.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn discover_all_observes_everything_and_events_are_filtered_where_named() {
    let list = r#"[{"Resource":"configmaps.v1.","Events":["MODIFIED","DELETED"]}]"#;
    let Some(world) = configured(list, "").await else {
        return;
    };
    let server = Server::connect(&world).await;
    let agent = world.run(&["--discover", "all"]);
    agent.synced().await;
    server
        .sees("kinds that are in no list", |database| {
            let kinds = database.kinds();
            ["Role", "ServiceAccount", "Pod"]
                .iter()
                .all(|kind| kinds.contains(&(*kind).to_owned()))
        })
        .await;
    assert!(!server.take(|database| database.kinds().contains(&"ConfigMap".to_owned())));
    world.apply(config_map("default", "filtered", "1"));
    world.apply(config_map("default", "filtered", "2"));
    server
        .sees("the modification alone", |database| {
            database.events("ConfigMap", "filtered") == ["MODIFIED"]
        })
        .await;
    world
        .sim
        .delete("", "configmaps", Some("default"), "filtered")
        .unwrap();
    server
        .sees("and the delete", |database| {
            database.events("ConfigMap", "filtered") == ["MODIFIED", "DELETED"]
        })
        .await;
    assert_eq!(agent.stop().await, Some(0));
}
