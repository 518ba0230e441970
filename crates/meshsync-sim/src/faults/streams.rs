//! What happens to the bytes of lists and watches on their way out.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{CutStyle, FaultScope, Faults};
use crate::api::GroupResource;

/// Waiting for less is not worth a timer, whose resolution is one millisecond.
const WAIT_MIN: Duration = Duration::from_millis(2);

/// What is done to the body of each list and watch that is answered from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// The body ends after so many bytes: properly with [`CutStyle::Clean`], else by breaking the
    /// connection (HTTP/1.1) or stream (HTTP/2). The other styles are those of open watches.
    CutAfter {
        /// Bytes that are sent.
        bytes: u64,
        /// How it ends.
        style: CutStyle,
    },
    /// Nothing is sent after so many bytes, and the connection stays open until healed or cut.
    StallAfter {
        /// Bytes that are sent.
        bytes: u64,
    },
    /// So many bytes a second, in pieces of a twentieth of that: lines arrive in parts.
    Slow {
        /// Bytes a second.
        bytes_per_second: u64,
    },
}

/// What open watches and those to come do otherwise than they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WatchQuirk {
    /// `object` stands before `type` in each line.
    ReorderedKeys,
    /// Each change is sent twice.
    DuplicatedEvents,
    /// No bookmarks, but for the one that ends the initial events.
    NoBookmarks,
    /// Not even that one: the initial events never end.
    NoInitialEventsEnd,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    stalled: bool,
    per_stream: Option<u64>,
    total: Option<u64>,
}

/// When the next byte may go, at a limited rate.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    next: Option<Instant>,
}

impl Pacer {
    /// Books so many bytes and says until when to wait. What was not used is not saved up.
    pub(crate) fn book(&mut self, bytes: usize, rate: u64) -> Instant {
        let now = Instant::now();
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let start = self.next.map_or(now, |next| next.max(now));
        self.next = Some(start + cost);
        start + cost
    }
}

/// The pacer all streams share.
#[derive(Debug, Default)]
pub(super) struct SharedPacer(Mutex<Pacer>);

impl SharedPacer {
    fn book(&self, bytes: usize, rate: u64) -> Instant {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .book(bytes, rate)
    }
}

impl Faults {
    /// Disturbs every list and watch in scope that is answered from now on. Later calls win over
    /// earlier ones.
    pub fn disturb(&self, scope: FaultScope, disturbance: Disturbance) {
        self.disturb_times(scope, disturbance, None);
    }

    /// The same for a number of lists and watches only.
    pub fn disturb_some(&self, scope: FaultScope, disturbance: Disturbance, times: u32) {
        self.disturb_times(scope, disturbance, Some(times));
    }

    fn disturb_times(&self, scope: FaultScope, disturbance: Disturbance, times: Option<u32>) {
        self.switches()
            .disturbances
            .push((scope, disturbance, times));
    }

    /// What happens to the body of a list or watch that is being answered.
    pub(crate) fn disturbance(&self, gr: &GroupResource, verb: &str) -> Option<Disturbance> {
        let mut switches = self.switches();
        let (_, disturbance, times) = switches
            .disturbances
            .iter_mut()
            .rfind(|(scope, _, times)| *times != Some(0) && scope.covers(gr, verb))?;
        if let Some(times) = times {
            *times -= 1;
        }
        Some(*disturbance)
    }

    /// Lets watches do something wrong, until taken back.
    pub fn quirk(&self, quirk: WatchQuirk) {
        self.switches().quirks.insert(quirk);
    }

    /// Takes a quirk back.
    pub fn no_quirk(&self, quirk: WatchQuirk) {
        self.switches().quirks.remove(&quirk);
    }

    pub(crate) fn has_quirk(&self, quirk: WatchQuirk) -> bool {
        self.switches().quirks.contains(&quirk)
    }

    /// Stops sending on every list and watch, leaving connections open.
    pub fn stall(&self) {
        self.flow.send_modify(|flow| flow.stalled = true);
    }

    /// Sends again.
    pub fn resume(&self) {
        self.flow.send_modify(|flow| flow.stalled = false);
    }

    /// Limits each list and watch to so many bytes a second; `None` lifts the limit.
    pub fn pace(&self, bytes_per_second: Option<u64>) {
        self.flow
            .send_modify(|flow| flow.per_stream = bytes_per_second.filter(|rate| *rate > 0));
    }

    /// Limits all lists and watches together to so many bytes a second; `None` lifts the limit.
    pub fn pace_total(&self, bytes_per_second: Option<u64>) {
        self.flow
            .send_modify(|flow| flow.total = bytes_per_second.filter(|rate| *rate > 0));
    }

    pub(super) fn heal_flow(&self) {
        self.flow.send_replace(Flow::default());
    }

    /// Told whenever something is healed or resumed.
    pub(crate) fn flow_changes(&self) -> watch::Receiver<Flow> {
        self.flow.subscribe()
    }

    /// The one question every frame asks: when may it go?
    pub(crate) async fn before_frame(&self, bytes: usize, pacer: &mut Pacer) {
        if self.flow.borrow().stalled {
            let mut changes = self.flow.subscribe();
            let resumed = changes.wait_for(|flow| !flow.stalled).await;
            drop(resumed);
        }
        let flow = *self.flow.borrow();
        let stream = flow.per_stream.map(|rate| pacer.book(bytes, rate));
        let total = flow.total.map(|rate| self.total.book(bytes, rate));
        if let Some(until) = stream.max(total)
            && until > Instant::now() + WAIT_MIN
        {
            sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_booked_one_after_another_and_idle_time_is_not_saved() {
        let mut pacer = Pacer::default();
        let first = pacer.book(500, 1_000);
        let last = (0..9).map(|_| pacer.book(500, 1_000)).last().unwrap();
        assert_eq!(last - first, Duration::from_millis(4_500));
        let past = Instant::now().checked_sub(Duration::from_millis(1));
        let mut idle = Pacer { next: past };
        let before = Instant::now();
        assert!(idle.book(1_000, 1_000) >= before + Duration::from_secs(1));
    }
}
