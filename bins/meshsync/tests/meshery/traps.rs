//! Traps of the contract that no behaviour of the original's own tests touches.

use meshsync_sim::{Failure, FaultScope, Generate, Sim};
use meshsync_testkit::eventually;
use serde_json::{Value, json};

use crate::server::{Server, by_default};
use crate::support::{DEADLINE, World};

/// T8: the cluster's identity is asked for until it is known, and nothing leaves
/// before: the Server would keep it under a cluster that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn t8_nothing_is_published_before_the_identity_is_known() {
    let Some(world) = World::start(60).await else {
        return;
    };
    let identity = FaultScope::resource("", "namespaces").verbs(&["get"]);
    let faults = world.sim.faults();
    faults.fail(identity.clone(), Failure::status(403).times(1));
    faults.fail(identity, Failure::status(503).times(1));
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    assert!(
        agent.log().contains("waiting for a source"),
        "{}",
        agent.log()
    );
    server.equals(&world, "with its identity", by_default).await;
    let log = server.take(|database| std::mem::take(&mut database.log));
    for (_, object) in &log {
        assert_eq!(object["cluster_id"], meshsync_sim::KUBE_SYSTEM_UID);
    }
    // Whoever asks for it is asked again, and no list before it is answered.
    let asked = world.sim.requests().all();
    let lists = asked.iter().position(|r| r.path == "/api/v1/pods").unwrap();
    let before = &asked[..lists];
    let identities = before.iter().filter(|r| r.path.ends_with("/kube-system"));
    assert!(identities.count() >= 3);
    assert_eq!(agent.stop().await, Some(0));
}

/// T15: of several agents one answers a request.
#[tokio::test(flavor = "multi_thread")]
async fn t15_a_request_is_answered_once() {
    let Some(world) = World::start(60).await else {
        return;
    };
    let agents = [world.run(&[]), world.run(&[])];
    for agent in &agents {
        agent.synced().await;
    }
    let server = Server::connect(&world).await;
    let mut meta = server.client.subscribe("meshsync-meta").await.unwrap();
    for _ in 0..10 {
        server.request("meshsync-meta", Value::Null).await;
    }
    // Both have had what came before, so that nothing is on its way behind this.
    server.ask_for_store().await;
    server.equals(&world, "the store", by_default).await;
    let mut answers = 0;
    while answers < 10 {
        let next = tokio::time::timeout(DEADLINE, futures::StreamExt::next(&mut meta)).await;
        assert!(next.unwrap().is_some());
        answers += 1;
    }
    let more = futures::FutureExt::now_or_never(futures::StreamExt::next(&mut meta));
    assert!(more.is_none(), "an eleventh answer");
    for agent in agents {
        assert_eq!(agent.stop().await, Some(0));
    }
}

/// T35: a first list that takes its time holds up neither probes nor requests.
#[tokio::test(flavor = "multi_thread")]
async fn t35_probes_and_requests_are_answered_during_the_first_list() {
    let Some(world) = World::of(Sim::builder().generate(Generate::objects(2_000))).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let mut meta = server.client.subscribe("meshsync-meta").await.unwrap();
    server.client.flush().await.unwrap();
    world.sim.faults().pace(Some(20_000));
    let agent = world.run(&[]);
    eventually("some of it is there", DEADLINE, async || {
        server.take(|database| database.rows.len()) > 20
    })
    .await;
    eventually("alive and ready", DEADLINE, async || {
        agent.probe("/healthz").await == 200 && agent.probe("/readyz").await == 200
    })
    .await;
    server.request("meshsync-meta", Value::Null).await;
    let answer = tokio::time::timeout(DEADLINE, futures::StreamExt::next(&mut meta)).await;
    assert!(answer.unwrap().is_some());
    assert_eq!(agent.status().await["synced"], false, "the list still runs");
    world.sim.faults().pace(None);
    agent.synced().await;
    server.equals(&world, "in the end", by_default).await;
    assert_eq!(agent.stop().await, Some(0));
}

/// T29, T34: a log without `taillines` has no past; dots in a pod's name are more
/// tokens, and a container without a name is still one.
#[tokio::test(flavor = "multi_thread")]
async fn t29_t34_targets_are_taken_as_they_are() {
    let Some(world) = World::start(60).await else {
        return;
    };
    world.apply(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a.b", "namespace": "default"}, "spec": {}, "status": {},
    }));
    let agent = world.run(&[]);
    agent.synced().await;
    let server = Server::connect(&world).await;
    let mut active = server
        .client
        .subscribe("active_sessions.exec")
        .await
        .unwrap();
    server.client.flush().await.unwrap();
    let target = json!({"x": {"id": "1", "name": "a.b", "namespace": "default"}});
    server.request("log-stream", target.clone()).await;
    eventually("the log is asked for", DEADLINE, async || {
        let asked = world.sim.requests().all();
        let log = asked.iter().find(|r| r.path.ends_with("/pods/a.b/log"))?;
        (log.query_value("tailLines")? == "0" && log.query_value("timestamps")? == "true")
            .then_some(())
    })
    .await;
    server.request("exec-request", target).await;
    let list = tokio::time::timeout(DEADLINE, futures::StreamExt::next(&mut active)).await;
    let list: Value = serde_json::from_slice(&list.unwrap().unwrap().payload).unwrap();
    let ids: Vec<&str> = list["Object"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(ids.contains(&"exec.default.a.b._.1"), "{ids:?}");
    assert_eq!(agent.stop().await, Some(0));
}
