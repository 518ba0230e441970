//! From a cluster over the streams into a store, and the commands that ask.

use meshsync_testkit::NatsServer;
use serde_json::json;

use crate::support::{Cluster, DEADLINE, Ended, ended, line_with, lines, meshsync, run};

fn config_map(value: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "known", "namespace": "default", "labels": {"app": "web"}},
        "data": {"value": value},
    })
}

async fn ask(args: &[&str]) -> Ended {
    let ended = ended(meshsync(args)).await;
    ended.assert_code(0);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_replicated_and_asked() {
    let Some(nats) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let cluster = Cluster::start(100).await;
    cluster.sim.apply(config_map("1")).unwrap();
    let stream = nats.url().replacen("nats://", "jetstream://", 1);
    let mut agent = run(&cluster, &["--sink", &stream, "--sink", "stdout:"])
        .spawn()
        .unwrap();
    let mut said = lines(agent.stdout.take().unwrap());
    line_with(&mut said, r#""objects":"#).await;
    cluster.sim.apply(config_map("2")).unwrap();
    line_with(&mut said, r#""value":"2""#).await;

    let store = format!("store:{}", cluster.path("s.db").display());
    let replicate = ["replicate", "--from", &stream, "--to", &store, "--once"];
    // The agent's sinks are not in step: until the store has everything.
    let diff = ["diff", &store, &cluster.source()];
    meshsync_testkit::eventually("the store is whole", DEADLINE, async || {
        ask(&replicate).await;
        ask(&diff).await.stdout.is_empty()
    })
    .await;
    let table = ask(&[
        "get",
        "configmap",
        "-n",
        "default",
        "-l",
        "app=web",
        "--store",
        &store,
    ])
    .await;
    let table = table.stdout;
    assert!(
        table.starts_with("NAMESPACE") && table.contains("known"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 2, "{table}");
    let yaml = ask(&["get", "cm", "--store", &store]).await;
    assert!(yaml.stdout.is_empty() && yaml.stderr.contains("nothing found"));
    let yaml = ask(&[
        "get",
        "configmaps",
        "known",
        "-o",
        "yaml",
        "--store",
        &store,
    ])
    .await;
    assert!(
        yaml.stdout.starts_with("---\napiVersion: v1"),
        "{}",
        yaml.stdout
    );
    let sql = "select count(*) as n from labels where key = 'app' and value = 'web'";
    let found = ask(&["sql", sql, "--store", &store]).await.stdout;
    assert!(
        found.starts_with("n\n") && found.trim_end() != "n\n0",
        "{found}"
    );
    let refused = ended(meshsync(&["sql", "delete from object", "--store", &store])).await;
    refused.assert_code(1);
    refused.assert_says(&["only questions"]);

    cluster.sim.apply(config_map("3")).unwrap();
    let differs = ask(&diff).await.stdout;
    assert_eq!(
        differs,
        "~ configmaps default/known\n    data.value: \"2\" -> \"3\"\n"
    );

    let history = ["history", "configmap", "default/known", "--stream", &stream];
    let told = ask(&history).await.stdout;
    assert!(told.contains("configmaps default/known"), "{told}");
    let mut tail = meshsync(&["tail", "--from", "start", "--kind", "configmaps"])
        .args(["--namespace", "default", "--stream", &stream])
        .spawn()
        .unwrap();
    line_with(&mut lines(tail.stdout.take().unwrap()), "default/known").await;
    tail.kill().await.unwrap();
    let unsure = ended(meshsync(&["flush", "--stream", &stream])).await;
    unsure.assert_code(78);
    unsure.assert_says(&["--yes"]);
    agent.kill().await.unwrap();

    // What happened is forgotten after some time, and what is there is not.
    let client = async_nats::connect(nats.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.delete_stream("MESHSYNC_EVENTS").await.unwrap();
    let told = ask(&history).await.stdout;
    assert_eq!(told.lines().count(), 1, "{told}");
    let is_state = told.trim_start().starts_with("state ");
    assert!(
        is_state && told.contains("configmaps default/known"),
        "{told}"
    );
    let unknown = [
        "history",
        "configmap",
        "default/nowhere",
        "--stream",
        &stream,
    ];
    let told = ask(&unknown).await;
    assert!(told.stderr.contains("nothing is known"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_is_said_to_be_missing() {
    let ended = ended(meshsync(&["get", "pods", "--store", "store:/nowhere/x.db"])).await;
    ended.assert_code(78);
    ended.assert_says(&["/nowhere/x.db", "is it there"]);
}
