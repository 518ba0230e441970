//! From a delivery to a message.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header::HeaderValue;
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use meshsync_model::wire::head::RecordHead;
use meshsync_model::{EventType, ObjectKey, ResourceId};

use super::claim::Claim;
use super::envelope::{EXPECTED, EXPECTED_OF, Id, MSG_ID, TTL, headers};
use super::held::{Entry, Held, Place};
use super::mark::Mark;
use super::streams::Abilities;
use super::subject;
use crate::Delivery;

/// What a writer knows that all its messages have in common.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) scope: String,
    pub(super) claim: Claim,
    pub(super) abilities: Abilities,
    /// Whether the server checks what is expected before it has applied what came
    /// before.
    pub(super) replicated: bool,
    pub(super) tombstones: Duration,
}

/// What to do with a delivery.
#[derive(Debug)]
pub(super) enum Prepared {
    /// The stream says that already.
    Nothing,
    /// It can never be sent.
    Unreadable(String),
    Message(Message),
}

/// Where the state of an object belongs.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) subject: String,
    pub(super) place: Place,
}

/// A message of an object.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: Subject,
    pub(super) resource: Arc<ResourceId>,
    pub(super) place: Place,
    /// What it is called: `Nats-Msg-Id`.
    pub(super) id: String,
    /// `None` for a tombstone.
    pub(super) mark: Option<Mark>,
    /// Left behind with what was sent: whoever sends it again prepares it again.
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    pub(super) fence: Fence,
}

/// What a message expects of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fence {
    /// That the claim is the last one.
    Claim,
    /// That the last message of its own subject is this one, where the server
    /// knows no better: it tells only writers apart that wrote to that subject.
    Object(u64),
}

impl Writer {
    /// Where the state of the object of a delivery belongs.
    pub(super) fn address(&self, delivery: &Delivery) -> Option<Address> {
        let subject = subject::object(&self.scope, delivery.key.as_deref()?);
        let place = Place::of(&subject);
        Some(Address { subject, place })
    }

    /// Prepares a delivery of an object; `id` is its message's, and `tries` how
    /// often that was sent before.
    pub(super) fn prepare(
        &self,
        held: &mut Held,
        delivery: &Delivery,
        Address { subject, place }: Address,
        (id, tries): (Id, u32),
    ) -> Prepared {
        let Some(key) = delivery.key.as_deref() else {
            return Prepared::Nothing;
        };
        let record = match RecordHead::peek(&delivery.payload) {
            Ok(record) => record,
            Err(error) => return Prepared::Unreadable(format!("{error}: this is a defect")),
        };
        let entry = held.find(&key.resource, place);
        let mark = mark_of(delivery.event, &subject, &record);
        let known = match (entry, mark) {
            (Some(entry), Some(mark)) => entry.says(mark),
            (entry, None) => !entry.is_some_and(Entry::is_live),
            (None, Some(_)) => false,
        };
        if known {
            if let Some(entry) = entry {
                held.give(&key.resource, place, entry);
            }
            return Prepared::Nothing;
        }
        let mut headers = headers(delivery.event, &record, &about(key), id);
        if mark.is_none() && self.abilities.expiry {
            headers.insert(TTL, format!("{}s", self.tombstones.as_secs()));
        }
        let mut id = id.to_string();
        if tries > 0 {
            // What was swallowed as a duplicate would be again.
            id = format!("{id}.again{tries}");
            headers.insert(MSG_ID, &*id);
        }
        Prepared::Message(Message {
            subject: subject.into(),
            resource: Arc::clone(&key.resource),
            place,
            id,
            mark,
            headers,
            payload: delivery.payload.clone(),
            fence: self.fence(entry),
        })
    }

    fn fence(&self, entry: Option<Entry>) -> Fence {
        if self.abilities.guards {
            Fence::Claim
        } else {
            Fence::Object(entry.map_or(0, Entry::seq))
        }
    }

    /// Writes down what a message expects; `slot` tells it from others on their
    /// way.
    pub(super) fn expect(&self, message: &mut Message, slot: usize) {
        match message.fence {
            Fence::Object(seq) => message.headers.insert(EXPECTED, HeaderValue::from(seq)),
            Fence::Claim => {
                let slot = if self.replicated { slot } else { 0 };
                message
                    .headers
                    .insert(EXPECTED, HeaderValue::from(self.claim.seq));
                let guard = subject::guard(&self.scope, slot);
                message.headers.insert(EXPECTED_OF, guard);
            }
        }
    }
}

fn mark_of(event: EventType, subject: &str, record: &RecordHead<'_>) -> Option<Mark> {
    if event == EventType::Deleted {
        return None;
    }
    let metadata = record.object.as_ref().map(|object| &object.metadata);
    let (uid, version) = metadata.map_or(("", ""), |metadata| {
        (&*metadata.uid, &*metadata.resource_version)
    });
    Some(Mark::of(subject, uid, version, &record.hash, &record.tier))
}

pub(super) fn about(key: &ObjectKey) -> [&str; 4] {
    let or_none = |text| if str::is_empty(text) { "_" } else { text };
    [
        or_none(&key.resource.group),
        &key.resource.plural,
        or_none(key.namespace.as_deref().unwrap_or_default()),
        &key.name,
    ]
}
