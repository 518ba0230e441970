//! What a refusal means: a status, or an `ERROR` event in a watch.

use super::{Machine, Meaning, Refusal, State};
use crate::mutation::{Mutation, mutated};
use crate::timing::exponential;

/// After this many refusals a resourceVersion that is too large is given up: the
/// server's store has gone back, and waiting does not help.
pub(super) const TOO_LARGE_MAX: u32 = 5;

/// After this many refusals of a watch that name no reason to wait, it is not the
/// server that is wrong but the position, such as one behind which the server's
/// history cannot be read.
pub(super) const REFUSED_HERE_MAX: u32 = 5;

impl Machine {
    pub(super) fn refused(&mut self, refusal: &Refusal, jitter: f64) -> Meaning {
        match refusal.code {
            _ if is_expired(refusal) => self.expired(jitter),
            400 | 422 if self.is_watch_list_request() => {
                self.watch_list = false;
                self.watch_list_refused = true;
                self.state = State::Empty;
                Meaning::Continue
            }
            // Nothing in a request but its position can be wrong.
            400 | 422 => {
                self.relist_later(jitter);
                Meaning::Failing
            }
            403..=405 => {
                self.failures += 1;
                self.wait = Some(exponential(&self.timing.refused, self.failures, jitter));
                if refusal.code == 403 {
                    Meaning::Forbidden
                } else {
                    Meaning::Missing
                }
            }
            _ => {
                self.refused_for_now(refusal, jitter);
                Meaning::Failing
            }
        }
    }

    fn refused_for_now(&mut self, refusal: &Refusal, jitter: f64) {
        self.back_off(jitter);
        if is_too_large(refusal) {
            self.too_large += 1;
            if self.too_large >= TOO_LARGE_MAX {
                self.too_large = 0;
                self.state = State::Empty;
            }
        } else if !is_wait(refusal) && self.has_position() {
            self.refused_here += 1;
            if self.refused_here >= REFUSED_HERE_MAX {
                self.refused_here = 0;
                self.state = State::Empty;
            }
        }
        if let Some(after) = refusal.retry_after {
            let after = after.min(self.timing.retry_after_max);
            // Not all at once when the time is over, and never sooner than
            // without the server's word.
            let after = after + after.mul_f64(jitter * 0.25);
            self.wait = self.wait.max(Some(after));
        }
        if matches!(
            self.state,
            State::WatchList {
                complete: false,
                ..
            }
        ) {
            self.state = State::Empty;
        }
    }

    /// The position is too old for the server: everything is listed again.
    fn expired(&mut self, jitter: f64) -> Meaning {
        if matches!(
            self.state,
            State::Page {
                continue_token: Some(_)
            }
        ) {
            // The list outlived its snapshot; once more in pages, then whole.
            self.expired_lists += 1;
            self.paged = self.expired_lists < 2;
        }
        self.failures += 1;
        if mutated(Mutation::ReuseExpiredVersion) {
            self.back_off(jitter);
            return Meaning::Failing;
        }
        self.relist_later(jitter);
        if self.failures > 1 || self.relists > 2 {
            Meaning::Failing
        } else {
            Meaning::Continue
        }
    }

    fn is_watch_list_request(&self) -> bool {
        match self.state {
            State::Empty => self.watch_list,
            State::WatchList { complete, .. } => !complete,
            State::Page { .. } | State::Watch { .. } => false,
        }
    }
}

/// Some servers send only the reason in a stream.
fn is_expired(refusal: &Refusal) -> bool {
    refusal.code == 410 || (refusal.code == 0 && matches!(&*refusal.reason, "Expired" | "Gone"))
}

/// `ResourceVersionTooLarge`: the server has not seen that version (yet).
fn is_too_large(refusal: &Refusal) -> bool {
    refusal.code == 504 && refusal.message.contains("Too large resource version")
}

/// Credentials, load and outages pass, and the position is as good after them.
fn is_wait(refusal: &Refusal) -> bool {
    matches!(refusal.code, 401 | 429 | 502..=504) || refusal.retry_after.is_some()
}
