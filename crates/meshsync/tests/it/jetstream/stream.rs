//! What a consumer finds in the streams.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use meshsync::jetstream::{Digest, Envelope, Subject};
use meshsync_model::EventType;
use meshsync_testkit::NatsServer;
use serde_json::Value;

use crate::support::Key;

/// One message of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) seq: u64,
    pub(crate) raw_subject: String,
    pub(crate) subject: Subject,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) body: Value,
}

impl Message {
    pub(crate) fn key(&self) -> Option<Key> {
        let Subject::Object { key, .. } = &self.subject else {
            return None;
        };
        Some((
            key.resource.to_string(),
            key.namespace.as_deref().unwrap_or_default().to_owned(),
            key.name.to_string(),
        ))
    }

    pub(crate) fn event(&self) -> Option<EventType> {
        self.envelope.as_ref().map(|envelope| envelope.event)
    }
}

pub(crate) async fn context(nats: &NatsServer) -> async_nats::jetstream::Context {
    let client = async_nats::connect(nats.url()).await.unwrap();
    async_nats::jetstream::new(client)
}

/// Everything a stream holds, in order.
pub(crate) async fn read(nats: &NatsServer, stream: &str) -> Vec<Message> {
    let stream = context(nats).await.get_stream(stream).await.unwrap();
    loop {
        if let Some(found) = read_once(&stream).await {
            return found;
        }
    }
}

/// `None` where the rest does not come: what is removed while it is waited for never
/// does, and nothing says so.
async fn read_once(stream: &Stream) -> Option<Vec<Message>> {
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut pending = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await.unwrap();
    let mut found = Vec::new();
    while pending > 0 {
        let next = tokio::time::timeout(Duration::from_secs(5), messages.next());
        let message = next.await.ok()?.unwrap().unwrap();
        let info = message.info().unwrap();
        pending = info.pending;
        found.push(Message {
            seq: info.stream_sequence,
            raw_subject: message.subject.to_string(),
            subject: Subject::parse(&message.subject).unwrap(),
            envelope: message
                .headers
                .as_ref()
                .and_then(|h| Envelope::read(h).ok()),
            body: serde_json::from_slice(&message.payload).unwrap_or_default(),
        });
    }
    Some(found)
}

pub(crate) async fn state(nats: &NatsServer) -> Vec<Message> {
    read(nats, "MESHSYNC_STATE").await
}

/// uid and resourceVersion of every live object, from the bodies; headers say the
/// same.
pub(crate) fn live(messages: &[Message]) -> BTreeMap<Key, (String, String)> {
    let mut live = BTreeMap::new();
    for message in messages {
        let Some(key) = message.key() else { continue };
        if message.event() == Some(EventType::Deleted) {
            assert_eq!(message.body["event"], "DELETED");
            continue;
        }
        let metadata = &message.body["object"]["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let version = (text("uid"), text("resourceVersion"));
        let envelope = message.envelope.as_ref().unwrap();
        assert_eq!((&envelope.uid, &envelope.version), (&version.0, &version.1));
        let before = live.insert(key, version);
        assert!(before.is_none(), "two states of one object");
    }
    live
}

/// Count and digest of every resource as a consumer computes them.
pub(crate) fn digests(messages: &[Message]) -> BTreeMap<String, (u64, String)> {
    let mut digests: BTreeMap<String, (u64, Digest)> = BTreeMap::new();
    for message in messages {
        let Some((resource, ..)) = message.key() else {
            continue;
        };
        let entry = digests.entry(resource).or_default();
        if let Some(mark) = message
            .envelope
            .as_ref()
            .unwrap()
            .mark(&message.raw_subject)
        {
            entry.0 += 1;
            entry.1 = entry.1.with(mark);
        }
    }
    digests
        .into_iter()
        .map(|(resource, (count, digest))| (resource, (count, digest.to_string())))
        .collect()
}

/// What the markers say of every resource: count and digest.
pub(crate) fn markers(messages: &[Message]) -> BTreeMap<String, (u64, String)> {
    messages
        .iter()
        .filter_map(|message| match &message.subject {
            Subject::Synced { resource, .. } => Some((
                resource.to_string(),
                (
                    message.body["count"].as_u64().unwrap(),
                    message.body["digest"].as_str().unwrap().to_owned(),
                ),
            )),
            _ => None,
        })
        .collect()
}

/// Sequence of the last message of an object.
pub(crate) fn last_object(messages: &[Message]) -> u64 {
    let objects = messages.iter().filter(|message| message.key().is_some());
    objects.map(|message| message.seq).max().unwrap_or(0)
}
