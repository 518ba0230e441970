//! Logs and commands, in the namespaces that have the Roles for them and in no other.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;

use meshsync_sim::Sim;
use meshsync_testkit::{NatsServer, eventually};
use serde_json::{Value, json};

use crate::cluster::{Cluster, DEADLINE, granted, needed};
use crate::manifests::kustomize;

/// As `kubectl apply --namespace shop` does.
fn in_shop(folder: &str) -> Option<Vec<Value>> {
    let mut objects = kustomize(folder)?;
    for object in &mut objects {
        object["metadata"]["namespace"] = "shop".into();
    }
    Some(objects)
}

async fn ask(client: &async_nats::Client, entity: &str, namespace: &str) {
    let container = json!({
        "id": "1", "name": "a-pod", "namespace": namespace, "container": "main", "taillines": 1,
    });
    let request = json!({"Request": {"Entity": entity, "Payload": {"one": container}}});
    let subject = "meshery.meshsync.request";
    client
        .publish(subject, request.to_string().into())
        .await
        .unwrap();
    client.flush().await.unwrap();
}

async fn check(folder: &str, entity: &str, subresource: &str) {
    let Some(nats) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let (Some(base), Some(roles)) = (kustomize("base"), in_shop(folder)) else {
        return;
    };
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let objects = [&base[..], &[shop], &roles[..]].concat();
    let cluster = Cluster::of(Sim::builder(), &objects).await;
    let sink = format!("--sink={}", nats.url());
    let _agent = cluster.start_with(&objects, &["--enable-interactive", &sink]);
    let client = async_nats::connect(nats.url()).await.unwrap();
    let answer = |namespace: &str| {
        let end = format!("/namespaces/{namespace}/pods/a-pod/{subresource}");
        let requests = cluster.requests(&objects);
        let found = requests.iter().find(|request| request.path.ends_with(&end));
        found.map(|request| request.status)
    };
    for (namespace, is_permitted) in [("shop", true), ("default", false)] {
        let status = eventually("the server is asked", DEADLINE, async || {
            // Until it has subscribed nobody hears.
            ask(&client, entity, namespace).await;
            answer(namespace)
        })
        .await;
        // There is no such pod; who may not ask is not told so.
        assert_eq!(status, if is_permitted { 404 } else { 403 }, "{namespace}");
    }
    let requests = cluster.requests(&objects);
    let used: BTreeSet<_> = requests.iter().filter_map(needed).collect();
    for permission in granted(&roles) {
        // A server from 1.35 on asks for `create` too where a WebSocket opens a command.
        let of_newer_servers = permission.0 == "create" && permission.2 == "pods/exec";
        assert!(
            used.contains(&permission) || of_newer_servers,
            "{permission:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_read_where_the_role_is() {
    check("logs", "log-stream", "log").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_run_where_the_role_is() {
    check("exec", "exec-request", "exec").await;
}
