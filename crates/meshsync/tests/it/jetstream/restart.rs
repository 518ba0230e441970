//! A start over a stream that is there publishes the difference and nothing else.

use meshsync::Selection;
use meshsync_model::EventType;
use meshsync_testkit::eventually;

use super::state::{equal, run, start, url_of};
use super::stream::{Message, context, last_object, state};
use crate::support::{DEADLINE, Running, builder, config_map};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_nothing_changed_publishes_no_object() {
    let Some((nats, sim)) = start(400).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "the first run").await;
    running.stop().await;

    let running = run(&sim, &nats);
    running.synced().await;
    running.stop().await;
    let after = state(&nats).await;
    assert_eq!(last_object(&before), last_object(&after));
    let epochs: Vec<_> = after
        .iter()
        .filter(|message| message.event() == Some(EventType::Synced))
        .map(|message| message.envelope.as_ref().unwrap().epoch)
        .collect();
    let first = before[before.len() - 1].envelope.as_ref().unwrap().epoch;
    assert!(epochs.iter().all(|epoch| *epoch > first), "{epochs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_nobody_looked_is_published_deletes_included() {
    let Some((nats, sim)) = start(300).await else {
        return;
    };
    for name in ["stays", "changes", "goes", "is-reborn"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "the first run").await;
    running.stop().await;

    let delete = |name| sim.delete("", "configmaps", Some("default"), name).unwrap();
    sim.apply(config_map("changes", "2")).unwrap();
    delete("goes");
    delete("is-reborn");
    sim.apply(config_map("is-reborn", "1")).unwrap();
    sim.apply(config_map("is-born", "1")).unwrap();

    let running = run(&sim, &nats);
    running.synced().await;
    let after = equal(&nats, &sim, &running, "the second run").await;
    running.stop().await;
    use EventType::{Added, Deleted};
    let last = last_object(&before);
    let mut new: Vec<_> = after
        .iter()
        .filter(|message| message.seq > last)
        .filter_map(|message| Some((message.key()?.2, message.event()?)))
        .collect();
    new.sort_by(|a, b| a.0.cmp(&b.0));
    let new: Vec<_> = new.iter().map(|(name, event)| (&**name, *event)).collect();
    let swept = after.iter().find(|message| {
        message.event() == Some(Deleted) && message.key().is_some_and(|key| key.2 == "goes")
    });
    let swept = swept.unwrap();
    assert_eq!(swept.envelope.as_ref().unwrap().reason, "missed");
    assert_eq!(swept.body["reason"], "missed");
    assert_eq!(swept.body["platform"], "kubernetes");
    assert_eq!(
        new,
        [
            ("changes", Added),
            ("goes", Deleted),
            ("is-born", Added),
            ("is-reborn", Added),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_observed_no_more_takes_its_objects_with_it() {
    let Some((nats, sim)) = start(200).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "the first run").await;
    running.stop().await;
    let is_left_out = |message: &Message| {
        message.event() != Some(EventType::Deleted)
            && message.key().is_some_and(|key| key.0 == "configmaps")
    };
    assert!(before.iter().any(is_left_out));
    let selection = Selection {
        exclude: vec!["configmaps".parse().unwrap()],
        ..Selection::default()
    };
    let narrower = builder(&sim).select(selection);
    let running = Running::start(narrower.sink_url(&url_of(&nats)).unwrap());
    running.synced().await;
    let after = equal(&nats, &sim, &running, "the second run").await;
    assert!(!after.iter().any(is_left_out));
    running.stop().await;
}

/// A stream that a server made before messages could say when they expire.
#[tokio::test(flavor = "multi_thread")]
async fn tombstones_end_where_the_server_does_not_end_them() {
    let Some((nats, sim)) = start(30).await else {
        return;
    };
    for name in ["goes", "comes-back"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let config = async_nats::jetstream::stream::Config {
        name: "MESHSYNC_STATE".to_owned(),
        subjects: vec!["meshsync.v1.>".to_owned()],
        max_messages_per_subject: 1,
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        allow_direct: true,
        ..Default::default()
    };
    context(&nats).await.create_stream(config).await.unwrap();
    let url = format!("{}?tombstones=2s&check=1s", url_of(&nats));
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    running.synced().await;
    for name in ["goes", "comes-back"] {
        sim.delete("", "configmaps", Some("default"), name).unwrap();
    }
    equal(&nats, &sim, &running, "the stream knows").await;
    sim.apply(config_map("comes-back", "2")).unwrap();
    let is_of = |message: &Message, name: &str| message.key().is_some_and(|key| key.2 == name);
    eventually("the tombstone ends", DEADLINE, async || {
        let messages = state(&nats).await;
        !messages.iter().any(|message| is_of(message, "goes"))
    })
    .await;
    let messages = equal(&nats, &sim, &running, "nothing else went with it").await;
    assert!(messages.iter().any(|message| is_of(message, "comes-back")));
    running.stop().await;
}
