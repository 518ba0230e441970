//! Deletes that could not be told at once.

use std::sync::{Arc, Mutex};

use meshsync::{Batch, BoxFuture, Published, Selection, Sink, SinkError, Wire};
use meshsync_sim::{Failure, FaultScope, Sim};
use serde_json::json;

use crate::support::{DEADLINE, Replica, ReplicaSink, Running, builder, config_map, only};

/// A replica behind a gate that can be shut.
struct Gated {
    inner: ReplicaSink,
    open: tokio::sync::watch::Receiver<bool>,
}

impl Sink for Gated {
    fn name(&self) -> String {
        "gated:".to_owned()
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        if *self.open.borrow() {
            self.inner.publish(batch)
        } else {
            Box::pin(async { Err(SinkError::unavailable("shut", "by the test")) })
        }
    }
}

fn widgets(replica: &Replica) -> usize {
    let of_crd = |key: &&(String, String, String)| key.0 == "widgets.example.org";
    replica.live.keys().filter(of_crd).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_vanishes_while_a_sink_is_away_leaves_no_ghosts() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {}}],
        },
    }))
    .unwrap();
    for n in 0..400 {
        let metadata = json!({"name": format!("w-{n}"), "namespace": "default"});
        sim.apply(json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": metadata}))
            .unwrap();
    }
    let replica = Arc::new(Mutex::new(Replica::default()));
    let (gate, open) = tokio::sync::watch::channel(true);
    let inner = ReplicaSink {
        replica: Arc::clone(&replica),
        wire: Wire::Record,
    };
    // Far less than 400 deletes fit.
    let running = Running::start(
        builder(&sim)
            .sink(Gated { inner, open })
            .outbox_bytes(64 << 10),
    );
    running.synced().await;
    assert_eq!(widgets(&replica.lock().unwrap()), 400);
    gate.send_replace(false);
    sim.delete(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        None,
        "widgets.example.org",
    )
    .unwrap();
    running
        .sees("the sink that stayed is told", |replica| {
            widgets(replica) == 0
        })
        .await;
    assert!(widgets(&replica.lock().unwrap()) > 0);
    gate.send_replace(true);
    running
        .sees("the sink that was away is told", |_| {
            widgets(&replica.lock().unwrap()) == 0
        })
        .await;
    running
        .sees("then the resource is no longer observed", |_| {
            let resources = running.monitor.resources();
            resources.iter().all(|r| r.resource.plural != "widgets")
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_object_does_not_keep_deleted_ones_alive() {
    let sim = Sim::builder().start().await.unwrap();
    let bad = br#"{"metadata":{"name":5,"namespace":"default"}}"#;
    sim.put_raw("", "configmaps", Some("default"), "bad", bad.to_vec())
        .unwrap();
    for n in 0..5 {
        sim.apply(config_map(&format!("c-{n}"), "1")).unwrap();
    }
    let running = Running::of(&sim, only(&["configmaps"]));
    running.synced().await;
    sim.stop_listener().await;
    sim.delete("", "configmaps", Some("default"), "c-0")
        .unwrap();
    sim.compact();
    sim.start_listener().await.unwrap();
    let deleted = "DELETED configmaps default/c-0".to_owned();
    running
        .sees(
            "the delete is found, then the resource is in sync",
            |replica| {
                let gone = replica.log.iter().position(|line| *line == deleted);
                let synced = replica
                    .log
                    .iter()
                    .rposition(|line| line == "SYNCED configmaps");
                gone.is_some() && synced > gone
            },
        )
        .await;
    let replica = running.stop().await;
    assert_eq!(replica.lock().unwrap().deleted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_whose_lists_always_expire_holds_up_no_other() {
    let sim = Sim::builder().start().await.unwrap();
    let configmaps = FaultScope::resource("", "configmaps");
    sim.faults().fail(configmaps, Failure::status(410));
    let running = Running::of(&sim, Selection::default());
    running.synced().await;
    assert!(!running.resource("configmaps").synced);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_again_for_a_sink_that_is_away() {
    let sim = Sim::builder().start().await.unwrap();
    let filler = "x".repeat(4000);
    for n in 0..300 {
        sim.apply(config_map(&format!("c-{n}"), &filler)).unwrap();
    }
    let replica = Arc::new(Mutex::new(Replica::default()));
    let (gate, open) = tokio::sync::watch::channel(false);
    let inner = ReplicaSink {
        replica: Arc::clone(&replica),
        wire: Wire::Record,
    };
    let running = Running::start(
        builder(&sim)
            .select(only(&["configmaps"]))
            .sink(Gated { inner, open })
            .outbox_bytes(64 << 10),
    );
    running.equals_soon(&sim).await;
    let lists = || {
        sim.requests()
            .count(|r| !r.is_watch() && r.path.contains("configmaps"))
    };
    let gated = || {
        let sinks = running.monitor.sinks();
        sinks
            .into_iter()
            .find(|s| s.status.name() == "gated:")
            .unwrap()
    };
    // Until the first try fails, nobody knows that it is away. From then on the
    // other sink is served, several tries pass, and nobody can be helped.
    let tries = async |more: u64| {
        let before = gated().status.retries.value();
        meshsync_testkit::eventually("several tries", DEADLINE, async || {
            let value = gated().status.retries.value();
            sim.apply(config_map("busy", &value.to_string())).unwrap();
            value >= before + more
        })
        .await;
    };
    tries(1).await;
    let before = lists();
    tries(4).await;
    assert_eq!(lists(), before, "nobody can be helped yet");
    gate.send_replace(true);
    let known = || replica.lock().unwrap().live.len();
    running.sees("it catches up", |_| known() == 301).await;
    assert!(lists() > before);
    running.stop().await;
}
