//! Sinks that are slow, away, or gone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use meshsync::{Batch, BoxFuture, Published, Selection, Sink, SinkError, SinkState, Wire};
use meshsync_sim::{Generate, Sim};

use crate::support::{Replica, ReplicaSink, Running, builder, config_map, only, versions_of};

/// A replica that can be made to fail.
struct Flaky {
    inner: ReplicaSink,
    away: Arc<AtomicBool>,
}

impl Sink for Flaky {
    fn name(&self) -> String {
        "flaky:".to_owned()
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(SinkError::unavailable("switched off", "by the test")) });
        }
        self.inner.publish(batch)
    }
}

fn flaky() -> (Flaky, Arc<Mutex<Replica>>, Arc<AtomicBool>) {
    let replica = Arc::new(Mutex::new(Replica::default()));
    let away = Arc::new(AtomicBool::new(false));
    let inner = ReplicaSink {
        replica: Arc::clone(&replica),
        wire: Wire::Record,
    };
    (
        Flaky {
            inner,
            away: Arc::clone(&away),
        },
        replica,
        away,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_away_gets_the_state_and_every_delete_when_it_is_back() {
    let sim = Sim::builder().start().await.unwrap();
    for n in 0..50 {
        sim.apply(config_map(&format!("old-{n}"), "1")).unwrap();
    }
    let (sink, replica, away) = flaky();
    let running = Running::start(
        builder(&sim)
            .select(only(&["configmaps"]))
            .sink(sink)
            .outbox_bytes(64 << 10),
    );
    running.synced().await;
    away.store(true, Ordering::SeqCst);
    let filler = "x".repeat(4000);
    // More than the outbox holds: states are dropped, deletes are remembered.
    for n in 0..200 {
        sim.apply(config_map(&format!("new-{n}"), &filler)).unwrap();
    }
    for n in 0..50 {
        sim.delete("", "configmaps", Some("default"), &format!("old-{n}"))
            .unwrap();
    }
    for n in 0..20 {
        sim.delete("", "configmaps", Some("default"), &format!("new-{n}"))
            .unwrap();
        sim.apply(config_map(&format!("old-{n}"), "reborn"))
            .unwrap();
    }
    running.equals(&sim, "at the sink that stayed").await;
    let flaky_status = || {
        let sinks = running.monitor.sinks();
        sinks
            .into_iter()
            .find(|s| s.status.name() == "flaky:")
            .unwrap()
    };
    assert_eq!(flaky_status().status.state(), SinkState::Away);
    let outbox = flaky_status().outbox;
    assert!(
        outbox.queued_bytes + outbox.in_flight_bytes <= 64 << 10,
        "{outbox:?}"
    );
    assert!(flaky_status().status.refused.value() > 0);
    assert!(running.resource("configmaps").owed > 0);

    away.store(false, Ordering::SeqCst);
    let expected = versions_of(&sim, &["configmaps".to_owned()]);
    running
        .sees("the sink that was away catches up", |_| {
            replica.lock().unwrap().versions() == expected
        })
        .await;
    running
        .sees("nothing is owed any more", |_| {
            running.resource("configmaps").owed == 0
        })
        .await;
    running.stop().await;
    let replica = replica.lock().unwrap();
    for n in 0..50 {
        let line = format!("DELETED configmaps default/old-{n}");
        assert!(replica.log.contains(&line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_away_from_the_start_holds_up_nobody() {
    let sim = Sim::builder()
        .generate(Generate {
            objects: 500,
            ..Generate::default()
        })
        .start()
        .await
        .unwrap();
    let (sink, replica, away) = flaky();
    away.store(true, Ordering::SeqCst);
    let running = Running::start(builder(&sim).sink(sink).outbox_bytes(64 << 10));
    running.equals_soon(&sim).await;
    assert!(
        !running.monitor.is_synced(),
        "one sink has not been given everything"
    );
    away.store(false, Ordering::SeqCst);
    running.synced().await;
    let resources: Vec<String> = running.observed();
    assert_eq!(
        replica.lock().unwrap().versions(),
        versions_of(&sim, &resources)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_outbox_pauses_initial_lists_and_loses_nothing() {
    let sim = Sim::builder()
        .generate(Generate {
            objects: 2000,
            ..Generate::default()
        })
        .start()
        .await
        .unwrap();
    let running = Running::start(builder(&sim).outbox_bytes(64 << 10));
    let churn = sim.churn_seeded(
        200.0,
        meshsync_testkit::seed("a_small_outbox_pauses_initial_lists_and_loses_nothing", 3),
    );
    running.synced().await;
    churn.stop().await;
    running.equals(&sim, "with a small outbox").await;
    running.stop().await;
}

/// A sink with a defect.
struct Panics;

impl Sink for Panics {
    fn name(&self) -> String {
        "panics:".to_owned()
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        panic!("a defect of an embedder")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_panics_is_closed_and_holds_up_nobody() {
    let sim = Sim::builder().start().await.unwrap();
    let filler = "x".repeat(4000);
    // More than the outbox holds.
    for n in 0..100 {
        sim.apply(config_map(&format!("c-{n}"), &filler)).unwrap();
    }
    let running = Running::start(
        builder(&sim)
            .select(only(&["configmaps"]))
            .sink(Panics)
            .outbox_bytes(64 << 10),
    );
    running.synced().await;
    running.equals(&sim, "at the sink that works").await;
    let sinks = running.monitor.sinks();
    let panics = sinks.iter().find(|s| s.status.name() == "panics:").unwrap();
    assert_eq!(panics.status.state(), SinkState::Closed);
    assert!(panics.status.last_error().unwrap().contains("panicked"));
    assert_eq!(panics.outbox.waiting, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_whose_last_sink_panics_ends_with_an_error() {
    let sim = Sim::builder().start().await.unwrap();
    let meshsync = builder(&sim).sink(Panics).build().unwrap();
    let run = meshsync.run(std::future::pending());
    let ended = tokio::time::timeout(crate::support::DEADLINE, run).await;
    let error = ended.expect("the pipeline ends").unwrap_err();
    let cause = meshsync::model::error_chain(&error);
    assert!(
        cause.contains("panics:") && cause.contains("a defect of an embedder"),
        "{cause}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_of_changes_ends_a_pipeline_without_other_sinks() {
    let sim = Sim::builder().start().await.unwrap();
    let mut meshsync = builder(&sim).select(Selection::default()).build().unwrap();
    let mut changes = meshsync.changes();
    let run = meshsync.run(std::future::pending());
    let read = async {
        let first = changes.next().await.unwrap();
        drop(changes);
        first
    };
    let (result, first) =
        tokio::time::timeout(crate::support::DEADLINE, async { tokio::join!(run, read) })
            .await
            .expect("the pipeline ends");
    result.unwrap();
    assert!(first.resource().is_some());
}
