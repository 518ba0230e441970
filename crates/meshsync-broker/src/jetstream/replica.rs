//! Following the state stream.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use futures::StreamExt;
use meshsync_model::{ObjectKey, ResourceId};
use serde::Deserialize;

use super::envelope::Envelope;
use super::held::{Entry, Held, Place};
use super::mark::{Digest, Mark};
use super::subject::{self, STATE, Subject};
use super::url::JetStreamUrl;
use crate::sinks::nats_connect::connect;

/// A message that was to come and did not for so long is taken for one that was
/// removed from the stream meanwhile.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// How far a reader has come: it is continued there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// When the stream was made, in nanoseconds since 1970: another one has other
    /// sequences.
    pub stream: i128,
    /// Sequence of the last message that was read.
    pub seq: u64,
}

/// Where a [`Replica`] begins.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// Where the reader was; `None` to begin with everything.
    pub position: Option<Position>,
    /// How long ago that was: longer than tombstones live means everything.
    pub away: Duration,
    /// What the reader holds: subject and mark of each object.
    pub known: Vec<(String, Mark)>,
}

/// What a [`Replica`] finds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The last message of an object.
    Object(Box<ObjectMessage>),
    /// A `SYNCED`.
    Marker(Marker),
    /// All that the stream held at the start has been read. After a full reading,
    /// what the reader holds and [`Replica::holds`] denies is gone.
    CaughtUp {
        /// Whether everything was read, and not only what is new.
        full: bool,
    },
    /// A resource of which the reader had not what the writer has was read again:
    /// what the reader holds of it and [`Replica::holds`] denies is gone.
    Repaired {
        /// The cluster.
        scope: String,
        /// The resource.
        resource: ResourceId,
    },
}

/// The last message of an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectMessage {
    /// Its subject.
    pub subject: String,
    /// The cluster.
    pub scope: String,
    /// The object.
    pub key: ObjectKey,
    /// Its headers.
    pub envelope: Envelope,
    /// Its sequence.
    pub seq: u64,
    /// The record.
    pub record: Bytes,
}

/// A `SYNCED`, compared with what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Marker {
    /// The cluster.
    pub scope: String,
    /// The resource; `None` for all of them.
    pub resource: Option<ResourceId>,
    /// How many objects there should be.
    pub count: u64,
    /// What it means for the reader.
    pub verdict: Verdict,
    /// The record.
    pub record: Bytes,
}

/// What a marker means for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The reader has everything of the resource.
    Complete,
    /// More was on its way: the next marker tells.
    Open,
    /// The reader and the writer do not have the same of the resource. It is read
    /// again.
    Diverged,
}

/// Why the stream cannot be followed. Calling again tries again.
#[derive(Debug, thiserror::Error)]
#[error("failed to follow {url}: {what}")]
pub struct ReplicaError {
    url: String,
    what: &'static str,
    #[source]
    source: async_nats::Error,
}

/// Follows the state stream, from a position or from the beginning, over breaks
/// of the connection.
///
/// What it keeps is 24 bytes per object and what a hash table adds.
#[derive(Debug)]
pub struct Replica {
    url: JetStreamUrl,
    held: HashMap<String, Held>,
    position: Option<Position>,
    away: Duration,
    reading: Option<Reading>,
    /// Said once, before the next message.
    caught_up: Option<bool>,
    /// The next reading is of one resource, which differs.
    repair: Option<(String, ResourceId)>,
    /// Said once, before the next message.
    repaired: Option<(String, ResourceId)>,
    /// A reading of everything has not come to its end.
    full: bool,
}

struct Reading {
    messages: Ordered,
    caught_up: bool,
    /// It is of one resource that differed, and says nothing of any other.
    repairs: bool,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("caught_up", &self.caught_up)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct MarkerBody<'a> {
    #[serde(default)]
    count: u64,
    #[serde(default)]
    digest: Option<&'a str>,
}

impl Replica {
    /// A reader that continues as `resume` says. It connects when it is first
    /// asked for something.
    pub fn new(url: JetStreamUrl, resume: Resume) -> Self {
        let mut held: HashMap<String, Held> = HashMap::new();
        for (subject, mark) in &resume.known {
            if let Ok(Subject::Object { scope, key }) = Subject::parse(subject) {
                let entry = Entry::new(0, Some(*mark));
                let held = held.entry(scope).or_default();
                held.note(&key.resource, Place::of(subject), entry);
            }
        }
        Self {
            url,
            held,
            position: resume.position,
            away: resume.away,
            reading: None,
            caught_up: None,
            repair: None,
            repaired: None,
            full: false,
        }
    }

    /// The position behind what was found last; `None` during a reading of
    /// everything, which cannot be continued by somebody else.
    pub fn position(&self) -> Option<Position> {
        self.position
            .filter(|_| !self.full && self.caught_up != Some(true))
    }

    /// Whether the stream has a live object of this subject, as far as it was
    /// read.
    pub fn holds(&self, subject: &str) -> bool {
        let Ok(Subject::Object { scope, key }) = Subject::parse(subject) else {
            return false;
        };
        let place = Place::of(subject);
        let entry = self
            .held
            .get(&scope)
            .and_then(|held| held.find(&key.resource, place));
        entry.is_some_and(Entry::is_live)
    }

    /// How many live objects of a resource were read, and their digest.
    pub fn summary(&self, scope: &str, resource: &ResourceId) -> (u64, Digest) {
        self.held
            .get(scope)
            .map(|held| held.summary(resource))
            .unwrap_or_default()
    }

    /// Waits for the next thing. Dropping it half-way loses nothing.
    ///
    /// # Errors
    ///
    /// When the stream cannot be reached, is not there, or breaks off. The next
    /// call goes on where this one ended.
    pub async fn next(&mut self) -> Result<Event, ReplicaError> {
        loop {
            if let Some(full) = self.caught_up.take() {
                return Ok(Event::CaughtUp { full });
            }
            if let Some((scope, resource)) = self.repaired.take() {
                return Ok(Event::Repaired { scope, resource });
            }
            if self.reading.is_none() {
                self.open().await?;
                continue;
            }
            let Some(reading) = &mut self.reading else {
                continue;
            };
            let next = reading.messages.next();
            let next = match reading.caught_up {
                true => next.await,
                false => match tokio::time::timeout(QUIET_MAX, next).await {
                    Ok(next) => next,
                    // It may have been removed; what is left is asked for again.
                    Err(_) => {
                        self.reading = None;
                        continue;
                    }
                },
            };
            let message = match next {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    self.reading = None;
                    return Err(self.failed("it broke off", error.into()));
                }
                None => {
                    self.reading = None;
                    return Err(self.failed("it broke off", "the server ended it".into()));
                }
            };
            let Ok(info) = message.info() else { continue };
            let (seq, pending) = (info.stream_sequence, info.pending);
            let repairs = reading.repairs;
            let is_end = pending == 0 && !reading.caught_up;
            reading.caught_up |= is_end;
            if let Some(position) = self.position.as_mut().filter(|_| !repairs) {
                position.seq = seq;
            }
            // Before a marker that comes last is compared with what was read.
            match (is_end, repairs) {
                (true, true) => self.end_of_repair(),
                (true, false) => self.end_of_reading(),
                (false, _) => {}
            }
            let envelope = message
                .headers
                .as_ref()
                .and_then(|h| Envelope::read(h).ok());
            let subject = Subject::parse(&message.subject);
            let found = match (subject, envelope) {
                (Ok(Subject::Object { scope, key }), Some(envelope)) => {
                    Some(self.object(&message, scope, key, envelope, seq))
                }
                (Ok(Subject::Synced { scope, resource }), Some(_)) => {
                    let marker = self.marker(scope, Some(resource), &message.payload, pending);
                    Some(Event::Marker(marker))
                }
                (Ok(Subject::FullSync { scope }), Some(_)) => {
                    let marker = self.marker(scope, None, &message.payload, pending);
                    Some(Event::Marker(marker))
                }
                _ => None,
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    fn object(
        &mut self,
        message: &async_nats::Message,
        scope: String,
        key: ObjectKey,
        envelope: Envelope,
        seq: u64,
    ) -> Event {
        let held = self.held.entry(scope.clone()).or_default();
        let place = Place::of(&message.subject);
        match envelope.mark(&message.subject) {
            Some(mark) => held.give(&key.resource, place, Entry::new(seq, Some(mark))),
            None => held.forget(&key.resource, place),
        }
        Event::Object(Box::new(ObjectMessage {
            subject: message.subject.to_string(),
            scope,
            key,
            envelope,
            seq,
            record: message.payload.clone(),
        }))
    }

    /// After a reading of everything, what it did not show is not there.
    fn end_of_reading(&mut self) {
        let full = std::mem::take(&mut self.full);
        if full {
            for held in self.held.values_mut() {
                held.drop_strays(None);
            }
        }
        self.caught_up = Some(full);
    }

    /// After a reading of one resource, what it did not show of it is not there;
    /// the reading that it interrupted goes on.
    fn end_of_repair(&mut self) {
        self.reading = None;
        self.repaired = self.repair.take();
        if let Some((scope, resource)) = &self.repaired
            && let Some(held) = self.held.get_mut(scope)
        {
            held.drop_strays(Some(resource));
        }
    }

    fn marker(
        &mut self,
        scope: String,
        resource: Option<ResourceId>,
        record: &Bytes,
        pending: u64,
    ) -> Marker {
        let body: MarkerBody<'_> = serde_json::from_slice(record).unwrap_or(MarkerBody {
            count: 0,
            digest: None,
        });
        let same = resource.as_ref().is_none_or(|resource| {
            let (count, digest) = self.summary(&scope, resource);
            count == body.count && body.digest == Some(&*digest.to_string())
        });
        let verdict = match (same, pending) {
            (true, _) => Verdict::Complete,
            // What came after it has taken the place of what it was made from.
            (false, 1..) => Verdict::Open,
            (false, 0) => {
                self.repair = resource.clone().map(|resource| (scope.clone(), resource));
                self.reading = None;
                Verdict::Diverged
            }
        };
        Marker {
            scope,
            resource,
            count: body.count,
            verdict,
            record: record.clone(),
        }
    }

    async fn open(&mut self) -> Result<(), ReplicaError> {
        let client = connect(&self.url.nats).await;
        let client = client.map_err(|e| self.failed("no connection", e.into()))?;
        let context = async_nats::jetstream::new(client);
        let stream = context.get_stream(self.url.state_stream()).await;
        let stream = stream.map_err(|error| {
            self.failed(
                "there is no stream of states yet: does meshsync run with this sink?",
                error.into(),
            )
        })?;
        let info = stream.cached_info();
        let created = info.created.unix_timestamp_nanos();
        let last = info.state.last_sequence;
        let goes_on = self.position.filter(|position| {
            position.stream == created && position.seq <= last && self.away < self.url.tombstones
        });
        let everything = vec![format!("{STATE}.>")];
        // Only once there is something to go on from, and everything was read once.
        let repair = self
            .repair
            .as_ref()
            .filter(|_| goes_on.is_some() && !self.full);
        let repairs = repair.is_some();
        let (from, subjects) = match (goes_on, repair) {
            (Some(_), Some((scope, resource))) => {
                if let Some(held) = self.held.get_mut(scope) {
                    held.begin_again(Some(resource));
                }
                let subjects = subject::objects(scope, Some(resource));
                (DeliverPolicy::LastPerSubject, subjects)
            }
            (Some(position), None) => {
                let start_sequence = position.seq + 1;
                (
                    DeliverPolicy::ByStartSequence { start_sequence },
                    everything,
                )
            }
            (None, _) => {
                self.repair = None;
                for held in self.held.values_mut() {
                    held.begin_again(None);
                }
                self.position = Some(Position {
                    stream: created,
                    seq: 0,
                });
                self.full = true;
                (DeliverPolicy::LastPerSubject, everything)
            }
        };
        self.away = Duration::ZERO;
        let (messages, pending) = consume(&stream, from, subjects)
            .await
            .map_err(|error| self.failed("it cannot be read", error))?;
        let caught_up = pending == 0;
        self.reading = Some(Reading {
            messages,
            caught_up,
            repairs,
        });
        match (caught_up, repairs) {
            (true, true) => self.end_of_repair(),
            (true, false) => self.end_of_reading(),
            (false, _) => {}
        }
        Ok(())
    }

    fn failed(&self, what: &'static str, source: async_nats::Error) -> ReplicaError {
        ReplicaError {
            url: self.url.to_string(),
            what,
            source,
        }
    }
}

async fn consume(
    stream: &Stream,
    deliver_policy: DeliverPolicy,
    filter_subjects: Vec<String>,
) -> Result<(Ordered, u64), async_nats::Error> {
    let config = OrderedConfig {
        filter_subjects,
        deliver_policy,
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let pending = consumer.cached_info().num_pending;
    Ok((consumer.messages().await?, pending))
}
