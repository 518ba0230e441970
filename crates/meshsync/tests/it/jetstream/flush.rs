//! What the stream no longer holds is written again.

use std::time::Duration;

use meshsync::jetstream::{JetStreamUrl, flush};
use meshsync_model::ResourceId;
use meshsync_testkit::eventually;

use super::state::{equal, run, start, url_of};
use super::stream::{Message, context, digests, last_object, live, markers, state};
use crate::support::{DEADLINE, Running, builder, config_map, versions_of};

fn first_object(messages: &[Message]) -> u64 {
    let objects = messages.iter().filter(|message| message.key().is_some());
    objects.map(|message| message.seq).min().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_empties_the_stream_and_everything_is_written_again() {
    let Some((nats, sim)) = start(200).await else {
        return;
    };
    sim.apply(config_map("goes", "1")).unwrap();
    let stream = format!("{}?flush=allow", url_of(&nats));
    let running = Running::start(builder(&sim).sink_url(&stream).unwrap());
    running.synced().await;
    sim.delete("", "configmaps", Some("default"), "goes")
        .unwrap();
    let mut before = equal(&nats, &sim, &running, "the first time").await;
    let url = JetStreamUrl::parse(&stream).unwrap();
    // Twice, and well within the time in which ids are remembered.
    for _ in 0..2 {
        let purged = flush(&url, None, None).await.unwrap();
        assert!(purged[0].1 >= live(&before).len() as u64);
        let last = last_object(&before);
        before = eventually("everything is there again", DEADLINE, async || {
            let messages = state(&nats).await;
            let same = live(&messages) == versions_of(&sim, &running.observed());
            (same && first_object(&messages) > last).then_some(messages)
        })
        .await;
    }
    eventually("the markers agree", DEADLINE, async || {
        let messages = state(&nats).await;
        let marked = markers(&messages);
        digests(&messages)
            .iter()
            .all(|(resource, digest)| marked.get(resource) == Some(digest))
    })
    .await;
    // One resource of one cluster.
    let last = last_object(&before);
    let scope = before.iter().find_map(|message| match &message.subject {
        meshsync::jetstream::Subject::Object { scope, .. } => Some(scope.clone()),
        _ => None,
    });
    let pods = ResourceId::new("", "pods");
    flush(&url, scope.as_deref(), Some(&pods)).await.unwrap();
    let after = eventually("the pods are there again", DEADLINE, async || {
        let messages = state(&nats).await;
        let same = live(&messages) == versions_of(&sim, &running.observed());
        (same && last_object(&messages) > last).then_some(messages)
    })
    .await;
    for message in after.iter().filter(|message| message.key().is_some()) {
        let is_pod = message.key().unwrap().0 == "pods";
        assert_eq!(message.seq > last, is_pod, "{:?}", message.key());
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_is_not_allowed_does_nothing() {
    let Some((nats, sim)) = start(20).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "before").await;
    let url = JetStreamUrl::parse(&url_of(&nats)).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(2), flush(&url, None, None)).await;
    assert!(asked.is_err(), "nobody answers: {asked:?}");
    assert_eq!(first_object(&state(&nats).await), first_object(&before));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_lost_something_is_given_it_again() {
    let Some((mut nats, sim)) = start(100).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    equal(&nats, &sim, &running, "before").await;
    let stream = context(&nats)
        .await
        .get_stream("MESHSYNC_STATE")
        .await
        .unwrap();
    stream.purge().filter("meshsync.v1.*.obj.>").await.unwrap();
    assert!(live(&state(&nats).await).is_empty());
    // As a broker does that comes back without what it had not written to disk.
    nats.restart().unwrap();
    equal(
        &nats,
        &sim,
        &running,
        "it is whole again, with no change to publish",
    )
    .await;
    // And without the streams themselves.
    let context = context(&nats).await;
    context.delete_stream("MESHSYNC_EVENTS").await.unwrap();
    context.delete_stream("MESHSYNC_STATE").await.unwrap();
    sim.apply(config_map("next", "1")).unwrap();
    eventually("the streams are made and filled", DEADLINE, async || {
        context.get_stream("MESHSYNC_STATE").await.is_ok()
            && live(&state(&nats).await) == versions_of(&sim, &running.observed())
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_loses_something_in_silence_is_given_just_that_again() {
    let Some((nats, sim)) = start(100).await else {
        return;
    };
    let url = format!("{}?check=1s", url_of(&nats));
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    running.synced().await;
    let before = equal(&nats, &sim, &running, "before").await;
    // Nobody is told: the connection stays as it is.
    let lost: Vec<_> = before
        .iter()
        .filter(|m| m.key().is_some())
        .take(5)
        .collect();
    let stream = context(&nats)
        .await
        .get_stream("MESHSYNC_STATE")
        .await
        .unwrap();
    for message in &lost {
        stream.delete_message(message.seq).await.unwrap();
    }
    let after = equal(&nats, &sim, &running, "after").await;
    let last = last_object(&before);
    let again = after.iter().filter(|m| m.key().is_some() && m.seq > last);
    assert_eq!(again.count(), lost.len());
    running.stop().await;
}
