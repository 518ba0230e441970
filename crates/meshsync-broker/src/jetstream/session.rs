//! One connection to the streams, from the first look at them on.

use std::collections::HashSet;

use async_nats::Client;
use async_nats::header::HeaderValue;
use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use bytes::Bytes;
use jiff::Timestamp;
use meshsync_model::wire::head::RecordHead;
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ClusterId, Context, Deleted, EventType, ObjectKey, ObjectRef, Resource, Tier,
};
use std::sync::Arc;

use super::claim::Claim;
use super::envelope::{EXPECTED, EXPECTED_OF, headers};
use super::held::{Entry, Held, Place};
use super::outgoing::Writer;
use super::pipeline::Pipeline;
use super::recall::read_back;
use super::streams::{self, Abilities};
use super::subject;
use super::url::JetStreamUrl;
use crate::{Delivery, Rejected, SinkError};

/// Objects that are swept away at a time.
const SWEEP_MAX: usize = 1000;

/// A marker that is refused is sent again this often.
const TRIES_MAX: u32 = 8;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Session {
    pub(super) pipeline: Pipeline,
    pub(super) writer: Writer,
    /// Number of the next message that stands for no delivery of ours.
    own: u64,
}

/// What is found when a session begins.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) session: Session,
    /// Resources of which the stream lacks something that it had confirmed.
    pub(super) lost: Vec<meshsync_model::ResourceId>,
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
        let stream = streams::ready(&context, url, abilities).await?;
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
                own: 0,
            },
            lost,
        })
    }

    /// Publishes deliveries of objects.
    pub(super) async fn objects(
        &mut self,
        held: &mut Held,
        deliveries: &[Delivery],
        id: impl Fn(usize) -> (u64, u64),
    ) -> Result<Vec<Rejected>, SinkError> {
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
        id: (u64, u64),
    ) -> Result<(), SinkError> {
        let epoch = self.writer.claim.epoch;
        let mut body = delivery.payload.to_vec();
        // A record ends with its closing brace.
        body.pop();
        let scope = &self.writer.scope;
        let subject = match delivery.resource.as_deref() {
            Some(resource) => {
                let resource = Arc::new(resource.clone());
                let subject = subject::synced(scope, &resource.id());
                self.sweep(held, &resource).await?;
                let (count, digest) = held.summary(&resource.id());
                body.extend_from_slice(
                    format!(r#","epoch":{epoch},"count":{count},"digest":"{digest}"}}"#).as_bytes(),
                );
                subject
            }
            None => {
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
        id: (u64, u64),
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

    /// Says of every object of a resource that the stream holds and this run was
    /// not given that it is gone.
    async fn sweep(&mut self, held: &mut Held, resource: &Arc<Resource>) -> Result<(), SinkError> {
        let id = resource.id();
        let strays = held.strays(&id);
        if strays == 0 {
            return Ok(());
        }
        tracing::info!(resource = %id, objects = strays, "gone while nobody looked");
        let mut gone: Vec<(ObjectKey, String)> = Vec::new();
        let (stream, scope) = (&self.pipeline.stream, self.writer.scope.clone());
        let reading = read_back(stream, &scope, Some(&id), |last| {
            if held.is_stray(&id, Place::of(last.subject)) {
                gone.push((last.key, last.envelope.uid));
            }
        });
        reading.await?;
        for chunk in gone.chunks(SWEEP_MAX) {
            let deliveries: Vec<Delivery> = chunk
                .iter()
                .map(|(key, uid)| gone_delivery(&scope, resource, key, uid))
                .collect();
            let (epoch, first) = (self.writer.claim.epoch, self.own);
            self.own += deliveries.len() as u64;
            // Numbers of their own, above those of deliveries.
            let id = move |at: usize| (epoch, OWN_NUMBERS + first + at as u64);
            self.objects(held, &deliveries, id).await?;
        }
        Ok(())
    }
}

/// Where the numbers of messages begin that stand for no delivery.
const OWN_NUMBERS: u64 = 1 << 62;

/// What says that an object is gone of which only the identity is known.
fn gone_delivery(scope: &str, resource: &Arc<Resource>, key: &ObjectKey, uid: &str) -> Delivery {
    let mut payload = Vec::new();
    if let Some(scope) = ClusterId::new(scope) {
        let context = Context {
            scope: &scope,
            resource,
            tier: Tier::Detail,
            observed: Timestamp::now(),
        };
        let object = ObjectRef {
            namespace: key.namespace.as_deref(),
            name: &key.name,
            uid,
        };
        let change = Change::Deleted(Deleted::Partial(object));
        record::push_record(&mut payload, &context, &change, None);
    }
    Delivery {
        event: EventType::Deleted,
        resource: Some(Arc::clone(resource)),
        key: Some(Arc::new(key.clone())),
        payload: payload.into(),
        subject: None,
    }
}
