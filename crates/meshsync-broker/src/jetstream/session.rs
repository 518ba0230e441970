//! One connection to the streams, from the first look at them on.

use std::collections::HashSet;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, Subscriber};
use meshsync_model::ResourceId;
use tokio::time::Instant;

use super::claim::Claim;
use super::envelope::Id;
use super::held::{Entry, Held, Place};
use super::outgoing::Writer;
use super::pipeline::Pipeline;
use super::recall::read_back;
use super::streams::{self, Abilities};
use super::subject;
use super::sweep::Expired;
use super::url::JetStreamUrl;
use crate::{Delivery, Published, SinkError};

/// Events are recorded from this time on, however incomplete the picture is.
const EVENTS_AFTER: Duration = Duration::from_secs(30);

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
        let mut abilities = Abilities::of(&client.server_info().version);
        let stream = streams::state(&context, url, abilities).await?;
        abilities.expiry = streams::expires(stream.cached_info(), abilities);
        let events = streams::has_events(&context, url).await?;
        let claim = match claim {
            Some(mut claim) => {
                claim.hold(&context, &stream, scope).await?;
                claim
            }
            None => Claim::make(&context, &stream, scope, holder).await?,
        };
        let mut read = Held::default();
        let mut expired = Expired::after(url.tombstones);
        let reading = read_back(&stream, scope, None, |last| {
            if !abilities.expiry && expired.takes(&last) {
                return;
            }
            let entry = Entry::new(last.seq, last.envelope.mark(last.subject));
            read.note(&last.key.resource, Place::of(last.subject), entry);
        });
        reading.await?;
        expired.sweep(&stream).await;
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
}
