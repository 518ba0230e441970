//! What stands beside a body: CloudEvents attributes and our own headers.

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue};
use meshsync_model::EventType;
use meshsync_model::wire::head::RecordHead;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::mark::Mark;

pub(super) const MSG_ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
pub(super) const EXPECTED: HeaderName =
    HeaderName::from_static("Nats-Expected-Last-Subject-Sequence");
pub(super) const EXPECTED_OF: HeaderName =
    HeaderName::from_static("Nats-Expected-Last-Subject-Sequence-Subject");
pub(super) const TTL: HeaderName = HeaderName::from_static("Nats-TTL");

const SPEC_VERSION: HeaderName = HeaderName::from_static("ce-specversion");
const TYPE: HeaderName = HeaderName::from_static("ce-type");
const ID: HeaderName = HeaderName::from_static("ce-id");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");

const UID: HeaderName = HeaderName::from_static("Meshsync-Uid");
const VERSION: HeaderName = HeaderName::from_static("Meshsync-Resource-Version");
const HASH: HeaderName = HeaderName::from_static("Meshsync-Hash");
const TIER: HeaderName = HeaderName::from_static("Meshsync-Tier");
const REASON: HeaderName = HeaderName::from_static("Meshsync-Reason");
const EPOCH: HeaderName = HeaderName::from_static("Meshsync-Epoch");
const API_VERSION: HeaderName = HeaderName::from_static("Meshsync-Api-Version");
const KIND: HeaderName = HeaderName::from_static("Meshsync-Kind");

/// Letters, digits and what [RFC 3986] leaves unreserved.
///
/// [RFC 3986]: https://www.rfc-editor.org/rfc/rfc3986#section-2.3
const URI: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The headers of a message, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// What happened.
    pub event: EventType,
    /// `Nats-Msg-Id`: writer epoch and number, `<epoch>.<n>`.
    pub id: String,
    /// The writer's epoch.
    pub epoch: u64,
    /// uid of the object; `""` where it is not known.
    pub uid: String,
    /// resourceVersion of the object; `""` where it is not known.
    pub version: String,
    /// Content hash; `""` where there is none.
    pub hash: String,
    /// `presence` or `detail`.
    pub tier: String,
    /// Why an object is told as deleted that the cluster may still have, such as
    /// `unselected`; `""` for any other change.
    pub reason: String,
    /// `v1`, `apps/v1`; `""` in markers.
    pub api_version: String,
    /// Kind; `""` in markers.
    pub kind: String,
}

/// Why headers are none of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header {header} is missing or says nothing known")]
pub struct EnvelopeError {
    header: &'static str,
}

impl Envelope {
    /// Reads headers.
    ///
    /// # Errors
    ///
    /// When the type of the event or the epoch is missing.
    pub fn read(headers: &HeaderMap) -> Result<Self, EnvelopeError> {
        let text = |name: HeaderName| {
            headers
                .get(name)
                .map_or_else(String::new, |value| value.as_str().to_owned())
        };
        let header = "ce-type";
        let event = event_of(&text(TYPE)).ok_or(EnvelopeError { header })?;
        let header = "Meshsync-Epoch";
        let epoch = text(EPOCH).parse().map_err(|_| EnvelopeError { header })?;
        Ok(Self {
            event,
            id: text(MSG_ID),
            epoch,
            uid: text(UID),
            version: text(VERSION),
            hash: text(HASH),
            tier: text(TIER),
            reason: text(REASON),
            api_version: text(API_VERSION),
            kind: text(KIND),
        })
    }

    /// What the state says; `None` for what is gone.
    pub fn mark(&self, subject: &str) -> Option<Mark> {
        (self.event != EventType::Deleted)
            .then(|| Mark::of(subject, &self.uid, &self.version, &self.hash, &self.tier))
    }
}

fn type_of(event: EventType) -> &'static str {
    match event {
        EventType::Added => "io.meshsync.resource.added.v1",
        EventType::Modified => "io.meshsync.resource.modified.v1",
        EventType::Deleted => "io.meshsync.resource.deleted.v1",
        EventType::Synced => "io.meshsync.resource.synced.v1",
    }
}

fn event_of(text: &str) -> Option<EventType> {
    use EventType::{Added, Deleted, Modified, Synced};
    [Added, Modified, Deleted, Synced]
        .into_iter()
        .find(|event| type_of(*event) == text)
}

/// What a message is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    /// The writer's.
    pub(super) epoch: u64,
    /// Number of the delivery it stands for.
    pub(super) n: u64,
    /// Of several that stand for one, which; 0 for the only one.
    pub(super) part: usize,
}

impl Id {
    pub(super) fn new(epoch: u64, n: u64) -> Self {
        Self { epoch, n, part: 0 }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.epoch, self.n)?;
        match self.part {
            0 => Ok(()),
            part => write!(f, ".{part}"),
        }
    }
}

/// The headers of a record, but for what the stream is to expect.
///
/// `about` names the object or resource within the cluster.
pub(super) fn headers(
    event: EventType,
    record: &RecordHead<'_>,
    about: &[&str],
    id: Id,
) -> HeaderMap {
    let epoch = id.epoch;
    let id = id.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(SPEC_VERSION, "1.0");
    headers.insert(TYPE, type_of(event));
    headers.insert(ID, &*id);
    headers.insert(
        SOURCE,
        format!("/meshsync/{}", utf8_percent_encode(&record.scope, URI)),
    );
    headers.insert(SUBJECT, path(about));
    put(&mut headers, TIME, &record.observed);
    headers.insert(CONTENT_TYPE, "application/json");
    headers.insert(EPOCH, HeaderValue::from(epoch));
    put(&mut headers, TIER, &record.tier);
    put(&mut headers, HASH, &record.hash);
    put(&mut headers, REASON, &record.reason);
    if let Some(object) = &record.object {
        put(&mut headers, UID, &object.metadata.uid);
        put(&mut headers, VERSION, &object.metadata.resource_version);
        put(&mut headers, API_VERSION, &object.api_version);
        put(&mut headers, KIND, &object.kind);
    }
    headers.insert(MSG_ID, id);
    headers
}

/// Puts a value in if a header can carry it: what a server calls a uid or a
/// version is a word, and a line break in it would end the header.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if !value.is_empty()
        && let Ok(value) = value.parse::<HeaderValue>()
    {
        headers.insert(name, value);
    }
}

fn path(parts: &[&str]) -> String {
    let mut path = String::new();
    for part in parts {
        if !path.is_empty() {
            path.push('/');
        }
        path.extend(utf8_percent_encode(part, URI));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_say_what_cloud_events_asks_for() {
        let record = br#"{"event":"ADDED","scope":"c 1","tier":"detail","observed":"2026-11-22T12:00:00Z","hash":"0f","object":{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"7"}}}"#;
        let record = RecordHead::parse(record).unwrap();
        let about = ["apps", "deployments", "shop", "w b"];
        let headers = headers(EventType::Modified, &record, &about, Id::new(12, 3));
        let text = |name: &str| headers.get(name).unwrap().as_str();
        assert_eq!(text("ce-specversion"), "1.0");
        assert_eq!(text("ce-id"), "12.3");
        assert_eq!(text("ce-source"), "/meshsync/c%201");
        assert_eq!(text("ce-subject"), "apps/deployments/shop/w%20b");
        assert_eq!(text("ce-time"), "2026-11-22T12:00:00Z");
        let envelope = Envelope::read(&headers).unwrap();
        assert_eq!(envelope.event, EventType::Modified);
        assert_eq!((envelope.epoch, &*envelope.id), (12, "12.3"));
        assert_eq!((&*envelope.uid, &*envelope.version), ("u", "7"));
        assert_eq!(
            envelope.mark("s"),
            Some(Mark::of("s", "u", "7", "0f", "detail"))
        );
    }

    #[test]
    fn a_tombstone_says_why_what_may_still_be_there_left() {
        let record = br#"{"event":"DELETED","scope":"c","tier":"detail","observed":"t","reason":"unselected","partial":true,"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}}"#;
        let record = RecordHead::parse(record).unwrap();
        let headers = headers(EventType::Deleted, &record, &[], Id::new(1, 1));
        let envelope = Envelope::read(&headers).unwrap();
        assert_eq!(
            (&*envelope.reason, envelope.mark("s")),
            ("unselected", None)
        );
    }

    #[test]
    fn a_value_with_a_line_break_is_left_out() {
        let record = br#"{"event":"ADDED","scope":"c","tier":"detail","observed":"t","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"u\r\nx: y"}}}"#;
        let record = RecordHead::parse(record).unwrap();
        let headers = headers(EventType::Added, &record, &[], Id::new(1, 1));
        assert!(headers.get(UID).is_none() && headers.get("x").is_none());
    }
}
