//! A writer that another one came after writes nothing more, whatever it still
//! holds.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures::StreamExt;
use meshsync_broker::jetstream::{Envelope, Subject};
use meshsync_broker::{Batch, Delivery, Sink, SinkError, sinks::open};
use meshsync_model::EventType::{Added, Deleted, Modified};
use meshsync_testkit::{NatsCluster, NatsServer};

use crate::deliveries::{gone, state, synced};

/// The sink URL for the servers of a NATS URL.
pub(crate) fn url_of(nats: &str) -> String {
    nats.replace("nats://", "").replacen("", "jetstream://", 1)
}

/// The resourceVersion of every live object, by name.
pub(crate) async fn last_states(url: &str) -> BTreeMap<String, u64> {
    let servers: Vec<String> = url.split(',').map(str::to_owned).collect();
    let client = async_nats::connect(servers).await.unwrap();
    let stream = async_nats::jetstream::new(client)
        .get_stream("MESHSYNC_STATE")
        .await
        .unwrap();
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::LastPerSubject,
        headers_only: true,
        filter_subject: "meshsync.v1.*.obj.>".to_owned(),
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut pending = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await.unwrap();
    let mut found = BTreeMap::new();
    while pending > 0 {
        let message = messages.next().await.unwrap().unwrap();
        pending = message.info().unwrap().pending;
        let Subject::Object { key, .. } = Subject::parse(&message.subject).unwrap() else {
            continue;
        };
        let envelope = Envelope::read(message.headers.as_ref().unwrap()).unwrap();
        if envelope.event != Deleted {
            found.insert(key.name.to_string(), envelope.version.parse().unwrap());
        }
    }
    found
}

async fn take(sink: &mut dyn Sink, deliveries: Vec<Delivery>) {
    let batch = Batch::of(deliveries);
    for _ in 0..200 {
        match sink.publish(&batch).await {
            Ok(published) => {
                assert!(published.rejected.is_empty(), "{:?}", published.rejected);
                return;
            }
            // A cluster takes its time to elect leaders.
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("not taken");
}

/// The old writer is paused with work in hand, the new one takes over, the old
/// one wakes up.
async fn check(url: &str, replicas: usize) {
    let url_of_sink = format!("{}?replicas={replicas}", url_of(url));
    let mut old = open(&url_of_sink).unwrap();
    let many = 1500;
    let name = |n: usize| format!("object-{n}");
    // Pipelined: all of them are on their way at once.
    let first = (0..many).map(|n| state(Added, &name(n), 1, 100)).collect();
    take(&mut *old, first).await;
    take(&mut *old, vec![state(Added, "was-there", 1, 10)]).await;
    take(&mut *old, vec![gone("was-there")]).await;

    let mut new = open(&url_of_sink).unwrap();
    let mut all: Vec<_> = (1..many).map(|n| state(Added, &name(n), 1, 100)).collect();
    all.push(state(Modified, &name(1), 7, 100));
    all.push(synced(many as u64 - 1));
    take(&mut *new, all).await;
    let before = last_states(url).await;
    assert_eq!(before.len(), many - 1);
    assert_eq!(before[&name(1)], 7);

    // What the old one still holds: a change, a delete, an object that came and
    // went meanwhile without a trace, and one under a tombstone; and many more,
    // pipelined.
    let mut late = vec![
        state(Modified, &name(1), 2, 10),
        gone(&name(2)),
        state(Added, "came-and-went", 3, 10),
        state(Added, "was-there", 4, 10),
    ];
    late.extend((0..many).map(|n| state(Added, &format!("late-{n}"), 5, 10)));
    let error = old.publish(&Batch::of(late)).await.unwrap_err();
    assert!(matches!(error, SinkError::Superseded { .. }), "{error}");
    assert!(!error.is_retryable());
    let after = last_states(url).await;
    let differs = |(name, version): &(&String, &u64)| before.get(*name) != Some(*version);
    let surplus: Vec<_> = after.iter().filter(differs).take(5).collect();
    let lost = before.keys().find(|name| !after.contains_key(*name));
    assert!(surplus.is_empty() && lost.is_none(), "{surplus:?} {lost:?}");
}

#[tokio::test]
async fn a_revived_writer_is_refused() {
    let Some(nats) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    check(&nats.url(), 1).await;
}

#[tokio::test]
async fn a_revived_writer_is_refused_by_a_replicated_stream() {
    let Some(cluster) = NatsCluster::start_or_skip(3) else {
        return;
    };
    check(&cluster.url(), 3).await;
}
