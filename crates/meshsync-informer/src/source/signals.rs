//! What makes a source do something else than wait for changes.

use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use meshsync_discovery::Selection;
use tokio::time::Instant;

use super::BoxRoom;
use crate::chance;
use crate::control::{Controlled, Reading};
use crate::timing::exponential;
use crate::{Room, SinkSet};

/// See the [module](self).
pub(super) struct Signals {
    controlled: Controlled,
    room: BoxRoom,
    /// When everything is listed for sinks that lack something.
    repair: Option<Instant>,
    retry: RangeInclusive<Duration>,
    /// Such lists in a row that helped nobody.
    vain: u32,
    owed: u64,
    /// Nobody is left who could tell us anything.
    alone: bool,
}

/// One of them.
pub(super) enum Signal {
    Selection(Arc<Selection>),
    Reading(Reading),
    /// A sink has room again, or lost what it had.
    Room,
    /// It is time to list for sinks that lack something.
    Repair,
}

impl Signals {
    pub(super) fn new(
        controlled: Controlled,
        room: BoxRoom,
        retry: RangeInclusive<Duration>,
    ) -> Self {
        Self {
            controlled,
            room,
            repair: None,
            retry,
            vain: 0,
            owed: 0,
            alone: false,
        }
    }

    pub(super) fn selection(&mut self) -> Arc<Selection> {
        Arc::clone(&self.controlled.selection.borrow_and_update())
    }

    /// Waits for the next one. Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self) -> Signal {
        let repair = self.repair;
        let mut due = pin!(async move {
            match repair {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        });
        loop {
            tokio::select! {
                changed = self.controlled.selection.changed(), if !self.alone => match changed {
                    Ok(()) => return Signal::Selection(self.selection()),
                    Err(_) => self.alone = true,
                },
                Some(reading) = self.controlled.readings.recv() => {
                    return Signal::Reading(reading);
                }
                () = self.room.again() => return Signal::Room,
                () = &mut due => return Signal::Repair,
            }
        }
    }

    pub(super) fn lost(&mut self) -> SinkSet {
        self.room.lost()
    }

    /// Plans a list for sinks that lack something and can be reached; `owed` is
    /// how much that is.
    pub(super) fn plan_repair(&mut self, dirty: SinkSet, owed: u64) {
        if !dirty.meets(self.room.reachable()) {
            self.repair = None;
            self.vain = 0;
            return;
        }
        if self.repair.is_none() {
            let wait = exponential(&self.retry, self.vain, chance::unit());
            self.repair = Some(Instant::now() + wait);
        }
        self.owed = owed;
    }

    /// Everything has been listed once more.
    pub(super) fn repaired(&mut self, owed: u64) {
        if self.repair.take().is_some() {
            self.vain = match owed < self.owed {
                true => 0,
                false => self.vain.saturating_add(1),
            };
        }
    }
}
