//! What the original would fail.

use futures::StreamExt;
use meshsync_sim::{CutStyle, Disturbance, Failure, FaultScope, Generate, Sim};
use meshsync_testkit::{NatsServer, eventually};
use serde_json::{Value, json};

use crate::server::{Database, Server, by_default};
use crate::support::{DEADLINE, TOKEN, World, config_map, definition};

/// N7, D24: deleted while nobody ran; told once, with a folder to remember in.
#[tokio::test(flavor = "multi_thread")]
async fn n7_deletes_while_the_agent_was_away_are_told_once() {
    let Some(world) = World::start(120).await else {
        return;
    };
    let state = world.path("state").display().to_string();
    deletes_are_told_once(world, ("MESHSYNC_STATE_DIR", &state)).await;
}

/// N7 without a volume: a broker with JetStream remembers.
#[tokio::test(flavor = "multi_thread")]
async fn n7_a_durable_broker_remembers_what_was_published() {
    let nats = NatsServer::builder().token(TOKEN).monitoring().jetstream();
    let Some(nats) = nats.start_or_skip() else {
        return;
    };
    let world = Sim::builder().generate(Generate::objects(120));
    let Some(world) = World::with(world, nats).await else {
        return;
    };
    deletes_are_told_once(world, ("BROKER_DURABLE", "true")).await;
}

async fn deletes_are_told_once(mut world: World, memory: (&str, &str)) {
    world.apply(definition("example.com", "things", "Thing", &["v1"]));
    world.apply(json!({
        "apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": "thing", "namespace": "default"},
    }));
    world.apply(config_map("default", "doomed", "1"));
    world.apply(config_map("default", "reborn", "1"));
    let run = |world: &World| world.run_with(&[], &[memory]);
    let server = Server::connect(&world).await;
    let agent = run(&world);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    agent.kill().await;
    for name in ["doomed", "reborn"] {
        world
            .sim
            .delete("", "configmaps", Some("default"), name)
            .unwrap();
    }
    world.apply(config_map("default", "reborn", "2"));
    let things = "things.example.com";
    world
        .sim
        .delete(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            things,
        )
        .unwrap();
    server.take(|database| database.log.clear());
    // The broker is away, too, and comes back after the agent.
    world.nats.stop();
    let agent = run(&world);
    eventually("the agent waits for it", DEADLINE, async || {
        agent.status().await["sinks"][0]["state"] == "away"
    })
    .await;
    world.nats.restart().unwrap();
    agent.synced().await;
    server.equals(&world, "after the restart", by_default).await;
    let events = |kind: &str, name: &str| {
        server.take(|d| {
            d.events(kind, name)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(events("ConfigMap", "doomed"), ["DELETED"]);
    assert_eq!(events("Thing", "thing"), ["DELETED"]);
    assert_eq!(events("ConfigMap", "reborn"), ["ADDED"]);
    assert_eq!(agent.stop().await, Some(0));
    // And not again.
    server.take(|database| database.log.clear());
    let agent = run(&world);
    agent.synced().await;
    server.equals(&world, "after another", by_default).await;
    assert!(server.take(|d| d.log.iter().all(|(event, _)| event == "ADDED")));
    assert_eq!(agent.stop().await, Some(0));
}

/// N7: what is remembered is gone only when a complete list does not show it: not
/// where it may not be listed, nor where the list breaks off.
#[tokio::test(flavor = "multi_thread")]
async fn n7_a_list_that_fails_or_breaks_off_at_the_start_tells_no_delete() {
    let Some(world) = World::start(120).await else {
        return;
    };
    for at in 0..30 {
        world.apply(json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": format!("set-{at}"), "namespace": "default"},
            "spec": {"serviceName": "x".repeat(200)},
        }));
    }
    world.apply(secret());
    world.apply(config_map("default", "doomed", "1"));
    let state = world.path("state").display().to_string();
    let memory = [("MESHSYNC_STATE_DIR", state.as_str())];
    let server = Server::connect(&world).await;
    let agent = world.run_with(&[], &memory);
    agent.synced().await;
    server.equals(&world, "at first", by_default).await;
    agent.kill().await;

    let sim = &world.sim;
    let gone = [
        ("", "configmaps", "doomed"),
        ("", "secrets", "known"),
        ("apps", "statefulsets", "set-7"),
    ];
    for (group, plural, name) in gone {
        sim.delete(group, plural, Some("default"), name).unwrap();
    }
    let secrets = FaultScope::resource("", "secrets").verbs(&["list", "watch"]);
    sim.faults().fail(secrets, Failure::status(403));
    let sets = FaultScope::resource("apps", "statefulsets").verbs(&["list", "watch"]);
    let cut = Disturbance::CutAfter {
        bytes: 3_000,
        style: CutStyle::MidLine,
    };
    sim.faults().disturb(sets, cut);
    sim.requests().clear();
    server.take(|database| database.log.clear());
    let agent = world.run_with(&[], &memory);
    server
        .sees("the delete that is certain", |d| {
            d.events("ConfigMap", "doomed") == ["DELETED"]
        })
        .await;
    eventually("lists were tried", DEADLINE, async || {
        let tries = |path: &str| sim.requests().count(|r| r.path.ends_with(path));
        tries("/statefulsets") >= 3 && tries("/secrets") >= 1
    })
    .await;
    let deletes = |kind: &str| {
        server.take(|d| {
            let deleted = d.log.iter().filter(|(event, _)| event == "DELETED");
            let of_kind = deleted.filter(|(_, object)| object["kind"] == kind);
            of_kind
                .map(|(_, object)| object["metadata"]["name"].to_string())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(deletes("Secret"), Vec::<String>::new());
    assert_eq!(deletes("StatefulSet"), Vec::<String>::new());

    sim.faults().heal_all();
    server
        .equals(&world, "once all can be read", by_default)
        .await;
    assert_eq!(deletes("Secret"), [r#""known""#]);
    assert_eq!(deletes("StatefulSet"), [r#""set-7""#]);
    assert_eq!(agent.stop().await, Some(0));
}

/// N9: an object above what the broker takes.
#[tokio::test(flavor = "multi_thread")]
async fn n9_an_object_above_max_payload_arrives_in_parts() {
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    world.apply(config_map("default", "large", &"x".repeat(1_500_000)));
    world.apply(config_map("default", "small", "1"));
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server
        .equals(&world, "the large one included", by_default)
        .await;
    let late = Server::connect(&world).await;
    late.ask_for_store().await;
    late.equals(&world, "in the store, too", by_default).await;
    let cut = server.take(|d| {
        let large = d.rows.iter().find(|(key, _)| key[4] == "large").unwrap();
        large.1["metadata"]["annotations"].to_string()
    });
    assert!(
        cut.contains("meshsync.io/cut") && cut.contains("data/value"),
        "{cut}"
    );
    let log = agent.log();
    assert!(
        log.contains("default/large") && log.contains("max_payload"),
        "{log}"
    );
    assert!(agent.status().await["sinks"][0]["cut"].as_u64() >= Some(1));
    assert!(agent.metrics().await.contains("meshsync_sink_cut_total"));
    assert_eq!(agent.stop().await, Some(0));
}

/// N10, D64: load balancers that nobody answers at hold up nothing.
#[tokio::test(flavor = "multi_thread")]
async fn n10_unreachable_load_balancers_delay_nobody() {
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    for at in 0..100 {
        world.apply(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": format!("lb-{at}"), "namespace": "default"},
            "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1",
                     "ports": [{"port": 80, "nodePort": 30080}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
        }));
    }
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "all services", by_default).await;
    let urls = server.take(|d| {
        let row = d.rows.iter().find(|(key, _)| key[4] == "lb-7").unwrap();
        row.1["component_metadata"]["capabilities"]["urls"].clone()
    });
    assert_eq!(urls, json!(["http://192.0.2.1:80", "http://10.0.0.1:80"]));
    assert_eq!(agent.stop().await, Some(0));
}

fn secret() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "known", "namespace": "default", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration":
                "{\"data\":{\"password\":\"aHVudGVyMg==\"},\"kind\":\"Secret\"}",
        }},
        "data": {"password": "aHVudGVyMg=="},
    })
}

/// U10, U11, N11: what leaves and what does not.
#[tokio::test(flavor = "multi_thread")]
async fn u11_n11_secrets_leave_only_where_somebody_says_so() {
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    world.apply(secret());
    for (value, plain) in [
        ("", false),
        ("true", false),
        ("1", false),
        ("false", true),
        ("0", true),
    ] {
        let server = Server::connect(&world).await;
        let agent = world.run_with(&[], &[("MESHSYNC_REDACT_SECRETS", value)]);
        agent.synced().await;
        server
            .equals(&world, "the secret included", by_default)
            .await;
        let row = server.take(|d| {
            let row = d.rows.iter().find(|(key, _)| key[4] == "known").unwrap();
            row.1.to_string()
        });
        assert_eq!(row.contains("aHVudGVyMg=="), plain, "{value:?}");
        assert!(row.contains("password") && !row.contains("managedFields"));
        drop(server);
        assert_eq!(agent.stop().await, Some(0));
    }
}

/// N16, D10: what has neither spec nor status; and N18, D72: what a tenant names
/// like our fields.
#[tokio::test(flavor = "multi_thread")]
async fn n16_n18_content_arrives_in_records_and_nothing_is_taken_for_ours() {
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    world.apply(definition("example.com", "things", "Thing", &["v1"]));
    world.apply(json!({
        "apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": "sly", "namespace": "default"},
        "id": "mine", "model": "mine", "pattern_resource": "mine",
        "component_metadata": {"capabilities": {"connection": true, "urls": ["http://evil"]}},
        "spec": {"id": "mine"}, "status": null,
    }));
    world.apply(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }));
    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server.equals(&world, "all", by_default).await;
    let sly = server.take(|d| {
        d.rows
            .iter()
            .find(|(key, _)| key[4] == "sly")
            .unwrap()
            .1
            .clone()
    });
    assert_eq!(sly["component_metadata"], Value::Null);
    assert_eq!(sly["pattern_resource"], Value::Null);
    assert_eq!(
        [&sly["id"], &sly["model"], &sly["spec"]["id"]],
        ["", "", ""]
    );
    assert_eq!(agent.stop().await, Some(0));
    // The Server's form has no place for rules; our own has.
    let mut records = tokio::process::Command::new(env!("CARGO_BIN_EXE_meshsync"));
    let source = format!("k8s:?kubeconfig={}", world.path("kubeconfig").display());
    records.args(["snapshot", "--source", &source, "--include", "clusterroles"]);
    let records = records.output().await.unwrap();
    assert!(
        String::from_utf8(records.stdout)
            .unwrap()
            .contains(r#""resources":["pods"]"#)
    );
}

/// Greenfield: the design in the message, in the status, and as a filter.
#[tokio::test(flavor = "multi_thread")]
async fn what_meshery_deployed_is_recognised() {
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    let design = "11111111-2222-3333-4444-555555555555";
    let mut labelled = config_map("default", "labelled", "1");
    labelled["metadata"]["labels"] = json!({"design.meshery.io/id": design});
    let mut annotated = config_map("default", "annotated", "1");
    annotated["metadata"]["annotations"] = json!({"design.meshery.io/id": design});
    world.apply(labelled);
    world.apply(annotated);
    world.apply(config_map("default", "brown", "1"));
    let server = Server::connect(&world).await;
    let agent = world.run(&["--managed", "greenfield"]);
    agent.synced().await;
    server.sees("two of them", |d| d.rows.len() == 2).await;
    let patterns = server.take(|d| {
        d.rows
            .values()
            .map(|row| row["pattern_resource"].clone())
            .collect::<Vec<_>>()
    });
    assert_eq!(patterns, [design, design]);
    assert_eq!(agent.status().await["designs"][design], 2);
    assert_eq!(agent.stop().await, Some(0));
}

/// D20: with `?durable` what was said while nobody listened is still there.
#[tokio::test(flavor = "multi_thread")]
async fn durable_messages_outlive_a_consumers_absence() {
    let Some(nats) = NatsServer::builder()
        .token(TOKEN)
        .jetstream()
        .start_or_skip()
    else {
        return;
    };
    let Some(world) = World::with(Sim::builder(), nats).await else {
        return;
    };
    let url = format!("{}?durable", world.broker_url());
    let agent = world.run_with(&[], &[("BROKER_URL", &url)]);
    agent.synced().await;
    world.apply(config_map("default", "unheard", "1"));
    let client = async_nats::ConnectOptions::with_token(TOKEN.to_owned());
    let client = client.connect(world.nats.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("MESHSYNC_EVENTS").await.unwrap();
    eventually("it is in the stream", DEADLINE, async || {
        let message = stream
            .get_last_raw_message_by_subject("meshery.meshsync.core")
            .await
            .ok()?;
        let message: Value = serde_json::from_slice(&message.payload).ok()?;
        (message["Object"]["metadata"]["name"] == "unheard").then_some(())
    })
    .await;
    assert_eq!(agent.stop().await, Some(0));
}

/// And where the broker has no JetStream it says so and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn durable_without_jetstream_is_core_nats_and_a_warning() {
    let Some(world) = World::of(Sim::builder()).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let url = format!("{}?durable", world.broker_url());
    let agent = world.run_with(&[], &[("BROKER_URL", &url)]);
    agent.synced().await;
    server.equals(&world, "over core NATS", by_default).await;
    eventually("a warning", DEADLINE, async || {
        agent.log().contains("?durable")
    })
    .await;
    assert_eq!(agent.stop().await, Some(0));
}

const RULE: &str = "
id: acme-db
name: Acme DB
category: database
home: https://acme.io
anchors:
- images: [acme/db]
- crds: [databases.acme.io]
version:
- {from: image}
examples:
- title: the database
  version: 1.2.3
  objects:
  - {kind: StatefulSet, name: db, containers: [{name: db, image: 'registry.acme.io/acme/db:1.2.3'}]}
  - {kind: CustomResourceDefinition, name: databases.acme.io}
";

/// Rules come over the broker where that is wanted, and are told by at once.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_taken_over_the_broker_where_that_is_switched_on() {
    let Some(world) = World::start(60).await else {
        return;
    };
    world.apply(definition("acme.io", "databases", "Database", &["v1"]));
    world.apply(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [
            {"name": "db", "image": "registry.acme.io/acme/db:1.2.3"},
        ]}}},
    }));
    let server = Server::connect(&world).await;
    let ask = async |files: Value| {
        let reply = "meshery-server.rules";
        let mut answers = server.client.subscribe(reply).await.unwrap();
        server.client.flush().await.unwrap();
        let payload = json!({"Rules": files, "Reply": reply});
        server.request("fingerprint-rules", payload).await;
        let answer = tokio::time::timeout(DEADLINE, answers.next()).await;
        let answer = answer.unwrap().unwrap().payload;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["ObjectType"], "fingerprint-rules");
        answer["Object"].clone()
    };
    let rules = json!({"acme.yaml": RULE, "bad.yaml": "id: bad\nname: [1"});

    let agent = world.run(&[]);
    agent.synced().await;
    let off = ask(rules.clone()).await;
    assert_eq!(off["accepted"], json!([]));
    let why = off["refused"][0]["problem"].as_str().unwrap();
    assert!(why.contains("--accept-rules"), "{why}");
    assert_eq!(agent.stop().await, Some(0));

    let agent = world.run(&["--accept-rules"]);
    agent.synced().await;
    let sees_it = async |yes: bool| {
        let what = if yes {
            "it is told"
        } else {
            "it is told no more"
        };
        eventually(what, DEADLINE, async || {
            let status = agent.status().await;
            let found = status["fingerprints"]["products"].as_array()?.clone();
            (found.iter().any(|found| found["product"] == "acme-db") == yes).then_some(())
        })
        .await;
    };
    sees_it(false).await;
    let taken = ask(rules).await;
    assert_eq!(taken["accepted"], json!(["acme-db"]));
    let bad = &taken["refused"][0];
    assert_eq!(bad["file"], "bad.yaml");
    assert!(
        bad["problem"].as_str().unwrap().starts_with("bad.yaml:"),
        "{bad}"
    );
    sees_it(true).await;

    // Nothing that can be used changes nothing; an empty set takes them back.
    let none = ask(json!({"bad.yaml": "id: ["})).await;
    assert_eq!(none["accepted"], json!([]));
    sees_it(true).await;
    ask(json!({})).await;
    sees_it(false).await;
    assert_eq!(agent.stop().await, Some(0));
}

/// What is installed is said of root objects alone, where that is switched on.
#[tokio::test(flavor = "multi_thread")]
async fn fingerprints_are_told_in_root_objects_where_that_is_switched_on() {
    let Some(world) = World::start(60).await else {
        return;
    };
    let prometheus = |tag: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "prometheus-server", "namespace": "default"},
            "spec": {"template": {"spec": {"containers": [{
                "name": "prometheus-server", "image": format!("quay.io/prometheus/prometheus:{tag}"),
                "args": ["--config.file=/etc/p.yml", "--storage.tsdb.path=/data"],
            }]}}},
        })
    };
    world.apply(prometheus("v2.53.1"));
    world.apply(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "prometheus-server", "namespace": "default"},
        "spec": {"ports": [{"name": "web", "port": 9090}]},
    }));
    let says = |row: &Value| row["component_metadata"]["fingerprints"].clone();
    let root = |database: &Database| {
        let mut rows = database.rows.values();
        let root = rows.find(|row| {
            row["kind"] == "Deployment" && row["metadata"]["name"] == "prometheus-server"
        });
        root.cloned().unwrap_or_default()
    };

    let server = Server::connect(&world).await;
    let agent = world.run(&[]);
    agent.synced().await;
    server
        .sees("the Deployment", |database| {
            root(database)["kind"] == "Deployment"
        })
        .await;
    assert!(server.take(|database| root(database)["component_metadata"].is_null()));
    assert_eq!(agent.stop().await, Some(0));

    let agent = world.run(&["--meshery-fingerprints"]);
    agent.synced().await;
    server
        .sees("what is installed", |database| {
            says(&root(database))[0]["version"] == "2.53.1"
        })
        .await;
    let found = server.take(|database| says(&root(database)));
    assert_eq!(found[0]["product"], "prometheus");
    assert_eq!(found[0]["state"], "identified");
    let others = server.take(|database| {
        let rows = database.rows.values().filter(|row| {
            let said = says(row);
            let said = said.as_array().into_iter().flatten();
            said.into_iter()
                .any(|one| one["instance"] == "prometheus-server")
        });
        rows.count()
    });
    assert_eq!(others, 1, "no object but the root says so");

    // Another version, and the answer to whoever asks for everything.
    world.apply(prometheus("v2.54.0"));
    server
        .sees("another version", |database| {
            says(&root(database))[0]["version"] == "2.54.0"
        })
        .await;
    server.take(|database| database.rows.clear());
    server.ask_for_store().await;
    server
        .sees("it is in the store", |database| {
            says(&root(database))[0]["version"] == "2.54.0"
        })
        .await;

    // Nothing that is known any more: the object is told once more, without.
    let mut other = prometheus("v1");
    other["spec"]["template"]["spec"]["containers"] = json!([{"name": "a", "image": "app:1"}]);
    world.apply(other);
    server
        .sees("it is said no more", |database| {
            root(database)["component_metadata"].is_null()
        })
        .await;
    assert_eq!(agent.stop().await, Some(0));
}
