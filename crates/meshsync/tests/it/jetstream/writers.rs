//! One writer, streams as they should be, and brokers without any.

use futures::StreamExt;
use meshsync::jetstream::{Envelope, Subject};
use meshsync::sinks::open;
use meshsync_testkit::NatsServer;

use super::state::{equal, run, start, url_of};
use super::stream::context;
use crate::support::{DEADLINE, Running, builder, config_map};

/// The last error of the sink under test.
fn error_of(running: &Running) -> Option<String> {
    let sinks = running.monitor.sinks();
    let sink = sinks
        .iter()
        .find(|sink| sink.status.name().starts_with("jetstream://"))?;
    sink.status.last_error()
}

async fn says(running: &Running, words: &[&str]) {
    let started = std::time::Instant::now();
    loop {
        let error = error_of(running).unwrap_or_default();
        if words.iter().all(|word| error.contains(word)) {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "{words:?}: {error:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_another_one_came_after_writes_nothing_more() {
    let Some((nats, sim)) = start(100).await else {
        return;
    };
    let old = run(&sim, &nats);
    old.synced().await;
    let new = run(&sim, &nats);
    new.synced().await;
    sim.apply(config_map("after", "1")).unwrap();
    says(&old, &["another writer", "one at a time"]).await;
    equal(&nats, &sim, &new, "the new one writes").await;
    new.stop().await;
    old.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_other_than_asked_for_are_named_and_left_alone() {
    let Some((nats, sim)) = start(20).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    running.stop().await;
    let url = format!("{}?history=3&max_age=1h", url_of(&nats));
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    says(
        &running,
        &[
            "MESHSYNC_EVENTS",
            "max_msgs_per_subject is 20 and should be 3",
            "max_age",
            "nothing was changed",
        ],
    )
    .await;
    let mut stream = context(&nats)
        .await
        .get_stream("MESHSYNC_EVENTS")
        .await
        .unwrap();
    assert_eq!(
        stream.info().await.unwrap().config.max_messages_per_subject,
        20
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_jetstream_is_told_how_to_get_it() {
    let Some(nats) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let sim = meshsync_sim::Sim::builder().start().await.unwrap();
    let running = run(&sim, &nats);
    says(&running, &["no JetStream", "-js", "nats+auto://"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_full_refuses_and_gets_everything_when_it_has_room() {
    let Some((nats, sim)) = start(200).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    let context = context(&nats).await;
    let mut stream = context.get_stream("MESHSYNC_STATE").await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.max_bytes = i64::try_from(stream.info().await.unwrap().state.bytes).unwrap() + 100;
    context.update_stream(&config).await.unwrap();
    for n in 0..20 {
        sim.apply(config_map(&format!("more-{n}"), &"x".repeat(1000)))
            .unwrap();
    }
    says(&running, &["maximum bytes", "limit"]).await;
    config.max_bytes = -1;
    context.update_stream(&config).await.unwrap();
    equal(&nats, &sim, &running, "after the limit is lifted").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_jetstream_the_same_messages_go_over_core_nats_where_that_is_asked_for() {
    let Some(nats) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let sim = meshsync_sim::Sim::builder().start().await.unwrap();
    let client = async_nats::connect(nats.url()).await.unwrap();
    let mut subscription = client.subscribe("meshsync.v1.>").await.unwrap();
    client.flush().await.unwrap();
    let url = nats.url().replacen("nats://", "nats+auto://", 1);
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    let mut objects = 0;
    loop {
        let message = tokio::time::timeout(DEADLINE, subscription.next()).await;
        let message = message.unwrap().unwrap();
        let envelope = Envelope::read(message.headers.as_ref().unwrap()).unwrap();
        match Subject::parse(&message.subject).unwrap() {
            Subject::Object { .. } => objects += 1,
            Subject::FullSync { .. } => break,
            _ => assert_eq!(envelope.event, meshsync_model::EventType::Synced),
        }
    }
    running.synced().await;
    let expected = crate::support::versions_of(&sim, &running.observed());
    assert_eq!(objects, expected.len());
    running.stop().await;
}

#[test]
fn names_carry_no_credentials() {
    let sink = open("jetstream://hunter2@host?replicas=3").unwrap();
    assert_eq!(sink.name(), "jetstream://host:4222");
}
