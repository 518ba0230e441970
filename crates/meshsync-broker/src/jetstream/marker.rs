//! Telling consumers what is complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::header::HeaderValue;
use async_nats::jetstream::context::PublishErrorKind;
use bytes::Bytes;
use jiff::Timestamp;
use meshsync_model::wire::head::RecordHead;
use meshsync_model::wire::record::{self, Origin};
use meshsync_model::{EventType, Resource, ResourceId};
use tokio::time::Instant;

use super::envelope::{EXPECTED, EXPECTED_OF, Id, headers};
use super::held::Held;
use super::session::Session;
use super::subject;
use crate::{Delivery, SinkError};

/// A marker that is refused is sent again this often.
const TRIES_MAX: u32 = 8;

/// The resources that consumers were told are complete, and how that was said.
#[derive(Debug)]
pub(super) struct Told {
    platform: String,
    tiers: BTreeMap<ResourceId, (Arc<Resource>, String)>,
    /// When the digests were said last.
    at: Instant,
}

impl Told {
    pub(super) fn new() -> Self {
        Self {
            platform: String::new(),
            tiers: BTreeMap::new(),
            at: Instant::now(),
        }
    }

    /// How long ago the digests were said.
    pub(super) fn age(&self) -> std::time::Duration {
        self.at.elapsed()
    }

    /// Resources whose digests are to be said once more, from now on.
    pub(super) fn again(&mut self) -> Vec<Arc<Resource>> {
        self.at = Instant::now();
        let tiers = self.tiers.values();
        tiers.map(|(resource, _)| Arc::clone(resource)).collect()
    }

    fn note(&mut self, resource: &Arc<Resource>, marker: &RecordHead<'_>) {
        marker.platform.as_ref().clone_into(&mut self.platform);
        let tier = marker.tier.clone().into_owned();
        self.tiers
            .insert(resource.id(), (Arc::clone(resource), tier));
    }
}

impl Session {
    /// Everything of a resource, or of all of them, was given before: what the
    /// stream holds beside it is gone, and consumers are told what is complete.
    pub(super) async fn synced(
        &mut self,
        held: &mut Held,
        told: &mut Told,
        delivery: &Delivery,
        id: Id,
    ) -> Result<(), SinkError> {
        let marker = &delivery.payload;
        let head = RecordHead::parse(marker)
            .map_err(|error| SinkError::unavailable("a marker cannot be read", error))?;
        match &delivery.resource {
            Some(resource) => {
                let platform = head.platform.as_ref();
                self.sweep(held, platform, &resource.id(), 0, id).await?;
                told.note(resource, &head);
                self.digest(held, resource, marker, id).await
            }
            None => {
                self.sweep_resources(held, &head.platform, marker, id)
                    .await?;
                let more = format!(r#","epoch":{}}}"#, self.writer.claim.epoch);
                let subject = subject::full_sync(&self.writer.scope);
                self.control(subject, None, with(marker, &more), id).await
            }
        }
    }

    /// Says once more how many objects of a resource there are, and their digest,
    /// so that a consumer that lost something notices.
    pub(super) async fn digest_again(
        &mut self,
        held: &Held,
        told: &Told,
        resource: &Arc<Resource>,
        id: Id,
    ) -> Result<(), SinkError> {
        let Some((_, tier)) = told.tiers.get(&resource.id()) else {
            return Ok(());
        };
        let (count, _) = held.summary(&resource.id());
        let origin = Origin {
            platform: &told.platform,
            scope: &self.writer.scope,
            tier,
            observed: Timestamp::now(),
        };
        let mut marker = Vec::new();
        record::push_count(&mut marker, &origin, resource, count);
        self.digest(held, resource, &marker, id).await
    }

    async fn digest(
        &mut self,
        held: &Held,
        resource: &Arc<Resource>,
        marker: &[u8],
        id: Id,
    ) -> Result<(), SinkError> {
        let epoch = self.writer.claim.epoch;
        let (count, digest) = held.summary(&resource.id());
        let more = format!(r#","epoch":{epoch},"count":{count},"digest":"{digest}"}}"#);
        let subject = subject::synced(&self.writer.scope, &resource.id());
        let body = with(marker, &more);
        self.control(subject, Some(resource), body, id).await
    }

    async fn control(
        &mut self,
        subject: String,
        resource: Option<&Resource>,
        body: Bytes,
        id: Id,
    ) -> Result<(), SinkError> {
        let record = RecordHead::parse(&body)
            .map_err(|error| SinkError::unavailable("a marker cannot be read", error))?;
        let resource = resource.map(Resource::id);
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
}

/// A record with more members; it ends with its closing brace.
fn with(record: &[u8], more: &str) -> Bytes {
    let record = record.strip_suffix(b"}").unwrap_or(record);
    [record, more.as_bytes()].concat().into()
}
