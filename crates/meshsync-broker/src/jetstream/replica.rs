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
use super::subject::{STATE, Subject};
use super::url::JetStreamUrl;
use crate::sinks::nats_connect::connect;

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
    /// The reader and the writer do not have the same. Everything is read again.
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
    /// The next reading is of everything.
    again: bool,
    /// A reading of everything has not come to its end.
    full: bool,
}

struct Reading {
    messages: Ordered,
    caught_up: bool,
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
            again: false,
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
            if self.reading.is_none() {
                self.open().await?;
                continue;
            }
            let Some(reading) = &mut self.reading else {
                continue;
            };
            let message = match reading.messages.next().await {
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
            if let Some(position) = &mut self.position {
                position.seq = seq;
            }
            if pending == 0 && !reading.caught_up {
                reading.caught_up = true;
                self.end_of_reading();
            }
            let envelope = message
                .headers
                .as_ref()
                .and_then(|h| Envelope::read(h).ok());
            let subject = Subject::parse(&message.subject);
            match (subject, envelope) {
                (Ok(Subject::Object { scope, key }), Some(envelope)) => {
                    let mark = envelope.mark(&message.subject);
                    let held = self.held.entry(scope.clone()).or_default();
                    let place = Place::of(&message.subject);
                    match mark {
                        Some(mark) => held.give(&key.resource, place, Entry::new(seq, Some(mark))),
                        None => held.forget(&key.resource, place),
                    }
                    return Ok(Event::Object(Box::new(ObjectMessage {
                        subject: message.subject.to_string(),
                        scope,
                        key,
                        envelope,
                        seq,
                        record: message.payload.clone(),
                    })));
                }
                (Ok(Subject::Synced { scope, resource }), Some(_)) => {
                    let marker = self.marker(scope, Some(resource), &message.payload, pending);
                    return Ok(Event::Marker(marker));
                }
                (Ok(Subject::FullSync { scope }), Some(_)) => {
                    let marker = self.marker(scope, None, &message.payload, pending);
                    return Ok(Event::Marker(marker));
                }
                _ => {}
            }
        }
    }

    /// After a reading of everything, what it did not show is not there.
    fn end_of_reading(&mut self) {
        let full = std::mem::take(&mut self.full);
        if full {
            for held in self.held.values_mut() {
                held.drop_strays();
            }
        }
        self.caught_up = Some(full);
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
                self.again = true;
                self.reading = None;
                self.caught_up = None;
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
            !std::mem::take(&mut self.again)
                && position.stream == created
                && position.seq <= last
                && self.away < self.url.tombstones
        });
        let from = match goes_on {
            Some(position) => DeliverPolicy::ByStartSequence {
                start_sequence: position.seq + 1,
            },
            None => {
                for held in self.held.values_mut() {
                    held.begin_again();
                }
                self.position = Some(Position {
                    stream: created,
                    seq: 0,
                });
                self.full = true;
                DeliverPolicy::LastPerSubject
            }
        };
        self.away = Duration::ZERO;
        let (messages, pending) = consume(&stream, from)
            .await
            .map_err(|error| self.failed("it cannot be read", error))?;
        let caught_up = pending == 0;
        if caught_up {
            self.end_of_reading();
        }
        self.reading = Some(Reading {
            messages,
            caught_up,
        });
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
) -> Result<(Ordered, u64), async_nats::Error> {
    let config = OrderedConfig {
        filter_subject: format!("{STATE}.>"),
        deliver_policy,
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let pending = consumer.cached_info().num_pending;
    Ok((consumer.messages().await?, pending))
}
