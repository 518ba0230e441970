//! Logs of containers and shells in them, over the broker.

use futures::StreamExt;
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{Agent, DEADLINE, World};

const POD: &str = "nginx-deployment-abc-1";
const SESSION: &str = "exec.agile-otter.nginx-deployment-abc-1.nginx.7c1e";

async fn started(args: &[&str]) -> Option<(World, Agent, Server)> {
    let world = World::start(60).await?;
    let agent = world.run(args);
    agent.synced().await;
    let server = Server::connect(&world).await;
    Some((world, agent, server))
}

fn target(more: &Value) -> Value {
    let mut target = json!({
        "id": "7c1e", "name": POD, "namespace": "agile-otter", "container": "nginx",
    });
    for (key, value) in more.as_object().unwrap() {
        target[key] = value.clone();
    }
    json!({"any-key": target})
}

async fn subscribe(server: &Server, subject: &str) -> async_nats::Subscriber {
    let subscriber = server.client.subscribe(subject.to_owned()).await.unwrap();
    server.client.flush().await.unwrap();
    subscriber
}

/// The next message that is of interest.
async fn next(from: &mut async_nats::Subscriber, is_it: impl Fn(&Value) -> bool) -> Value {
    let find = async {
        loop {
            let message = from.next().await.unwrap();
            let message: Value = serde_json::from_slice(&message.payload).unwrap();
            if is_it(&message) {
                return message;
            }
        }
    };
    tokio::time::timeout(DEADLINE, find).await.unwrap()
}

/// N5, D41: the original crashes at every shell. U17: a second request for a
/// session that runs is none. U18: what was typed after its end goes nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn n5_a_shell_is_begun_typed_into_and_ended() {
    let Some((_world, agent, server)) = started(&[]).await else {
        return;
    };
    let mut output = subscribe(&server, SESSION).await;
    let mut active = subscribe(&server, "active_sessions.exec").await;
    for _ in 0..2 {
        server.request("exec-request", target(&json!({}))).await;
    }
    let list = next(&mut active, |list| list["Object"] == json!([SESSION])).await;
    assert_eq!(list["ObjectType"], "active-exec");
    let says = |text: &'static str| {
        move |message: &Value| {
            message["ObjectType"] == "exec-output"
                && message["Object"]
                    .as_str()
                    .is_some_and(|said| said.contains(text))
        }
    };
    next(&mut output, says("$ ")).await;
    let typed = json!({"ObjectType": "exec-input", "Object": "grüße €"});
    let input = format!("input.{SESSION}");
    server
        .client
        .publish(input, typed.to_string().into())
        .await
        .unwrap();
    next(&mut output, says("grüße €\r\n")).await;
    server
        .request("exec-request", target(&json!({"stop": true})))
        .await;
    // It is ended: the next request begins another one, and we are still there.
    meshsync_testkit::eventually("another one", DEADLINE, async || {
        server.request("exec-request", target(&json!({}))).await;
        let prompt = tokio::time::timeout(
            std::time::Duration::from_millis(300),
            next(&mut output, says("$ ")),
        );
        prompt.await.is_ok()
    })
    .await;
    assert!(!agent.log().contains("panicked"));
    assert_eq!(agent.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_and_ended() {
    let Some((world, agent, server)) = started(&[]).await else {
        return;
    };
    let mut logs = subscribe(&server, "meshery.meshsync.logs").await;
    let follow = json!({"follow": true, "taillines": 5});
    server.request("log-stream", target(&follow)).await;
    let last = |text: &'static str| {
        move |message: &Value| {
            let data = message["Object"]["data"].as_str();
            data.is_some_and(|data| data.contains(text))
        }
    };
    let first = next(&mut logs, last("zeile 95 größe €")).await;
    assert_eq!(first["ObjectType"], "log-stream");
    assert_eq!(first["EventType"], "ADDED");
    assert_eq!(first["Object"]["id"], "7c1e");
    assert_eq!(first["Object"]["primary"], POD);
    assert_eq!(first["Object"]["secondary"], "nginx");
    next(&mut logs, last("zeile 120")).await;
    let asked = world.sim.requests().all();
    let log = asked.iter().find(|r| r.path.ends_with("/log")).unwrap();
    for part in [
        "timestamps=true",
        "tailLines=5",
        "follow=true",
        "container=nginx",
    ] {
        assert!(log.query.contains(part), "{}", log.query);
    }
    server
        .request("log-stream", target(&json!({"stop": true})))
        .await;
    meshsync_testkit::eventually("it ends", DEADLINE, async || {
        let more = next(&mut logs, |_| true);
        tokio::time::timeout(std::time::Duration::from_millis(500), more)
            .await
            .is_err()
    })
    .await;
    assert_eq!(agent.stop().await, Some(0));
}

/// D50: the original's sessions have no limit.
#[tokio::test(flavor = "multi_thread")]
async fn there_are_32_sessions_at_most() {
    const MAX: usize = 32;
    let Some((_world, agent, server)) = started(&[]).await else {
        return;
    };
    let subject = |id: &str| format!("exec.agile-otter.{POD}.nginx.{id}");
    let mut active = subscribe(&server, "active_sessions.exec").await;
    for n in 0..MAX {
        let id = json!({"id": format!("s{n}")});
        server.request("exec-request", target(&id)).await;
    }
    let full = next(&mut active, |list| {
        list["Object"]
            .as_array()
            .is_some_and(|list| list.len() == MAX)
    });
    full.await;
    let mut output = subscribe(&server, &subject("one-more")).await;
    let one_more = json!({"id": "one-more"});
    server.request("exec-request", target(&one_more)).await;
    let refused = next(&mut output, |message| message["ObjectType"] == "error").await;
    let problem = refused["Object"].as_str().unwrap();
    assert_eq!(problem, "there are 32 sessions already");

    // Where one ends there is room for another.
    let stop = json!({"id": "s0", "stop": true});
    server.request("exec-request", target(&stop)).await;
    meshsync_testkit::eventually("room", DEADLINE, async || {
        server.request("exec-request", target(&one_more)).await;
        let answer = next(&mut output, |_| true).await;
        (answer["ObjectType"] == "exec-output").then_some(())
    })
    .await;
    assert_eq!(agent.stop().await, Some(0));
}

/// D49, D73: off is off, and another namespace is another namespace.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_given_only_where_they_are_allowed() {
    for args in [
        &["--enable-interactive=false"][..],
        &["--interactive-namespaces", "default,shop"],
    ] {
        let Some((world, agent, server)) = started(args).await else {
            return;
        };
        let mut output = subscribe(&server, SESSION).await;
        server.request("exec-request", target(&json!({}))).await;
        let refused = next(&mut output, |message| message["ObjectType"] == "error").await;
        assert!(
            refused["Object"].as_str().unwrap().contains("interactive"),
            "{refused}"
        );
        assert_eq!(world.sim.requests().count(|r| r.path.ends_with("/exec")), 0);
        assert_eq!(agent.stop().await, Some(0));
    }
}
