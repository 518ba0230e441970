//! Who may take a lock, and when. Pure: time comes from outside.

use std::time::Duration;

use meshsync_model::Leadership;
use tokio::time::Instant;

/// Somebody who wants to lead.
#[derive(Debug)]
pub(crate) struct Candidate {
    me: String,
    /// The lock as it was seen last, and since when it is so.
    seen: Option<(Leadership, Instant)>,
}

/// What to do after a look at the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It can be had: write in place of this version.
    Take(Option<String>),
    /// Another one leads; until this moment unless the lock is renewed.
    Follow(Instant),
}

impl Candidate {
    pub(crate) fn new(me: String) -> Self {
        Self { me, seen: None }
    }

    /// What a look at the lock at `now` means.
    pub(crate) fn look(&mut self, lock: Option<Leadership>, now: Instant) -> Next {
        let Some(lock) = lock else {
            self.seen = None;
            return Next::Take(None);
        };
        // Given up; or taken by us, and we never heard of it.
        if lock.holder.is_empty() || lock.holder == self.me {
            return Next::Take(Some(lock.version));
        }
        let same = |(seen, _): &&(Leadership, Instant)| seen.version == lock.version;
        let since = self
            .seen
            .as_ref()
            .filter(same)
            .map_or(now, |(_, since)| *since);
        let until = since + lock.lasts;
        let version = lock.version.clone();
        self.seen = Some((lock, since));
        if now >= until {
            Next::Take(Some(version))
        } else {
            Next::Follow(until)
        }
    }

    /// Who leads, as far as is known.
    pub(crate) fn leader(&self) -> Option<&str> {
        self.seen.as_ref().map(|(lock, _)| &*lock.holder)
    }
}

/// How often a lock is renewed, and looked at by those who wait for it.
pub(crate) fn renew_every(lasts: Duration) -> Duration {
    lasts / 6
}

/// A leader that could not renew its lock for so long leads no more.
pub(crate) fn give_up_after(lasts: Duration) -> Duration {
    lasts * 2 / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const LASTS: Duration = Duration::from_secs(15);

    fn lock(holder: &str, version: &str) -> Option<Leadership> {
        Some(Leadership {
            holder: holder.to_owned(),
            lasts: LASTS,
            version: version.to_owned(),
        })
    }

    fn take(version: &str) -> Next {
        Next::Take(Some(version.to_owned()))
    }

    #[test]
    fn a_lock_that_nobody_holds_is_taken_at_once() {
        let now = Instant::now();
        let mut candidate = Candidate::new("me".to_owned());
        assert_eq!(candidate.look(None, now), Next::Take(None));
        assert_eq!(candidate.look(lock("", "3"), now), take("3"));
        assert_eq!(candidate.look(lock("me", "4"), now), take("4"));
    }

    #[test]
    fn a_leader_that_is_silent_for_as_long_as_its_lock_lasts_is_followed() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut candidate = Candidate::new("me".to_owned());
        assert_eq!(
            candidate.look(lock("other", "1"), at(0)),
            Next::Follow(at(15))
        );
        assert_eq!(
            candidate.look(lock("other", "1"), at(14)),
            Next::Follow(at(15))
        );
        // Renewed: the time begins anew, however long it was before.
        assert_eq!(
            candidate.look(lock("other", "2"), at(14)),
            Next::Follow(at(29))
        );
        assert_eq!(
            candidate.look(lock("other", "2"), at(28)),
            Next::Follow(at(29))
        );
        assert_eq!(candidate.look(lock("other", "2"), at(29)), take("2"));
        assert_eq!(candidate.leader(), Some("other"));
    }

    #[test]
    fn who_waited_while_there_was_no_lock_waits_its_whole_time() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut candidate = Candidate::new("me".to_owned());
        assert_eq!(candidate.look(lock("a", "1"), at(0)), Next::Follow(at(15)));
        assert_eq!(candidate.look(None, at(10)), Next::Take(None));
        assert_eq!(candidate.look(lock("a", "1"), at(20)), Next::Follow(at(35)));
    }
}
