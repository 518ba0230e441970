//! Sinks that keep what they are given, and refuse now and then.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use meshsync::{Batch, BoxFuture, Delivery, EventType, Published, Sink, SinkError, Wire};
use serde_json::Value;

/// `plural.group`, namespace, name.
pub(crate) type Key = (String, String, String);

/// uid, resourceVersion and content of every object.
pub(crate) type Objects = BTreeMap<Key, (String, String, String)>;

/// One number for all of it.
pub(crate) fn digest(objects: &Objects) -> u64 {
    let mut hasher = DefaultHasher::new();
    objects.hash(&mut hasher);
    hasher.finish()
}

/// What is compared of an object.
pub(crate) fn facts(object: &Value) -> (String, String, String) {
    let metadata = &object["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let content = format!("{}{}", object["data"], object["spec"]);
    (
        text(&metadata["uid"]),
        text(&metadata["resourceVersion"]),
        content,
    )
}

#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) objects: Objects,
    pub(crate) deliveries: u64,
    /// What made no sense in its order.
    pub(crate) nonsense: Vec<String>,
}

/// The test's end of a [`Keeper`].
#[derive(Clone, Default)]
pub(crate) struct Handle {
    pub(crate) held: Arc<Mutex<Held>>,
    /// So many batches are refused from now on.
    pub(crate) refuse: Arc<AtomicU32>,
}

/// A defect of a sink, or of the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    LoseDeletes,
    LoseLaterStates,
    OutOfOrder,
}

pub(crate) struct Keeper {
    pub(crate) name: String,
    pub(crate) wire: Wire,
    pub(crate) handle: Handle,
    pub(crate) spoil: Option<Spoil>,
}

impl Sink for Keeper {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        let refuse = &self.handle.refuse;
        let less = |left: u32| left.checked_sub(1);
        if refuse
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
        {
            return Box::pin(async { Err(SinkError::unavailable("refused", "by the test")) });
        }
        let mut held = self.handle.held.lock().unwrap();
        let mut deliveries: Vec<&Delivery> = batch.deliveries.iter().collect();
        match self.spoil {
            None => {}
            Some(Spoil::LoseDeletes) => deliveries.retain(|d| d.event != EventType::Deleted),
            Some(Spoil::LoseLaterStates) => deliveries.retain(|d| d.event != EventType::Modified),
            Some(Spoil::OutOfOrder) => deliveries.reverse(),
        }
        for delivery in deliveries {
            held.take(delivery, self.wire);
        }
        Box::pin(async { Ok(Published::default()) })
    }
}

impl Held {
    fn take(&mut self, delivery: &Delivery, wire: Wire) {
        let (Some(resource), Some(key)) = (&delivery.resource, &delivery.key) else {
            return;
        };
        self.deliveries += 1;
        let key: Key = (
            resource.id().to_string(),
            key.namespace.as_deref().unwrap_or_default().to_owned(),
            key.name.to_string(),
        );
        let known = self.objects.contains_key(&key);
        let sense = match delivery.event {
            EventType::Added => !known,
            EventType::Modified | EventType::Deleted => known,
            EventType::Synced => true,
        };
        if !sense {
            let line = format!("{} {key:?}", delivery.event);
            self.nonsense.push(line);
        }
        if delivery.event == EventType::Deleted {
            self.objects.remove(&key);
            return;
        }
        let payload: Value = serde_json::from_slice(&delivery.payload).unwrap();
        let object = match wire {
            Wire::Record => &payload["object"],
            _ => &payload,
        };
        self.objects.insert(key, facts(object));
    }
}
