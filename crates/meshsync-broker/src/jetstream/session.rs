//! One connection to the streams, from the first look at them on.

use std::borrow::Cow;
use std::collections::HashSet;

use async_nats::header::HeaderValue;
use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use jiff::Timestamp;
use meshsync_model::wire::head::RecordHead;
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ClusterId, Context, Deleted, EventType, Gvk, ObjectKey, ObjectRef, Resource,
    ResourceId, Tier,
};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::claim::Claim;
use super::envelope::{EXPECTED, EXPECTED_OF, Envelope, Id, headers};
use super::held::{Entry, Held, Place};
use super::outgoing::Writer;
use super::pipeline::Pipeline;
use super::recall::read_back;
use super::streams::{self, Abilities};
use super::subject;
use super::url::JetStreamUrl;
use crate::{Delivery, Published, SinkError};

/// Objects that are swept away at a time.
const SWEEP_MAX: usize = 1000;

/// Events are recorded from this time on, however incomplete the picture is.
const EVENTS_AFTER: Duration = Duration::from_secs(30);

/// A marker that is refused is sent again this often.
const TRIES_MAX: u32 = 8;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Session {
    pub(super) pipeline: Pipeline,
    pub(super) writer: Writer,
    /// Requests to empty the stream, where they are allowed.
    pub(super) requests: Option<Subscriber>,
    /// When what the stream holds was read back.
    read: Instant,
    /// Whether there is a stream of events.
    events: bool,
}

/// What is found when a session begins.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) session: Session,
    /// Resources of which the stream lacks something that it had confirmed.
    pub(super) lost: Vec<ResourceId>,
}

impl Session {
    /// Makes or checks the streams, makes or checks the claim, and reads back
    /// what the stream holds.
    pub(super) async fn open(
        client: Client,
        url: &JetStreamUrl,
        (scope, holder): (&str, &str),
        claim: Option<Claim>,
        held: &mut Held,
        doubt: &HashSet<Place>,
    ) -> Result<Opened, SinkError> {
        let context = jetstream::new(client.clone());
        let abilities = Abilities::of(&client.server_info().version);
        let stream = streams::state(&context, url, abilities).await?;
        let events = streams::has_events(&context, url).await?;
        let claim = match claim {
            Some(mut claim) => {
                claim.hold(&context, &stream, scope).await?;
                claim
            }
            None => Claim::make(&context, &stream, scope, holder).await?,
        };
        let mut read = Held::default();
        let reading = read_back(&stream, scope, None, |last| {
            let entry = Entry::new(last.seq, last.envelope.mark(last.subject));
            read.note(&last.key.resource, Place::of(last.subject), entry);
        });
        reading.await?;
        let lost = held.replace(read, doubt);
        let requests = match url.flush {
            true => {
                let subscribed = client.subscribe(subject::flush(scope)).await;
                let failed = |error| SinkError::unavailable("failed to subscribe", error);
                Some(subscribed.map_err(failed)?)
            }
            false => None,
        };
        let replicated = streams::replicas(stream.cached_info()) > 1;
        let writer = Writer {
            scope: scope.to_owned(),
            claim,
            abilities,
            replicated,
            tombstones: url.tombstones,
        };
        Ok(Opened {
            session: Self {
                pipeline: Pipeline::new(client, context, stream).await?,
                writer,
                requests,
                read: Instant::now(),
                events,
            },
            lost,
        })
    }

    /// How long ago it was found out what the stream holds.
    pub(super) fn age(&self) -> Duration {
        self.read.elapsed()
    }

    /// Makes the stream of events where there is none, after the first full picture
    /// was written or at the latest after some time: copying it takes a broker as
    /// long as taking it, and until then nobody has a history to read.
    pub(super) async fn record_events(
        &mut self,
        url: &JetStreamUrl,
        is_full: bool,
    ) -> Result<(), SinkError> {
        if !self.events && (is_full || self.age() >= EVENTS_AFTER) {
            streams::make_events(&self.pipeline.context, url).await?;
            self.events = true;
        }
        Ok(())
    }

    /// Publishes deliveries of objects.
    pub(super) async fn objects(
        &mut self,
        held: &mut Held,
        deliveries: &[Delivery],
        id: impl Fn(usize) -> Id,
    ) -> Result<Published, SinkError> {
        self.pipeline
            .run(&mut self.writer, held, deliveries, id)
            .await
    }

    /// Everything of a resource, or of all of them, was given before: what the
    /// stream holds beside it is gone, and consumers are told what is complete.
    pub(super) async fn synced(
        &mut self,
        held: &mut Held,
        delivery: &Delivery,
        id: Id,
    ) -> Result<(), SinkError> {
        let epoch = self.writer.claim.epoch;
        let mut body = delivery.payload.to_vec();
        // A record ends with its closing brace.
        body.pop();
        let scope = self.writer.scope.clone();
        let scope = scope.as_str();
        let subject = match delivery.resource.as_deref() {
            Some(resource) => {
                let resource = Arc::new(resource.clone());
                let subject = subject::synced(scope, &resource.id());
                self.sweep(held, &resource.id(), 0, id).await?;
                let (count, digest) = held.summary(&resource.id());
                body.extend_from_slice(
                    format!(r#","epoch":{epoch},"count":{count},"digest":"{digest}"}}"#).as_bytes(),
                );
                subject
            }
            None => {
                self.sweep_resources(held, &delivery.payload, id).await?;
                body.extend_from_slice(format!(r#","epoch":{epoch}}}"#).as_bytes());
                subject::full_sync(scope)
            }
        };
        self.control(subject, delivery, body.into(), id).await
    }

    async fn control(
        &mut self,
        subject: String,
        delivery: &Delivery,
        body: Bytes,
        id: Id,
    ) -> Result<(), SinkError> {
        let record = RecordHead::parse(&body)
            .map_err(|error| SinkError::unavailable("a marker cannot be read", error))?;
        let resource = delivery.resource.as_deref().map(Resource::id);
        let about = resource
            .as_ref()
            .map_or(Vec::new(), |id| vec![&*id.group, &*id.plural]);
        let scope = self.writer.scope.clone();
        for _ in 0..TRIES_MAX {
            let mut headers = headers(EventType::Synced, &record, &about, id);
            if self.writer.abilities.guards {
                headers.insert(EXPECTED, HeaderValue::from(self.writer.claim.seq));
                headers.insert(EXPECTED_OF, subject::claim(&scope));
            }
            let context = &self.pipeline.context;
            let sent = context.publish_with_headers(subject.clone(), headers, body.clone());
            let acknowledged = match sent.await {
                Ok(sent) => sent.await,
                Err(error) => Err(error),
            };
            match acknowledged {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                    let stream = &self.pipeline.stream;
                    self.writer.claim.hold(context, stream, &scope).await?;
                }
                Err(error) => {
                    return Err(SinkError::unavailable(
                        "failed to publish a marker (is a limit of the stream reached, or the \
                         disk full?)",
                        error,
                    ));
                }
            }
        }
        Err(SinkError::Unavailable {
            what: "a marker is refused again and again".to_owned(),
            source: None,
        })
    }

    /// Says of every object of a resource that is observed no more that it is
    /// gone: the resource was deleted, or left out, while nobody looked. What the
    /// server could not be asked about stays.
    async fn sweep_resources(
        &mut self,
        held: &mut Held,
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
                parts = self.sweep(held, &id, parts, marker).await?;
            }
        }
        Ok(())
    }

    /// Says of every object of a resource that the stream holds and this run was
    /// not given that it is gone. Returns how many `parts` of the marker that makes
    /// with those before.
    async fn sweep(
        &mut self,
        held: &mut Held,
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
                .map(|(key, envelope)| gone_delivery(&scope, key, envelope))
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

/// What says that an object is gone of which only the identity is known.
fn gone_delivery(scope: &str, key: &ObjectKey, envelope: &Envelope) -> Delivery {
    let version = envelope.api_version.rsplit('/').next().unwrap_or_default();
    let gvk = Gvk::new(&*key.resource.group, version, &*envelope.kind);
    let namespaced = key.namespace.is_some();
    let resource = Arc::new(Resource::new(gvk, &*key.resource.plural, namespaced));
    let mut payload = Vec::new();
    if let Some(scope) = ClusterId::new(scope) {
        let context = Context {
            scope: &scope,
            resource: &resource,
            tier: Tier::parse(&envelope.tier).unwrap_or(Tier::Detail),
            observed: Timestamp::now(),
            reason: None,
        };
        let object = ObjectRef {
            namespace: key.namespace.as_deref(),
            name: &key.name,
            uid: &envelope.uid,
        };
        let change = Change::Deleted(Deleted::Partial(object));
        record::push_record(&mut payload, &context, &change, None);
    }
    Delivery {
        event: EventType::Deleted,
        resource: Some(resource),
        key: Some(Arc::new(key.clone())),
        payload: payload.into(),
        subject: None,
    }
}
