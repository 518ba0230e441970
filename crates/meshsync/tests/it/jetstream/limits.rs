//! What does not fit, and a broker that is away.

use meshsync::{Depth, Preset, Selection};
use meshsync_sim::Sim;
use meshsync_testkit::{NatsServer, eventually};

use super::state::{equal, run, start, url_of};
use super::stream::{digests, last_object, markers, state};
use crate::support::{DEADLINE, Running, builder, config_map};

fn status(running: &Running) -> std::sync::Arc<meshsync::SinkStatus> {
    let sinks = running.monitor.sinks().into_iter();
    let mut sinks = sinks.map(|sink| sink.status);
    sinks
        .find(|status| status.name().starts_with("jetstream://"))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_above_max_payload_arrives_without_its_largest_part_and_is_reported() {
    let nats = NatsServer::builder()
        .jetstream()
        .max_payload_bytes(64 << 10);
    let Some(nats) = nats.start_or_skip() else {
        return;
    };
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("too-big", &"x".repeat(100 << 10)))
        .unwrap();
    sim.apply(config_map("fits", "1")).unwrap();
    let running = run(&sim, &nats);
    running.synced().await;
    let messages = equal(&nats, &sim, &running, "the large one included").await;
    let large = messages
        .iter()
        .find(|message| message.key().is_some_and(|key| key.2 == "too-big"))
        .unwrap();
    assert_eq!(large.body["cut"], serde_json::json!(["data"]));
    assert!(large.body["object"].get("data").is_none());
    assert_eq!(large.body["object"]["metadata"]["name"], "too-big");
    let status = status(&running);
    assert_eq!((status.cut.value(), status.rejected.value()), (1, 0));
    let error = status.last_error().unwrap();
    for part in ["default/too-big", "without data", "max_payload", "bytes"] {
        assert!(error.contains(part), "{error}");
    }
    let marked = markers(&messages);
    for (resource, digest) in digests(&messages) {
        assert_eq!(marked.get(&resource), Some(&digest), "{resource}");
    }
    running.stop().await;
    // It is the same object: nothing is sent again by the next run.
    let running = run(&sim, &nats);
    running.synced().await;
    running.stop().await;
    assert_eq!(last_object(&messages), last_object(&state(&nats).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_away_for_longer_than_the_outbox_gets_every_state_and_delete() {
    let Some((mut nats, sim)) = start(50).await else {
        return;
    };
    for n in 0..40 {
        sim.apply(config_map(&format!("goes-{n}"), "1")).unwrap();
    }
    let url = url_of(&nats);
    let running = Running::start(builder(&sim).outbox_bytes(64 << 10).sink_url(&url).unwrap());
    running.synced().await;
    equal(&nats, &sim, &running, "before").await;
    nats.stop();
    for n in 0..100 {
        let name = format!("new-{n}");
        sim.apply(config_map(&name, &"x".repeat(4000))).unwrap();
    }
    for n in 0..40 {
        let name = format!("goes-{n}");
        sim.delete("", "configmaps", Some("default"), &name)
            .unwrap();
    }
    let status = status(&running);
    eventually("the outbox is full", DEADLINE, async || {
        status.refused.value() > 0
    })
    .await;
    nats.restart().unwrap();
    equal(&nats, &sim, &running, "when it is back").await;
    running.stop().await;
}

/// What a server says whose disk is full, or as full as it may be.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_room_is_an_error_that_says_so_and_gets_everything_later() {
    let Some((mut nats, sim)) = start(20).await else {
        return;
    };
    let running = Running::start(
        builder(&sim)
            .outbox_bytes(64 << 10)
            .sink_url(&url_of(&nats))
            .unwrap(),
    );
    let status = status(&running);
    running.synced().await;
    equal(&nats, &sim, &running, "before").await;
    nats.restart_with(|options| options.jetstream_bytes_max(Some(256 << 10)))
        .unwrap();
    for n in 0..60 {
        let name = format!("large-{n}");
        sim.apply(config_map(&name, &"x".repeat(10_000))).unwrap();
    }
    eventually("it is said, and nothing is dropped", DEADLINE, async || {
        let error = status.last_error().unwrap_or_default();
        let said = ["insufficient resources", "disk full", "10023"];
        said.iter().all(|part| error.contains(part)) && status.retries.value() > 2
    })
    .await;
    assert_eq!(status.rejected.value(), 0);
    // Changes go on meanwhile, deletes among them.
    sim.delete("", "configmaps", Some("default"), "large-1")
        .unwrap();
    sim.apply(config_map("large-2", "small")).unwrap();
    nats.restart_with(|options| options.jetstream_bytes_max(None))
        .unwrap();
    equal(&nats, &sim, &running, "there is room").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tier_arrives_within_the_duplicate_window() {
    let Some((nats, sim)) = start(60).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    // Objects, uids and versions stay the same: an id made of them would be taken
    // for a duplicate.
    for (preset, tier) in [(Preset::Presence, "presence"), (Preset::Full, "detail")] {
        let depth = Depth {
            preset,
            rules: Vec::new(),
            ..Depth::default()
        };
        running.handle.reconfigure(Selection {
            depth,
            ..Selection::default()
        });
        eventually("every object at the new tier", DEADLINE, async || {
            let messages = state(&nats).await;
            let mut objects = messages.iter().filter(|message| message.key().is_some());
            objects.all(|message| message.envelope.as_ref().unwrap().tier == tier)
        })
        .await;
    }
    equal(&nats, &sim, &running, "in the end").await;
    running.stop().await;
}
