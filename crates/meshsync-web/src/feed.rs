//! What changed lately, and who listens.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meshsync::model::wire::head::RecordHead;
use meshsync::{Delivery, EventType};
use serde::Serialize;
use tokio::sync::broadcast;

/// Changes that are remembered.
const REMEMBERED_MAX: usize = 2_000;

/// Changes of one frame; the rest is counted.
const FRAME_MAX: usize = 200;

/// Frames that wait for a client; one that is further behind loses them.
const FRAMES_MAX: usize = 64;

/// A change, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// Rises by one with each change.
    pub(crate) seq: u64,
    pub(crate) event: &'static str,
    /// `pods`, `deployments.apps`.
    pub(crate) resource: String,
    pub(crate) kind: String,
    /// Empty where it has none.
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// When it was observed: RFC 3339.
    pub(crate) observed: String,
}

#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<State>,
    frames: broadcast::Sender<Bytes>,
}

#[derive(Debug, Default)]
struct State {
    seq: u64,
    recent: VecDeque<Arc<Told>>,
    /// What the next frame says.
    pending: Vec<Arc<Told>>,
    /// What it only counts.
    skipped: u64,
    /// Resources of which everything has been written: what comes after is news.
    known: HashSet<String>,
}

#[derive(Serialize)]
struct ChangesFrame<'a> {
    #[serde(serialize_with = "crate::shared::each")]
    changes: &'a [Arc<Told>],
    /// So many more happened.
    skipped: u64,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            frames: broadcast::Sender::new(FRAMES_MAX),
        }
    }
}

impl Feed {
    /// Notes what has been written.
    pub(crate) fn note(&self, deliveries: &[Delivery]) {
        let mut state = self.state();
        for delivery in deliveries {
            let Some(resource) = &delivery.resource else {
                continue;
            };
            let event = match delivery.event {
                EventType::Added => "ADDED",
                EventType::Modified => "MODIFIED",
                EventType::Deleted => "DELETED",
                EventType::Synced => {
                    state.known.insert(resource.id().to_string());
                    continue;
                }
            };
            let id = resource.id().to_string();
            // A first list says what is, and not what happens.
            let (true, Some(key)) = (state.known.contains(&id), &delivery.key) else {
                continue;
            };
            let head = RecordHead::parse(&delivery.payload).ok();
            let version = head.as_ref().and_then(|head| head.object.as_ref());
            state.seq += 1;
            let told = Arc::new(Told {
                seq: state.seq,
                event,
                resource: id,
                kind: resource.gvk.kind.clone(),
                namespace: key.namespace.as_deref().unwrap_or_default().to_owned(),
                name: key.name.to_string(),
                version: version
                    .map(|object| object.metadata.resource_version.to_string())
                    .unwrap_or_default(),
                observed: head
                    .map(|head| head.observed.to_string())
                    .unwrap_or_default(),
            });
            if state.recent.len() == REMEMBERED_MAX {
                state.recent.pop_front();
            }
            state.recent.push_back(Arc::clone(&told));
            if self.frames.receiver_count() == 0 {
                continue;
            }
            if state.pending.len() < FRAME_MAX {
                state.pending.push(told);
            } else {
                state.skipped += 1;
            }
        }
    }

    /// The last changes that `wanted` says yes to, newest first.
    pub(crate) fn recent(&self, limit: usize, wanted: impl Fn(&Told) -> bool) -> Vec<Arc<Told>> {
        let state = self.state();
        let found = state.recent.iter().rev().filter(|told| wanted(told));
        found.take(limit).cloned().collect()
    }

    /// Sends what is pending, and what else there is to say, to everybody: in one
    /// piece, since each costs a write for every listener.
    pub(crate) fn flush(&self, more: Option<Bytes>) {
        let (changes, skipped) = {
            let mut state = self.state();
            let skipped = std::mem::take(&mut state.skipped);
            (std::mem::take(&mut state.pending), skipped)
        };
        let mut said = Vec::new();
        if !changes.is_empty() {
            let changes = &changes;
            said.extend(frame("changes", &ChangesFrame { changes, skipped }));
        }
        said.extend(more);
        if !said.is_empty() {
            // Fails only where nobody listens any more.
            drop(self.frames.send(said.concat().into()));
        }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Bytes> {
        self.frames.subscribe()
    }

    pub(crate) fn listeners(&self) -> usize {
        self.frames.receiver_count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server-sent event.
pub(crate) fn frame(event: &str, data: &impl Serialize) -> Option<Bytes> {
    // JSON has no line ends of its own: one `data:` line holds it.
    let data = serde_json::to_string(data).ok()?;
    Some(format!("event: {event}\ndata: {data}\n\n").into())
}
