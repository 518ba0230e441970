//! Publishing with many messages on their way, each acknowledged.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::{Client, HeaderMap, StatusCode, Subscriber};
use futures::StreamExt;
use meshsync_model::wire::cut::{CutRecord, cut};
use serde::Deserialize;
use tokio::time::Instant;

use super::envelope::{Envelope, Id, MSG_ID};
use super::held::{Entry, Held, Place};
use super::outgoing::{Fence, Message, Prepared, Writer};
use super::subject::GUARDS;
use crate::{Cut, Delivery, Published, Rejected, SinkError};

/// Bytes on their way without an acknowledgement. What a batch holds is the
/// tighter limit unless one object is larger than all of it.
const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;

/// The server acknowledges something within this time, or all is sent again.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// While nothing is acknowledged the connection is looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A message that is refused is brought up to date and sent again this often.
const TRIES_MAX: u32 = 8;

/// The way to a stream and back. Dropped after an error, with whatever may still
/// be on its way.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) stream: Stream,
    inbox: String,
    acks: Subscriber,
    connection: (String, u64),
    /// Counts the runs, so that a late acknowledgement is told from one that is
    /// waited for.
    runs: u64,
}

#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const WRONG_LAST_SEQUENCE: u64 = 10071;
const WRONG_LAST_SEQUENCE_NOW: u64 = 10164;
const MESSAGE_TOO_LARGE: u64 = 10054;

/// A delivery that waits to be sent.
#[derive(Clone, Copy)]
struct Waiting {
    at: usize,
    tries: u32,
}

struct Flying {
    waiting: Waiting,
    message: Message,
    bytes: usize,
}

/// What became of a message that was refused.
enum Settled {
    Acknowledged(u64),
    Again,
}

impl Pipeline {
    pub(super) async fn new(
        client: Client,
        context: Context,
        stream: Stream,
    ) -> Result<Self, SinkError> {
        let inbox = client.new_inbox();
        let acks = client.subscribe(format!("{inbox}.*.*")).await;
        let acks = acks.map_err(|e| SinkError::unavailable("failed to subscribe", e))?;
        let connection = connection(&client);
        Ok(Self {
            client,
            context,
            stream,
            inbox,
            acks,
            connection,
            runs: 0,
        })
    }

    /// Publishes deliveries of objects, in order per object, and returns when
    /// everything is acknowledged. Returns those that can never be taken, and those
    /// of which only parts were.
    pub(super) async fn run(
        &mut self,
        writer: &mut Writer,
        held: &mut Held,
        deliveries: &[Delivery],
        id: impl Fn(usize) -> Id,
    ) -> Result<Published, SinkError> {
        self.runs += 1;
        let mut published = Published::default();
        let rejected = &mut published.rejected;
        let mut waiting: VecDeque<Waiting> = (0..deliveries.len())
            .map(|at| Waiting { at, tries: 0 })
            .collect();
        let mut flying: Vec<Option<Flying>> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        let mut busy: HashSet<Place> = HashSet::new();
        let mut bytes = 0;
        let prefix = format!("{}.{}.", self.inbox, self.runs);
        loop {
            while let Some(&next) = waiting.front() {
                let full = free.is_empty() && flying.len() >= GUARDS;
                if full || bytes >= IN_FLIGHT_BYTES_MAX {
                    break;
                }
                let delivery = &deliveries[next.at];
                let Some(address) = writer.address(delivery) else {
                    waiting.pop_front();
                    continue;
                };
                if busy.contains(&address.place) {
                    break;
                }
                waiting.pop_front();
                let ids = (id(next.at), next.tries);
                let mut message = match writer.prepare(held, delivery, address, ids) {
                    Prepared::Nothing => continue,
                    Prepared::Unreadable(reason) => {
                        rejected.push(Rejected {
                            at: next.at,
                            reason,
                        });
                        continue;
                    }
                    Prepared::Message(message) => message,
                };
                if let Some((excess, mut reason)) = self.too_large(&message) {
                    let at = next.at;
                    let bytes_max = message.payload.len().saturating_sub(excess);
                    let Some(CutRecord { record, parts }) = cut(&message.payload, bytes_max) else {
                        rejected.push(Rejected { at, reason });
                        continue;
                    };
                    reason.push_str("; it is published without ");
                    reason.push_str(&parts.join(", "));
                    published.cut.push(Cut { at, reason });
                    message.payload = record.into();
                }
                let slot = free.pop().unwrap_or_else(|| {
                    flying.push(None);
                    flying.len() - 1
                });
                writer.expect(&mut message, slot);
                self.send(&mut message, &prefix, slot).await?;
                busy.insert(message.place);
                let size = message.payload.len();
                bytes += size;
                flying[slot] = Some(Flying {
                    waiting: next,
                    message,
                    bytes: size,
                });
            }
            if busy.is_empty() {
                return Ok(published);
            }
            let (slot, ack) = self.next_ack(&prefix).await?;
            let Some(flown) = flying.get_mut(slot).and_then(Option::take) else {
                continue;
            };
            free.push(slot);
            busy.remove(&flown.message.place);
            bytes -= flown.bytes;
            let again = Waiting {
                tries: flown.waiting.tries + 1,
                ..flown.waiting
            };
            let message = flown.message;
            let seq = match ack.error {
                None if !ack.duplicate || self.is_stored(&message, ack.seq).await? => ack.seq,
                None => {
                    waiting.push_front(again);
                    continue;
                }
                Some(refusal) if refusal.err_code == MESSAGE_TOO_LARGE => {
                    rejected.push(Rejected {
                        at: flown.waiting.at,
                        reason: format!(
                            "{}: raise max_msg_size of the stream",
                            refusal.description
                        ),
                    });
                    continue;
                }
                Some(refusal) if is_mismatch(&refusal) => {
                    match self.settle(writer, held, &message).await? {
                        Settled::Acknowledged(seq) => seq,
                        Settled::Again if again.tries <= TRIES_MAX => {
                            waiting.push_front(again);
                            continue;
                        }
                        Settled::Again => return Err(refused(&message, &refusal)),
                    }
                }
                Some(refusal) => return Err(refused(&message, &refusal)),
            };
            let entry = Entry::new(seq, message.mark);
            held.give(&message.resource, message.place, entry);
        }
    }

    /// Whether it is still the connection that it began with.
    pub(super) fn is_whole(&self) -> bool {
        connection(&self.client) == self.connection
            && self.client.connection_state() == async_nats::connection::State::Connected
    }

    async fn send(
        &self,
        message: &mut Message,
        prefix: &str,
        slot: usize,
    ) -> Result<(), SinkError> {
        let reply = format!("{prefix}{slot}");
        let (headers, payload) = (
            std::mem::take(&mut message.headers),
            message.payload.clone(),
        );
        self.client
            .publish_with_reply_and_headers(message.subject.clone(), reply, headers, payload)
            .await
            .map_err(|error| SinkError::unavailable("failed to publish", error))
    }

    /// Waits for the next acknowledgement of this run, whose replies have this
    /// `prefix`.
    async fn next_ack(&mut self, prefix: &str) -> Result<(usize, Ack), SinkError> {
        let started = Instant::now();
        loop {
            let message = match tokio::time::timeout(LOOK_INTERVAL, self.acks.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return Err(broken("the connection was closed")),
                Err(_) if connection(&self.client) != self.connection => {
                    return Err(broken("the connection broke"));
                }
                Err(_) if started.elapsed() >= ACK_TIMEOUT => {
                    let seconds = ACK_TIMEOUT.as_secs();
                    return Err(broken(&format!(
                        "nothing was acknowledged for {seconds} s: has the stream a leader, and \
                         the broker room and time?"
                    )));
                }
                Err(_) => continue,
            };
            let Some(slot) = message.subject.strip_prefix(prefix) else {
                continue;
            };
            if message.status == Some(StatusCode::NO_RESPONDERS) {
                return Err(broken(
                    "no stream takes the messages: was it deleted? It is made again",
                ));
            }
            if let (Ok(slot), Ok(ack)) = (slot.parse(), serde_json::from_slice(&message.payload)) {
                return Ok((slot, ack));
            }
        }
    }

    /// Whether what a duplicate is said to be of is this message.
    async fn is_stored(&self, message: &Message, seq: u64) -> Result<bool, SinkError> {
        match self.stream.get_raw_message(seq).await {
            Ok(stored) => {
                let same = *stored.subject == *message.subject;
                Ok(same && is_called(&stored.headers, &message.id))
            }
            // Its place was taken by a later one of the same subject.
            Err(_) => Ok(false),
        }
    }

    /// Finds out why a message was refused.
    async fn settle(
        &self,
        writer: &mut Writer,
        held: &mut Held,
        message: &Message,
    ) -> Result<Settled, SinkError> {
        let (context, stream) = (&self.context, &self.stream);
        let scope = writer.scope.clone();
        writer.claim.hold(context, stream, &scope).await?;
        if message.fence == Fence::Claim {
            return Ok(Settled::Again);
        }
        let last = match stream
            .get_last_raw_message_by_subject(&message.subject)
            .await
        {
            Ok(last) => last,
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                held.forget(&message.resource, message.place);
                return Ok(Settled::Again);
            }
            Err(error) => return Err(SinkError::unavailable("failed to read an object", error)),
        };
        if is_called(&last.headers, &message.id) {
            return Ok(Settled::Acknowledged(last.sequence));
        }
        let mark = Envelope::read(&last.headers)
            .ok()
            .and_then(|envelope| envelope.mark(&message.subject));
        let entry = Entry::new(last.sequence, mark);
        held.note(&message.resource, message.place, entry);
        Ok(Settled::Again)
    }

    /// By how many bytes a message is too large, and what can be done about it.
    fn too_large(&self, message: &Message) -> Option<(usize, String)> {
        let headers: usize = message
            .headers
            .iter()
            .map(|(name, values)| {
                let name: &str = name.as_ref();
                let lengths = values.iter().map(|value| value.as_str().len());
                lengths.map(|value| name.len() + value + 4).sum::<usize>()
            })
            .sum();
        // What is expected of the stream comes on top.
        let bytes = message.payload.len() + headers + 512;
        let max = self.client.max_payload();
        (bytes > max).then(|| {
            let reason = format!(
                "the message has about {bytes} bytes, the broker takes at most {max}: raise \
                 max_payload in the broker's configuration"
            );
            (bytes - max, reason)
        })
    }
}

fn is_called(headers: &HeaderMap, id: &str) -> bool {
    let found = headers.get(MSG_ID);
    found.is_some_and(|found| found.as_str() == id)
}

/// Server and number of a connection: another one after every reconnect.
fn connection(client: &Client) -> (String, u64) {
    let server = client.server_info();
    (server.server_id, server.client_id)
}

fn is_mismatch(refusal: &Refusal) -> bool {
    matches!(
        refusal.err_code,
        WRONG_LAST_SEQUENCE | WRONG_LAST_SEQUENCE_NOW
    )
}

fn broken(what: &str) -> SinkError {
    SinkError::Unavailable {
        what: format!("a batch is not confirmed: {what}"),
        source: None,
    }
}

fn refused(message: &Message, refusal: &Refusal) -> SinkError {
    SinkError::Unavailable {
        what: format!(
            "the stream refuses {}: {} (error {}): is its limit reached, or the disk full? What \
             is refused waits and is sent again",
            message.subject, refusal.description, refusal.err_code
        ),
        source: None,
    }
}
