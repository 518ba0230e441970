//! What the stream holds and nobody has: objects that went while nobody looked,
//! and tombstones that a server does not end by itself.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::stream::Stream;
use jiff::Timestamp;
use meshsync_model::wire::record::{self, Origin};
use meshsync_model::{EventType, Gvk, ObjectKey, ObjectRef, Resource, ResourceId};
use serde::Deserialize;

use super::envelope::{Envelope, Id};
use super::held::{Held, Place};
use super::recall::{Last, read_back};
use super::session::Session;
use crate::{Delivery, SinkError};

/// Objects that are swept away at a time.
const SWEEP_MAX: usize = 1000;

/// Tombstones that are ended after one reading; the others wait for the next.
const TOMBSTONES_MAX: usize = 10_000;

impl Session {
    /// Says of every object of a resource that is observed no more that it is
    /// gone: the resource was deleted, or left out, while nobody looked. What the
    /// server could not be asked about stays.
    pub(super) async fn sweep_resources(
        &mut self,
        held: &mut Held,
        platform: &str,
        full_sync: &[u8],
        marker: Id,
    ) -> Result<(), SinkError> {
        let Ok(known) = serde_json::from_slice::<Known<'_>>(full_sync) else {
            return Ok(());
        };
        let mut parts = 0;
        for id in held.stray_resources() {
            let observed = known.resources.iter().any(|name| **name == id.to_string());
            let unknown = known.unavailable.iter().any(|group| **group == id.group);
            // Fingerprints are no resource of the server.
            let ours = id == Resource::fingerprints().id();
            if !observed && !unknown && !ours {
                parts = self.sweep(held, platform, &id, parts, marker).await?;
            }
        }
        Ok(())
    }

    /// Says of every object of a resource that the stream holds and this run was
    /// not given that it is gone. Returns how many `parts` of the marker that makes
    /// with those before.
    pub(super) async fn sweep(
        &mut self,
        held: &mut Held,
        platform: &str,
        id: &ResourceId,
        parts: usize,
        marker: Id,
    ) -> Result<usize, SinkError> {
        let strays = held.strays(id);
        if strays == 0 {
            return Ok(parts);
        }
        tracing::info!(resource = %id, objects = strays, "gone while nobody looked");
        let mut gone: Vec<(ObjectKey, Envelope)> = Vec::new();
        let (stream, scope) = (&self.pipeline.stream, self.writer.scope.clone());
        let reading = read_back(stream, &scope, Some(id), |last| {
            if held.is_stray(id, Place::of(last.subject)) {
                gone.push((last.key, last.envelope));
            }
        });
        reading.await?;
        for (nth, chunk) in gone.chunks(SWEEP_MAX).enumerate() {
            let deliveries: Vec<Delivery> = chunk
                .iter()
                .map(|(key, envelope)| missed(&scope, platform, key, envelope))
                .collect();
            // They stand for the marker, which comes behind them.
            let id = move |at: usize| Id {
                part: parts + nth * SWEEP_MAX + at + 1,
                ..marker
            };
            self.objects(held, &deliveries, id).await?;
        }
        Ok(parts + gone.len())
    }
}

/// What the record of a full sync says of resources.
#[derive(Deserialize)]
struct Known<'a> {
    #[serde(borrow)]
    resources: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    unavailable: Vec<Cow<'a, str>>,
}

/// What says that an object is gone of which only the identity is known, and not
/// why it went.
fn missed(scope: &str, platform: &str, key: &ObjectKey, envelope: &Envelope) -> Delivery {
    let version = envelope.api_version.rsplit('/').next().unwrap_or_default();
    let gvk = Gvk::new(&*key.resource.group, version, &*envelope.kind);
    let namespaced = key.namespace.is_some();
    let resource = Arc::new(Resource::new(gvk, &*key.resource.plural, namespaced));
    let origin = Origin {
        platform,
        scope,
        tier: &envelope.tier,
        observed: Timestamp::now(),
    };
    let object = ObjectRef {
        namespace: key.namespace.as_deref(),
        name: &key.name,
        uid: &envelope.uid,
    };
    let mut payload = Vec::new();
    record::push_missed(&mut payload, &origin, &resource, object);
    Delivery {
        event: EventType::Deleted,
        resource: Some(resource),
        key: Some(Arc::new(key.clone())),
        payload: payload.into(),
        subject: None,
    }
}

/// Tombstones that are older than they should get, in a stream whose messages
/// cannot say when they expire.
#[derive(Debug)]
pub(super) struct Expired {
    age_max: Duration,
    now: SystemTime,
    seqs: Vec<u64>,
}

impl Expired {
    pub(super) fn after(age_max: Duration) -> Self {
        Self {
            age_max,
            now: SystemTime::now(),
            seqs: Vec::new(),
        }
    }

    /// Takes a message down if it is one.
    pub(super) fn takes(&mut self, last: &Last<'_>) -> bool {
        let age = self.now.duration_since(last.at).unwrap_or_default();
        let is_one = last.envelope.event == EventType::Deleted
            && age >= self.age_max
            && self.seqs.len() < TOMBSTONES_MAX;
        if is_one {
            self.seqs.push(last.seq);
        }
        is_one
    }

    /// Ends them. Each by its sequence: what came after it on its subject has
    /// another, and stays. One that cannot be ended is met again.
    pub(super) async fn sweep(self, stream: &Stream) {
        if self.seqs.is_empty() {
            return;
        }
        let mut ended = 0;
        for seq in self.seqs {
            match stream.delete_message(seq).await {
                Ok(_) => ended += 1,
                Err(error) => tracing::debug!(seq, %error, "a tombstone is not ended"),
            }
        }
        tracing::info!(
            ended,
            "ended old tombstones: the stream does not do so by itself (allow_msg_ttl)"
        );
    }
}
