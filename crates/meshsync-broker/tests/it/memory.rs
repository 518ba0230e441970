//! `?durable`: what was published is remembered in the broker.

use meshsync_broker::sinks::open;
use meshsync_broker::{Batch, Delivery, Sink};
use meshsync_model::ClusterId;
use meshsync_model::EventType::{Added, Modified};
use meshsync_testkit::{NatsServer, eventually};

use crate::deliveries::{SCOPE, gone, state, synced};

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

fn broker() -> Option<NatsServer> {
    NatsServer::builder().jetstream().start_or_skip()
}

/// A sink in its next life, and the names that it remembers.
async fn next_life(nats: &NatsServer, options: &str) -> (Box<dyn Sink>, Vec<String>) {
    let mut sink = open(&format!("{}?durable{options}", nats.url())).unwrap();
    let scope = ClusterId::new(SCOPE).unwrap();
    let published = sink.recall(&scope).await.unwrap();
    let mut names: Vec<String> = published.into_iter().map(|object| object.name).collect();
    names.sort();
    (sink, names)
}

async fn publish(sink: &mut dyn Sink, deliveries: Vec<Delivery>) {
    let published = sink.publish(&Batch::of(deliveries)).await.unwrap();
    assert!(published.rejected.is_empty());
    assert_eq!(published.trouble, None);
}

async fn context(nats: &NatsServer) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(nats.url()).await.unwrap())
}

/// How many messages the journals of all are.
async fn messages(nats: &NatsServer) -> u64 {
    let stream = context(nats).await.get_stream("MESHSYNC_KEYS").await;
    stream.unwrap().cached_info().state.messages
}

#[tokio::test]
async fn what_was_published_and_not_deleted_is_known_in_the_next_life() {
    let Some(mut nats) = broker() else { return };
    let (mut sink, none) = next_life(&nats, "").await;
    assert!(none.is_empty());
    let first = ["a", "b", "c"].map(|name| state(Added, name, 1, 1));
    publish(&mut *sink, first.into()).await;
    publish(&mut *sink, vec![state(Modified, "a", 2, 1), gone("b")]).await;
    assert_eq!(messages(&nats).await, 2, "known keys are not written again");
    // Nothing is said at the end: it may have been killed.
    drop(sink);
    nats.restart().unwrap();
    assert_eq!(next_life(&nats, "").await.1, ["a", "c"]);
    // Another part of the cluster, and another agent for it.
    assert!(next_life(&nats, "&keys=other").await.1.is_empty());
    let mut other = open(&format!("{}?durable", nats.url())).unwrap();
    let elsewhere = ClusterId::new("another cluster").unwrap();
    assert!(other.recall(&elsewhere).await.unwrap().is_empty());
}

/// A broker that was given another disk, or somebody who deletes streams.
#[tokio::test]
async fn a_journal_that_is_gone_is_written_once_more() {
    let Some(nats) = broker() else { return };
    let (mut sink, _) = next_life(&nats, "").await;
    publish(&mut *sink, vec![state(Added, "a", 1, 1)]).await;
    let context = context(&nats).await;
    context.delete_stream("MESHSYNC_KEYS").await.unwrap();
    let next = Batch::of(vec![state(Added, "b", 1, 1)]);
    let error = sink.publish(&next).await.unwrap_err();
    assert!(error.is_retryable());
    eventually("it is published in the end", DEADLINE, async || {
        sink.publish(&next).await.ok()
    })
    .await;
    assert_eq!(next_life(&nats, "").await.1, ["a", "b"]);
}

/// The journal does not grow with what happens, only with what there is.
#[tokio::test]
async fn a_journal_is_written_anew_and_what_others_wrote_stays() {
    let Some(nats) = broker() else { return };
    let (mut sink, _) = next_life(&nats, "").await;
    publish(&mut *sink, vec![state(Added, "stays", 1, 1)]).await;
    let (mut other, _) = next_life(&nats, "").await;
    publish(&mut *other, vec![state(Added, "of-another", 1, 1)]).await;
    let mut before = 0;
    for round in 0..12 {
        let names: Vec<String> = (0..1_000).map(|at| format!("r{round}-{at}")).collect();
        let states = names.iter().map(|name| state(Added, name, 1, 1));
        publish(&mut *sink, states.collect()).await;
        publish(&mut *sink, names.iter().map(|name| gone(name)).collect()).await;
        let now = messages(&nats).await;
        if now < before {
            assert!(now <= 2, "{now}");
            assert_eq!(next_life(&nats, "").await.1, ["of-another", "stays"]);
            return;
        }
        before = now;
    }
    panic!("{before} messages, and never written anew");
}

/// The streams of `jetstream://` have the name; Meshery's messages find another.
#[tokio::test]
async fn it_works_beside_streams_of_records() {
    let Some(nats) = broker() else { return };
    let records = nats.url().replace("nats://", "jetstream://");
    let mut records = open(&records).unwrap();
    publish(&mut *records, vec![state(Added, "a", 1, 1)]).await;
    let (mut sink, _) = next_life(&nats, "").await;
    publish(&mut *sink, vec![state(Added, "a", 1, 1)]).await;
    let context = context(&nats).await;
    let takes_it = context.stream_by_subject("meshery.meshsync.core").await;
    assert_eq!(takes_it.unwrap(), "MESHSYNC_CORE");
    let core = context.get_stream("MESHSYNC_CORE").await.unwrap();
    assert_eq!(core.cached_info().state.messages, 1);
    // The other stream of records is made after its first picture only.
    let full_sync = Delivery {
        resource: None,
        ..synced(1)
    };
    publish(&mut *records, vec![full_sync]).await;
    eventually("records have their streams", DEADLINE, async || {
        let events = context.get_stream("MESHSYNC_EVENTS").await.ok()?;
        (events.cached_info().config.sources.is_some()).then_some(())
    })
    .await;
    let (_, known) = next_life(&nats, "").await;
    assert_eq!(known, ["a"]);
}

#[tokio::test]
async fn a_stream_of_that_name_that_is_none_of_ours_is_left_alone() {
    let Some(nats) = broker() else { return };
    let theirs = async_nats::jetstream::stream::Config {
        name: "MESHSYNC_KEYS".to_owned(),
        subjects: vec!["theirs".to_owned()],
        ..Default::default()
    };
    context(&nats).await.create_stream(theirs).await.unwrap();
    let mut sink = open(&format!("{}?durable", nats.url())).unwrap();
    let scope = ClusterId::new(SCOPE).unwrap();
    eventually("it goes on without", DEADLINE, async || {
        sink.recall(&scope).await.ok()
    })
    .await;
    let batch = Batch::of(vec![state(Added, "a", 1, 1)]);
    let trouble = sink.publish(&batch).await.unwrap().trouble.unwrap();
    assert!(trouble.contains("for something else"), "{trouble}");
    assert_eq!(messages(&nats).await, 0);
}

/// There is no room for another stream: the messages arrive, and the status says
/// what does not work.
#[tokio::test]
async fn where_it_may_not_remember_it_says_so_and_delivers() {
    let refused = "accounts { MEEK: { users: [ { user: meek, password: p } ], \
        jetstream { max_streams: 1 } } }";
    let Some(nats) = NatsServer::builder()
        .jetstream()
        .config(refused)
        .start_or_skip()
    else {
        return;
    };
    let url = nats.url().replace("nats://", "nats://meek:p@");
    let mut sink = open(&format!("{url}?durable")).unwrap();
    let scope = ClusterId::new(SCOPE).unwrap();
    let known = eventually("it goes on without", DEADLINE, async || {
        sink.recall(&scope).await.ok()
    })
    .await;
    assert!(known.is_empty());
    let deliveries = vec![state(Added, "a", 1, 1)];
    let published = sink.publish(&Batch::of(deliveries)).await.unwrap();
    let trouble = published.trouble.unwrap();
    assert!(
        trouble.contains("MESHSYNC_KEYS") && trouble.contains("--state-dir"),
        "{trouble}"
    );
}
