//! Which Event a notice is: a new one, one that is counted up, or none.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::notice::{Notice, Regarding, Severity};

/// Events that are remembered, to be counted up.
const KNOWN_MAX: usize = 64;

/// Events are kept for an hour by an API server, unless it is told otherwise. One that is older
/// than this is not counted up, but written anew.
const KNOWN_FOR: Duration = Duration::from_secs(50 * 60);

/// So many are written in a burst, and then one in this time.
const BURST: u32 = 25;
const REFILL: Duration = Duration::from_secs(60);

/// What makes two notices the same.
pub(super) type Key = (Regarding, Severity, &'static str, String);

/// What is to be done about a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A new Event.
    New,
    /// This Event happened so many times.
    Again { event: String, count: u64 },
    /// Too many.
    Enough,
}

#[derive(Debug)]
struct Known {
    event: String,
    count: u64,
    written: Instant,
}

/// Remembers what was written. Pure: the clock comes from outside.
#[derive(Debug)]
pub(super) struct Correlator {
    known: HashMap<Key, Known>,
    tokens: u32,
    filled: Instant,
}

impl Correlator {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            known: HashMap::new(),
            tokens: BURST,
            filled: now,
        }
    }

    /// Decides.
    pub(super) fn judge(&mut self, key: &Key, now: Instant) -> Verdict {
        let refills = now.saturating_duration_since(self.filled).as_secs() / REFILL.as_secs();
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        if refills > 0 {
            self.tokens = self.tokens.saturating_add(refills).min(BURST);
            self.filled = now;
        }
        if self.tokens == 0 {
            return Verdict::Enough;
        }
        self.tokens -= 1;
        self.known
            .retain(|_, known| now.saturating_duration_since(known.written) < KNOWN_FOR);
        match self.known.get(key) {
            Some(known) => Verdict::Again {
                event: known.event.clone(),
                count: known.count + 1,
            },
            None => Verdict::New,
        }
    }

    /// It was written under this name, for the time `count`.
    pub(super) fn written(&mut self, key: Key, event: String, count: u64, now: Instant) {
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(&key) {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.written);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.known.remove(&oldest);
            }
        }
        let written = now;
        self.known.insert(
            key,
            Known {
                event,
                count,
                written,
            },
        );
    }

    /// The server has it no more.
    pub(super) fn forget(&mut self, key: &Key) {
        self.known.remove(key);
    }
}

/// What makes a notice the same as another.
pub(super) fn key(notice: Notice, agent: &Regarding) -> Key {
    let Notice {
        severity,
        reason,
        note,
        regarding,
    } = notice;
    let regarding = regarding.unwrap_or_else(|| agent.clone());
    (regarding, severity, reason, note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(note: &str) -> Key {
        let notice = Notice {
            severity: Severity::Warning,
            reason: "Tested",
            note: note.to_owned(),
            regarding: None,
        };
        key(notice, &Regarding::pod("meshsync", "agent"))
    }

    #[test]
    fn the_same_is_counted_up_until_the_server_has_it_no_more() {
        let begin = Instant::now();
        let mut correlator = Correlator::new(begin);
        assert_eq!(correlator.judge(&of("a"), begin), Verdict::New);
        correlator.written(of("a"), "event".to_owned(), 1, begin);
        assert_eq!(correlator.judge(&of("b"), begin), Verdict::New);
        let again = Verdict::Again {
            event: "event".to_owned(),
            count: 2,
        };
        assert_eq!(correlator.judge(&of("a"), begin), again);
        assert_eq!(
            correlator.judge(&of("a"), begin + KNOWN_FOR),
            Verdict::New,
            "it may be gone"
        );
        correlator.written(of("a"), "event".to_owned(), 1, begin);
        correlator.forget(&of("a"));
        assert_eq!(correlator.judge(&of("a"), begin), Verdict::New);
    }

    #[test]
    fn a_burst_is_limited_and_comes_back_with_time() {
        let begin = Instant::now();
        let mut correlator = Correlator::new(begin);
        let mut written = |at: Instant| {
            let notes = (0..100).map(|note| of(&format!("{note}-{at:?}")));
            let verdicts = notes.map(|key| correlator.judge(&key, at));
            verdicts
                .filter(|verdict| *verdict != Verdict::Enough)
                .count()
        };
        assert_eq!(written(begin), BURST as usize);
        assert_eq!(written(begin + REFILL * 3), 3);
        assert_eq!(written(begin + REFILL * 1_000), BURST as usize);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let begin = Instant::now();
        let mut correlator = Correlator::new(begin);
        for note in 0..2 * KNOWN_MAX {
            correlator.written(of(&note.to_string()), String::new(), 1, begin);
        }
        assert_eq!(correlator.known.len(), KNOWN_MAX);
    }
}
