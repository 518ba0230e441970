//! The outbox: bounded, keyed, newest state wins, deletes are never dropped.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashTable;
use meshsync_model::{EventType, ObjectKey, Resource, ResourceId};

use crate::{Batch, Delivery, Received};

/// What a queued delivery costs beside its payload: key, slot, queue entry. An
/// estimate, so that a million small deliveries are not free.
const OVERHEAD_BYTES: usize = 256;

/// What is offered to an outbox.
#[derive(Clone, Debug)]
pub enum Offer {
    /// A state of an object.
    State {
        /// Whether it is news to the sink that there is this object.
        novelty: Novelty,
        /// The state, encoded.
        payload: Bytes,
    },
    /// An object the sink may have been given is gone.
    Delete {
        /// The delete, encoded.
        payload: Bytes,
    },
}

/// Whether it is news to a sink that there is an object; the payload says the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// The sink has never been given this object (this uid).
    First,
    /// The sink's first state of the object still waits ([`Outbox::waits_first`])
    /// and this one takes its place.
    ReplacesFirst,
    /// The sink has been given the object.
    Known,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits in the outbox, or took the place of an older state.
    Taken,
    /// The object was born and is gone without the sink ever having been given
    /// it: nothing will be sent.
    Annihilated,
    /// A state that was to replace the first one came too late: the first is on
    /// its way. The caller offers again, as [`Novelty::Known`].
    TooLate,
    /// It does not fit. The caller must remember it and offer again.
    Full,
}

/// A bounded queue of changes, at most one state and one delete per object.
///
/// Pure: no locks, no clock. [`Outlet`](crate::Outlet) shares one.
#[derive(Debug)]
pub struct Outbox {
    capacity_bytes: usize,
    queued_bytes: usize,
    in_flight_bytes: usize,
    refused: bool,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_key: HashTable<usize>,
    /// The barrier that waits for a resource, and the one for all of them.
    barriers: HashMap<Option<ResourceId>, usize>,
    order: VecDeque<usize>,
    /// How many places in `order` are of emptied slots.
    empty: usize,
    hasher: RandomState,
    /// What time the caller says it is; `None` where nobody did.
    now: Option<Received>,
    /// The oldest of what is in flight, by resource.
    flying: Vec<(Option<Arc<Resource>>, Received)>,
}

#[derive(Debug)]
struct Slot {
    resource: Option<Arc<Resource>>,
    content: Content,
    /// Since when the sink lacks it; a newer state that takes its place lacks it
    /// for as long.
    since: Option<Received>,
}

#[derive(Debug)]
enum Content {
    Object {
        key: Arc<ObjectKey>,
        /// Sent before `state`: it is of an earlier object of the same key.
        delete: Option<Bytes>,
        state: Option<State>,
    },
    /// A barrier: it keeps its place in the order.
    Synced { payload: Bytes },
    /// Something that was asked for, on a subject of its own.
    Interjection { subject: Arc<str>, payload: Bytes },
}

#[derive(Debug)]
struct State {
    first: bool,
    payload: Bytes,
}

impl Outbox {
    /// An outbox that holds at most `capacity_bytes`, what is in flight included.
    /// One delivery larger than that is taken when nothing else waits.
    pub fn new(capacity_bytes: usize) -> Self {
        Self {
            capacity_bytes,
            queued_bytes: 0,
            in_flight_bytes: 0,
            refused: false,
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            barriers: HashMap::new(),
            order: VecDeque::new(),
            empty: 0,
            hasher: RandomState::new(),
            now: None,
            flying: Vec::new(),
        }
    }

    /// Says when what is offered next was received: an outbox has no clock.
    pub fn received(&mut self, at: Received) {
        self.now = Some(at);
    }

    /// Since when the sink lacks something, by resource (`None` for what is of
    /// all of them): the oldest of what waits and of what is in flight. Looks at
    /// everything that waits.
    pub fn pending_since(&self) -> Vec<(Option<Arc<Resource>>, Received)> {
        let mut oldest = self.flying.clone();
        for at in &self.order {
            if let Some(slot) = &self.slots[*at] {
                note_oldest(&mut oldest, &slot.resource, slot.since);
            }
        }
        oldest
    }

    /// Bytes waiting.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Bytes handed out and not yet confirmed.
    pub fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// How many objects and barriers wait.
    pub fn len(&self) -> usize {
        self.order.len() - self.empty
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether more than half of the capacity is free.
    pub fn has_room(&self) -> bool {
        self.queued_bytes + self.in_flight_bytes <= self.capacity_bytes / 2
    }

    /// Whether the state waiting for `key`, if any, is one the sink has never
    /// been given any state of: what follows is still news to it.
    pub fn waits_first(&self, key: &ObjectKey) -> bool {
        self.find(key)
            .and_then(|at| self.slots[at].as_ref())
            .is_some_and(|slot| {
                matches!(&slot.content, Content::Object { state: Some(state), .. } if state.first)
            })
    }

    /// Offers a change of an object.
    pub fn offer(
        &mut self,
        resource: &Arc<Resource>,
        key: &Arc<ObjectKey>,
        offer: Offer,
    ) -> Offered {
        let Some(at) = self.find(key) else {
            return self.offer_new(resource, key, offer);
        };
        let Some(Slot {
            content: Content::Object { delete, state, .. },
            ..
        }) = &mut self.slots[at]
        else {
            return self.offer_new(resource, key, offer);
        };
        let waiting = state.as_ref().map_or(0, |state| state.payload.len());
        let used = self.queued_bytes + self.in_flight_bytes - waiting;
        // What waits already stays when the new does not fit: it is older, so
        // the order holds, and the caller will offer again.
        let fits = |len: usize| len <= waiting || used + len <= self.capacity_bytes;
        match offer {
            Offer::State {
                novelty: Novelty::ReplacesFirst,
                ..
            } if !state.as_ref().is_some_and(|state| state.first) => Offered::TooLate,
            Offer::State { novelty, payload } if fits(payload.len()) => {
                self.queued_bytes = self.queued_bytes - waiting + payload.len();
                let first = novelty != Novelty::Known;
                *state = Some(State { first, payload });
                Offered::Taken
            }
            Offer::Delete { .. } if state.as_ref().is_some_and(|state| state.first) => {
                self.queued_bytes -= waiting;
                *state = None;
                if delete.is_none() {
                    self.drop_slot(at);
                }
                Offered::Annihilated
            }
            Offer::Delete { payload } if fits(payload.len()) => {
                // There is no delete here yet: what it would have deleted is
                // older than the state, which then would have been `first`.
                self.queued_bytes -= waiting + delete.as_ref().map_or(0, Bytes::len);
                self.queued_bytes += payload.len();
                *state = None;
                *delete = Some(payload);
                Offered::Taken
            }
            Offer::State { .. } | Offer::Delete { .. } => {
                self.refused = true;
                Offered::Full
            }
        }
    }

    fn offer_new(
        &mut self,
        resource: &Arc<Resource>,
        key: &Arc<ObjectKey>,
        offer: Offer,
    ) -> Offered {
        let (delete, state) = match offer {
            Offer::State {
                novelty: Novelty::ReplacesFirst,
                ..
            } => return Offered::TooLate,
            Offer::State { novelty, payload } => {
                let first = novelty == Novelty::First;
                (None, Some(State { first, payload }))
            }
            Offer::Delete { payload } => (Some(payload), None),
        };
        let bytes = OVERHEAD_BYTES
            + delete.as_ref().map_or(0, Bytes::len)
            + state.as_ref().map_or(0, |state| state.payload.len());
        let used = self.queued_bytes + self.in_flight_bytes;
        if used > 0 && used + bytes > self.capacity_bytes {
            self.refused = true;
            return Offered::Full;
        }
        self.queued_bytes += bytes;
        let at = self.insert(Slot {
            resource: Some(Arc::clone(resource)),
            content: Content::Object {
                key: Arc::clone(key),
                delete,
                state,
            },
            since: self.now,
        });
        let hash = self.hasher.hash_one(&**key);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_key
            .insert_unique(hash, at, |&at| hash_of(slots, hasher, at));
        Offered::Taken
    }

    /// Queues a barrier behind everything that waits. An older barrier of the
    /// same resource (or, for `None`, of all resources) gives way to it, so that
    /// their number is bounded by the number of resources.
    pub fn synced(&mut self, resource: Option<Arc<Resource>>, payload: Bytes) {
        let of = resource.as_ref().map(|resource| resource.id());
        if let Some(&older) = self.barriers.get(&of) {
            self.drop_slot(older);
        }
        self.queued_bytes += OVERHEAD_BYTES + payload.len();
        let at = self.insert(Slot {
            resource,
            content: Content::Synced { payload },
            since: self.now,
        });
        self.barriers.insert(of, at);
    }

    /// Queues something behind everything that waits, whatever the capacity: who
    /// calls this waits for room before, and bounds what it adds at a time.
    pub fn interject(&mut self, resource: &Arc<Resource>, subject: Arc<str>, payload: Bytes) {
        self.queued_bytes += OVERHEAD_BYTES + payload.len();
        self.insert(Slot {
            resource: Some(Arc::clone(resource)),
            content: Content::Interjection { subject, payload },
            since: self.now,
        });
    }

    /// Whether anything waits for `key`.
    pub fn waits(&self, key: &ObjectKey) -> bool {
        self.find(key).is_some()
    }

    /// Takes deliveries from the front, at least one where there is one, up to
    /// about `bytes_max` bytes. They stay on the account until [`Outbox::commit`].
    pub fn take(&mut self, bytes_max: usize) -> Batch {
        let mut batch = Batch::default();
        while batch.bytes < bytes_max {
            let Some(at) = self.order.pop_front() else {
                break;
            };
            self.unlink(at);
            self.free.push(at);
            let Some(slot) = self.slots[at].take() else {
                self.empty -= 1;
                continue;
            };
            let bytes = slot.bytes();
            self.queued_bytes -= bytes;
            batch.bytes += bytes;
            note_oldest(&mut self.flying, &slot.resource, slot.since);
            let since = slot.since;
            slot.into_deliveries(&mut batch.deliveries);
            batch.received.resize(batch.deliveries.len(), since);
        }
        self.in_flight_bytes += batch.bytes;
        batch
    }

    /// Asks that [`Outbox::commit`] tells when there is room, as after a refusal.
    pub fn want_room(&mut self) {
        self.refused = true;
    }

    /// Takes a confirmed batch off the account. Returns whether somebody who was
    /// refused should be told that there is room again.
    pub fn commit(&mut self, batch: &Batch) -> bool {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(batch.bytes);
        if self.in_flight_bytes == 0 {
            self.flying.clear();
        }
        self.refused && self.has_room() && {
            self.refused = false;
            true
        }
    }

    /// Forgets everything, what is in flight included: nobody will take it.
    pub fn clear(&mut self) {
        *self = Self::new(self.capacity_bytes);
    }

    fn find(&self, key: &ObjectKey) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        self.by_key
            .find(hash, |&at| {
                key_of(&self.slots, at).is_some_and(|own| own == key)
            })
            .copied()
    }

    fn insert(&mut self, slot: Slot) -> usize {
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.order.push_back(at);
        at
    }

    /// Empties a slot in the middle of the order. Its place in the order is
    /// given up when it comes to the front, or when such places are the majority.
    fn drop_slot(&mut self, at: usize) {
        self.unlink(at);
        if let Some(slot) = self.slots[at].take() {
            self.queued_bytes -= slot.bytes();
        }
        self.empty += 1;
        if self.empty > 64 && self.empty * 2 > self.order.len() {
            let (slots, free) = (&self.slots, &mut self.free);
            self.order.retain(|&at| {
                let keep = slots[at].is_some();
                if !keep {
                    free.push(at);
                }
                keep
            });
            self.empty = 0;
        }
    }

    fn unlink(&mut self, at: usize) {
        let Some(slot) = &self.slots[at] else { return };
        match &slot.content {
            Content::Object { key, .. } => {
                let hash = self.hasher.hash_one(&**key);
                if let Ok(entry) = self.by_key.find_entry(hash, |&other| other == at) {
                    entry.remove();
                }
            }
            Content::Synced { .. } => {
                let of = slot.resource.as_ref().map(|resource| resource.id());
                self.barriers.remove(&of);
            }
            Content::Interjection { .. } => {}
        }
    }
}

/// Notes since when something of a resource is lacking. What follows another is
/// mostly of the same resource, which is the last place then.
fn note_oldest(
    oldest: &mut Vec<(Option<Arc<Resource>>, Received)>,
    resource: &Option<Arc<Resource>>,
    since: Option<Received>,
) {
    let Some(since) = since else { return };
    let is_same = |other: &Option<Arc<Resource>>| match (other, resource) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.gvk == other.gvk,
        (None, None) => true,
        _ => false,
    };
    match oldest.iter_mut().rev().find(|(other, _)| is_same(other)) {
        Some((_, known)) => *known = since.min(*known),
        None => oldest.push((resource.clone(), since)),
    }
}

fn key_of(slots: &[Option<Slot>], at: usize) -> Option<&ObjectKey> {
    match &slots[at].as_ref()?.content {
        Content::Object { key, .. } => Some(key),
        Content::Synced { .. } | Content::Interjection { .. } => None,
    }
}

fn hash_of(slots: &[Option<Slot>], hasher: &RandomState, at: usize) -> u64 {
    key_of(slots, at).map_or(0, |key| hasher.hash_one(key))
}

impl Slot {
    fn bytes(&self) -> usize {
        OVERHEAD_BYTES
            + match &self.content {
                Content::Object { delete, state, .. } => {
                    delete.as_ref().map_or(0, Bytes::len)
                        + state.as_ref().map_or(0, |state| state.payload.len())
                }
                Content::Synced { payload } | Content::Interjection { payload, .. } => {
                    payload.len()
                }
            }
    }

    fn into_deliveries(self, out: &mut Vec<Delivery>) {
        match self.content {
            Content::Object { key, delete, state } => {
                if let Some(payload) = delete {
                    out.push(Delivery {
                        event: EventType::Deleted,
                        resource: self.resource.clone(),
                        key: Some(Arc::clone(&key)),
                        payload,
                        subject: None,
                    });
                }
                if let Some(state) = state {
                    out.push(Delivery {
                        event: if state.first {
                            EventType::Added
                        } else {
                            EventType::Modified
                        },
                        resource: self.resource,
                        key: Some(key),
                        payload: state.payload,
                        subject: None,
                    });
                }
            }
            Content::Synced { payload } => out.push(Delivery {
                event: EventType::Synced,
                resource: self.resource,
                key: None,
                payload,
                subject: None,
            }),
            Content::Interjection { subject, payload } => out.push(Delivery {
                event: EventType::Added,
                resource: self.resource,
                key: None,
                payload,
                subject: Some(subject),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
