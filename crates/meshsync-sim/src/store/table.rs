//! The objects of one resource and their recent history.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::sync::watch;

use super::Object;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Added,
    Modified,
    Deleted,
}

/// One change: the object after it (for a deletion, its last state at a new version), and before.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) rv: u64,
    pub(crate) kind: EventKind,
    pub(crate) object: Arc<Object>,
    pub(crate) previous: Option<Arc<Object>>,
}

/// Objects by key, and a bounded ring of changes that watches read at their own pace.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    history: VecDeque<Event>,
    /// Sequence number of the first event in `history`.
    first: u64,
    /// Changes up to this version are forgotten; a watch may start at it, not before.
    oldest: u64,
    /// The resource is gone; watches drain what is left and end.
    ended: bool,
    /// Tells two tables of one name apart.
    pub(crate) incarnation: u64,
    limit: usize,
    signal: watch::Sender<u64>,
}

/// What a watch finds when it looks at the table again.
#[derive(Debug)]
pub(crate) enum Pending {
    /// Changes to send, oldest first, and the sequence number to continue from.
    Events(Vec<Event>, u64),
    /// Nothing new up to this resource version.
    None(u64),
    /// The reader fell too far behind.
    Overflow,
    /// The resource is gone.
    Ended,
}

impl Table {
    pub(crate) fn new(incarnation: u64, limit: usize, oldest: u64) -> Self {
        Self {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            first: 0,
            oldest,
            ended: false,
            incarnation,
            limit: limit.max(1),
            signal: watch::Sender::new(0),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.signal.subscribe()
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Sequence number of the next event.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.first + self.history.len() as u64
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.history.len() >= self.limit
            && let Some(dropped) = self.history.pop_front()
        {
            self.first += 1;
            self.oldest = self.oldest.max(dropped.rv);
        }
        self.history.push_back(event);
        self.signal.send_replace(self.next_sequence());
    }

    /// Forgets every change up to `rv`, the current version. Open watches go on undisturbed.
    pub(crate) fn forget_until(&mut self, rv: u64) {
        self.oldest = rv;
    }

    pub(crate) fn limit_history(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.signal.send_replace(u64::MAX);
    }

    /// The sequence number of the first change after `rv`; `None` when that is forgotten.
    pub(crate) fn sequence_after(&self, rv: u64) -> Option<u64> {
        if rv < self.oldest {
            return None;
        }
        Some(self.first + self.history.partition_point(|event| event.rv <= rv) as u64)
    }

    /// Up to `max` changes from `cursor` on; a reader more than `lag_max` behind overflows.
    pub(crate) fn pending(&self, cursor: u64, max: usize, lag_max: u64, rv: u64) -> Pending {
        let next = self.next_sequence();
        if cursor < self.first || next - cursor > lag_max {
            return Pending::Overflow;
        }
        if cursor == next {
            return if self.ended {
                Pending::Ended
            } else {
                Pending::None(rv)
            };
        }
        let from = (cursor - self.first) as usize;
        let events: Vec<Event> = self.history.iter().skip(from).take(max).cloned().collect();
        let cursor = cursor + events.len() as u64;
        Pending::Events(events, cursor)
    }

    /// Up to `max` changes right before `cursor`, none older than number `first`.
    pub(crate) fn before(&self, cursor: u64, first: u64, max: usize) -> Vec<Event> {
        let end = usize::try_from(cursor.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let start = usize::try_from(first.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let start = start.max(end.saturating_sub(max));
        let count = end.saturating_sub(start);
        self.history
            .iter()
            .skip(start)
            .take(count)
            .cloned()
            .collect()
    }

    /// What differs from the state at `rv`: keys with the object they then had.
    /// `None` when the history does not reach back.
    pub(crate) fn undo_to(&self, rv: u64) -> Option<BTreeMap<String, Option<Arc<Object>>>> {
        let from = (self.sequence_after(rv)? - self.first) as usize;
        let mut undone = BTreeMap::new();
        for event in self.history.iter().skip(from) {
            undone
                .entry(event.object.key())
                .or_insert_with(|| event.previous.clone());
        }
        Some(undone)
    }
}
