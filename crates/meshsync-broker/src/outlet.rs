//! One sink's outbox, shared between the tasks that fill it and the one that
//! empties it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meshsync_model::{ObjectKey, Resource};
use tokio::sync::{Notify, watch};

use crate::{Batch, Delivery, Offer, Offered, Outbox, Received, SinkState, SinkStatus, Wire};

/// Bytes of one batch. Large enough that a round trip a batch costs little,
/// small enough that little is sent twice.
pub(crate) const BATCH_BYTES_MAX: usize = 1 << 20;

/// An [`Outbox`] behind a short lock, with the signals around it. The lock is
/// never held across an await.
#[derive(Debug)]
pub struct Outlet {
    outbox: Mutex<Outbox>,
    wire: Wire,
    status: Arc<SinkStatus>,
    /// Something waits.
    filled: Notify,
    /// There is room again; counts how often.
    room: watch::Sender<u64>,
    /// The sink has lost what it was given; counts how often.
    lost: watch::Sender<u64>,
    /// The sink has confirmed that it was given everything once.
    complete: watch::Sender<bool>,
    /// Nothing more will be offered.
    closed: AtomicBool,
}

impl Outlet {
    /// An empty outbox of `capacity_bytes` for a sink of that format.
    pub fn new(capacity_bytes: usize, wire: Wire, status: Arc<SinkStatus>) -> Self {
        Self {
            outbox: Mutex::new(Outbox::new(capacity_bytes)),
            wire,
            status,
            filled: Notify::new(),
            room: watch::Sender::new(0),
            lost: watch::Sender::new(0),
            complete: watch::Sender::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// The sink's wire format.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// The sink's status.
    pub fn status(&self) -> &Arc<SinkStatus> {
        &self.status
    }

    /// See [`Outbox::waits_first`].
    pub fn waits_first(&self, key: &ObjectKey) -> bool {
        self.lock().waits_first(key)
    }

    /// See [`Outbox::offer`]. Never waits. What is offered was received now.
    pub fn offer(&self, resource: &Arc<Resource>, key: &Arc<ObjectKey>, offer: Offer) -> Offered {
        self.offer_received(Received::now(), resource, key, offer)
    }

    /// The same for what was received at another time, which costs no look at the
    /// clock.
    pub fn offer_received(
        &self,
        at: Received,
        resource: &Arc<Resource>,
        key: &Arc<ObjectKey>,
        offer: Offer,
    ) -> Offered {
        let mut outbox = self.lock();
        if self.status.state() == SinkState::Closed {
            // Nobody will ever take it; the others are not held up.
            return Offered::Taken;
        }
        outbox.received(at);
        let offered = outbox.offer(resource, key, offer);
        drop(outbox);
        match offered {
            Offered::Taken => self.filled.notify_one(),
            Offered::Full => self.status.refused.inc(),
            Offered::Annihilated | Offered::TooLate => {}
        }
        offered
    }

    /// See [`Outbox::synced`]. Never waits.
    pub fn synced(&self, resource: Option<Arc<Resource>>, payload: Bytes) {
        let mut outbox = self.lock();
        if self.status.state() == SinkState::Closed {
            return;
        }
        outbox.received(Received::now());
        outbox.synced(resource, payload);
        drop(outbox);
        self.filled.notify_one();
    }

    /// See [`Outbox::interject`]. Never waits.
    pub fn interject(&self, resource: &Arc<Resource>, subject: &Arc<str>, payload: Bytes) {
        let mut outbox = self.lock();
        if self.status.state() == SinkState::Closed {
            return;
        }
        outbox.received(Received::now());
        outbox.interject(resource, Arc::clone(subject), payload);
        drop(outbox);
        self.filled.notify_one();
    }

    /// See [`Outbox::waits`].
    pub fn waits(&self, key: &ObjectKey) -> bool {
        self.lock().waits(key)
    }

    /// Waits until there is room, however long the sink is away.
    pub async fn room(&self) {
        let mut room = self.room.subscribe();
        loop {
            room.mark_unchanged();
            self.note_starved();
            if self.has_room() || self.status.state() == SinkState::Closed {
                return;
            }
            if room.changed().await.is_err() {
                return;
            }
        }
    }

    /// Whether more than half of the outbox is free.
    pub fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// A receiver that changes whenever a refused offer is worth another try.
    pub fn room_changes(&self) -> watch::Receiver<u64> {
        self.room.subscribe()
    }

    /// A receiver that changes whenever the sink has lost what it was given.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.lost.subscribe()
    }

    /// The sink has lost what it was given: it has to be given everything again.
    pub(crate) fn forget(&self) {
        self.lost.send_modify(|count| *count += 1);
        self.announce_room();
    }

    /// Waits until the sink has confirmed the marker that it was given everything,
    /// however long it is away, or nobody will take it any more.
    pub async fn complete(&self) {
        let mut complete = self.complete.subscribe();
        if complete.wait_for(|complete| *complete).await.is_err() {
            unreachable!("the sender lives as long as `self`");
        }
    }

    /// Waits until there is room or the sink is found to be away.
    pub async fn room_or_away(&self) {
        let mut room = self.room.subscribe();
        let mut state = self.status.state_changes();
        loop {
            if self.has_room() || !state.borrow_and_update().is_up() {
                return;
            }
            self.note_starved();
            tokio::select! {
                changed = room.changed() => if changed.is_err() { return },
                changed = state.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Bytes waiting, bytes in flight, deliveries waiting.
    pub fn depth(&self) -> (usize, usize, usize) {
        let outbox = self.lock();
        (
            outbox.queued_bytes(),
            outbox.in_flight_bytes(),
            outbox.len(),
        )
    }

    /// See [`Outbox::pending_since`].
    pub fn pending_since(&self) -> Vec<(Option<Arc<Resource>>, Received)> {
        self.lock().pending_since()
    }

    /// Says that nothing more will be offered: the runner ends when all is sent.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.filled.notify_one();
    }

    /// The next batch; `None` when the outlet is closed and empty. Only the
    /// sink's runner calls this.
    pub(crate) async fn next_batch(&self) -> Option<Batch> {
        loop {
            let batch = self.lock().take(BATCH_BYTES_MAX);
            if !batch.deliveries.is_empty() {
                return Some(batch);
            }
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            self.filled.notified().await;
        }
    }

    /// Takes a confirmed batch off the account.
    pub(crate) fn commit(&self, batch: &Batch) {
        if self.lock().commit(batch) {
            self.announce_room();
        }
        if batch.deliveries.iter().any(Delivery::is_full_sync) {
            self.complete.send_replace(true);
        }
    }

    /// Says that nobody takes anything any more: what waits is forgotten, and
    /// whoever waits for room goes on.
    pub(crate) fn end(&self) {
        let mut outbox = self.lock();
        // Under the lock: nothing is offered between the two.
        self.status.set_state(SinkState::Closed);
        outbox.clear();
        drop(outbox);
        self.announce_room();
        self.complete.send_replace(true);
    }

    /// Tells those who were refused to try again.
    pub(crate) fn announce_room(&self) {
        self.room.send_modify(|count| *count += 1);
    }

    fn note_starved(&self) {
        self.lock().want_room();
    }

    fn lock(&self) -> MutexGuard<'_, Outbox> {
        // The outbox is consistent between any two of its methods.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
