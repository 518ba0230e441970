//! What a sink is given.

use std::sync::Arc;

use bytes::Bytes;
use meshsync_model::{EventType, ObjectKey, Resource};

use crate::Received;

/// One change, encoded in the sink's wire format.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What happened.
    pub event: EventType,
    /// The resource; `None` only for the marker that all resources have been
    /// sent in full.
    pub resource: Option<Arc<Resource>>,
    /// The object; `None` for [`EventType::Synced`].
    pub key: Option<Arc<ObjectKey>>,
    /// The change in the sink's wire format; empty for a change that this format
    /// has no words for.
    pub payload: Bytes,
    /// Another subject than the sink's own, for what somebody asked for: see
    /// [`Outlet::interject`](crate::Outlet::interject).
    pub subject: Option<Arc<str>>,
}

impl Delivery {
    /// Whether this marks that every resource has been sent in full.
    pub fn is_full_sync(&self) -> bool {
        self.event == EventType::Synced && self.resource.is_none()
    }
}

/// Deliveries in the order in which they must leave.
#[derive(Debug, Default)]
pub struct Batch {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// What they count for in the outbox, in bytes.
    pub(crate) bytes: usize,
    /// When each was received, as far as somebody said so.
    pub(crate) received: Vec<Option<Received>>,
}

impl Batch {
    /// A batch outside any outbox, for tests of sinks.
    pub fn of(deliveries: Vec<Delivery>) -> Self {
        Self {
            deliveries,
            bytes: 0,
            received: Vec::new(),
        }
    }
}
