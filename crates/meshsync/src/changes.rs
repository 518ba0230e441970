//! Changes for the program that embeds us.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use meshsync_broker::Delivery;
use meshsync_broker::sinks::Received;
use meshsync_model::{EventType, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A stream of changes; ends when the pipeline has stopped.
///
/// It is a sink like others: while nobody reads it, initial lists pause and
/// later changes coalesce per object. Dropping it closes that sink alone.
#[derive(Debug)]
pub struct Changes {
    received: Received,
}

impl Changes {
    pub(crate) fn new(received: Received) -> Self {
        Self { received }
    }

    /// The next change; `None` when the pipeline has stopped.
    pub async fn next(&mut self) -> Option<OwnedChange> {
        self.received.next().await.map(OwnedChange)
    }
}

impl Stream for Changes {
    type Item = OwnedChange;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<OwnedChange>> {
        self.received
            .poll_next(context)
            .map(|delivery| delivery.map(OwnedChange))
    }
}

/// One change. Cheap to clone: the object's bytes are shared.
#[derive(Clone, Debug)]
pub struct OwnedChange(Delivery);

/// Why an object is not of the type asked for.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {object} as the type asked for")]
pub struct ParseObjectError {
    object: String,
    #[source]
    source: serde_json::Error,
}

impl OwnedChange {
    /// What happened.
    pub fn event(&self) -> EventType {
        self.0.event
    }

    /// The resource; `None` for the `Synced` that says that all resources have
    /// been sent.
    pub fn resource(&self) -> Option<&Arc<Resource>> {
        self.0.resource.as_ref()
    }

    /// Name of the object; `None` for `Synced`.
    pub fn name(&self) -> Option<&str> {
        self.0.key.as_ref().map(|key| &*key.name)
    }

    /// Namespace of the object, where it has one.
    pub fn namespace(&self) -> Option<&str> {
        self.0.key.as_ref().and_then(|key| key.namespace.as_deref())
    }

    /// uid of the object, where it is known: it may not be in a delete. Looked up
    /// in [`OwnedChange::object`] at every call.
    pub fn uid(&self) -> Option<&str> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow)]
            metadata: Metadata<'a>,
        }
        #[derive(Deserialize)]
        struct Metadata<'a> {
            uid: Option<&'a str>,
        }
        let head = serde_json::from_slice::<Head<'_>>(self.object()).ok()?;
        head.metadata.uid
    }

    /// The object as JSON: whole, without managedFields, Secrets redacted unless
    /// asked otherwise. Identity alone for a delete whose last state is not
    /// known; empty for `Synced`.
    pub fn object(&self) -> &Bytes {
        &self.0.payload
    }

    /// Whether every resource has been sent in full with this.
    pub fn is_full_sync(&self) -> bool {
        self.0.is_full_sync()
    }

    /// Reads the object as a type, such as one of `k8s_openapi`.
    ///
    /// # Errors
    ///
    /// When the object is not of that type, or there is none.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ParseObjectError> {
        serde_json::from_slice(self.object()).map_err(|source| ParseObjectError {
            object: self.to_string(),
            source,
        })
    }
}

impl fmt::Display for OwnedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.resource(), self.namespace(), self.name()) {
            (Some(resource), Some(namespace), Some(name)) => {
                write!(f, "{} {namespace}/{name}", resource.gvk.kind)
            }
            (Some(resource), None, Some(name)) => write!(f, "{} {name}", resource.gvk.kind),
            (Some(resource), _, None) => write!(f, "{resource}"),
            (None, ..) => f.write_str("all resources"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(payload: &'static str) -> Option<String> {
        let change = OwnedChange(Delivery {
            event: EventType::Added,
            resource: None,
            key: None,
            payload: Bytes::from_static(payload.as_bytes()),
            subject: None,
        });
        change.uid().map(str::to_owned)
    }

    #[test]
    fn the_uid_is_found_where_there_is_one() {
        let whole = r#"{"kind":"Pod","metadata":{"name":"a","uid":"u-1","labels":{"uid":"x"}},"spec":{"uid":1}}"#;
        assert_eq!(uid(whole).as_deref(), Some("u-1"));
        assert_eq!(uid(r#"{"kind":"Pod","metadata":{"name":"a"}}"#), None);
        assert_eq!(uid(""), None);
    }
}
