//! The list-and-watch state machine of one resource. Pure: what to ask next and
//! what an answer means. Sockets, clocks and randomness are outside.
//!
//! ```text
//!          ┌────────────► Step::Send(WatchList) ──initial-events-end──┐
//!  start ──┤                   │ refused (400, 422), or broken thrice  ├──► Step::Send(Watch{rv}) ─┐
//!          └────────────► Step::Send(Page…) ────────last page─────────┘        ▲    │ ended: resume │
//!               ▲                                                              └────┴───────────────┘
//!               └── 410 in the stream or as a status; resourceVersion too large for too long
//! ```
//!
//! A WatchList stream goes on as the watch: after its initial events no second
//! request is made.

use std::time::Duration;

mod protocol;

pub use protocol::{Answer, Meaning, Refusal, Request, Step};

/// Bounds of the back-off, after which time is spent per attempt.
const BACK_OFF_MIN: Duration = Duration::from_millis(200);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// Forbidden and missing resources are looked at again now and then: rights
/// change, and discovery may be behind.
const REFUSED_MIN: Duration = Duration::from_secs(15);
const REFUSED_MAX: Duration = Duration::from_secs(300);
/// A server that says `Retry-After` is believed up to here.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);
/// After this many refusals a resourceVersion that is too large is given up: the
/// server's store has gone back, and waiting does not help.
const TOO_LARGE_MAX: u32 = 5;
/// After this many broken attempts in a row the other way of listing is tried.
const BROKEN_MAX: u32 = 3;

/// See the [module](self).
#[derive(Debug)]
pub struct Machine {
    state: State,
    /// Whether to begin with WatchList.
    watch_list: bool,
    /// The server has said that it has no WatchList.
    watch_list_refused: bool,
    /// Whether lists may be cut into pages. A paged list that expired twice is
    /// asked for whole.
    paged: bool,
    /// Failures in a row; any progress resets it.
    failures: u32,
    too_large: u32,
    /// How many lists in a row expired between their pages.
    expired_lists: u32,
    /// How many lists there were in a row without a watch in between that
    /// brought anything or lived.
    relists: u32,
    wait: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Empty,
    WatchList { complete: bool, version: String },
    Page { continue_token: Option<String> },
    Watch { version: String },
}

impl Machine {
    /// A machine for a resource of which nothing is known.
    pub fn new(watch_list: bool) -> Self {
        Self {
            state: State::Empty,
            watch_list,
            watch_list_refused: !watch_list,
            paged: true,
            failures: 0,
            too_large: 0,
            expired_lists: 0,
            relists: 0,
            wait: None,
        }
    }

    /// The next step. Asking again without an answer in between gives the same,
    /// but for a wait, which is over once it was given.
    pub fn step(&mut self) -> Step {
        if let Some(wait) = self.wait.take() {
            return Step::Wait(wait);
        }
        Step::Send(match &self.state {
            State::Empty if self.watch_list => Request::WatchList,
            State::Empty => Request::Page {
                continue_token: None,
                paged: self.paged,
            },
            State::Page { continue_token } => Request::Page {
                continue_token: continue_token.clone(),
                paged: self.paged,
            },
            // A WatchList that has to be sent again starts over.
            State::WatchList {
                complete: false, ..
            } => Request::WatchList,
            State::WatchList { version, .. } | State::Watch { version } => Request::Watch {
                version: version.clone(),
            },
        })
    }

    /// How many failures there were in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Forgets the position: the next step lists everything again.
    pub fn relist(&mut self) {
        self.state = State::Empty;
    }

    /// Takes an answer. `jitter` is a random number from 0 to 1.
    pub fn on(&mut self, answer: Answer, jitter: f64) -> Meaning {
        match answer {
            Answer::Opened => self.opened(),
            Answer::InitialEventsEnd { version } => {
                self.progress();
                self.state = State::WatchList {
                    complete: true,
                    version: version.clone(),
                };
                Meaning::PassDone { version }
            }
            Answer::Progress { version } => {
                self.progress();
                match &mut self.state {
                    State::WatchList {
                        complete: true,
                        version: own,
                    }
                    | State::Watch { version: own } => {
                        self.relists = 0;
                        *own = version;
                    }
                    // Initial events are in no order: no position before the end.
                    State::WatchList { .. } | State::Empty | State::Page { .. } => {}
                }
                Meaning::Continue
            }
            Answer::PageEnd {
                version,
                continue_token: None,
            } => {
                self.progress();
                self.paged = true;
                self.expired_lists = 0;
                self.state = State::Watch {
                    version: version.clone(),
                };
                Meaning::PassDone { version }
            }
            Answer::PageEnd { continue_token, .. } => {
                self.progress();
                self.state = State::Page { continue_token };
                Meaning::Continue
            }
            Answer::Ended { lived } => self.ended(lived, jitter),
            Answer::Broken => self.broken(jitter),
            Answer::Refused(refusal) => self.refused(&refusal, jitter),
        }
    }

    fn opened(&mut self) -> Meaning {
        match &self.state {
            State::Empty if self.watch_list => {
                self.state = State::WatchList {
                    complete: false,
                    version: String::new(),
                };
                Meaning::PassBegun
            }
            State::Empty => {
                self.state = State::Page {
                    continue_token: None,
                };
                Meaning::PassBegun
            }
            State::WatchList {
                complete: false, ..
            }
            | State::Page {
                continue_token: None,
            } => Meaning::PassBegun,
            State::Page { .. } => Meaning::Continue,
            State::WatchList { .. } | State::Watch { .. } => Meaning::Resumed,
        }
    }

    fn progress(&mut self) {
        self.failures = 0;
        self.too_large = 0;
    }

    fn ended(&mut self, lived: bool, jitter: f64) -> Meaning {
        match &self.state {
            State::WatchList {
                complete: true,
                version,
            }
            | State::Watch { version } => {
                self.state = State::Watch {
                    version: version.clone(),
                };
                if lived {
                    self.progress();
                    self.relists = 0;
                } else if self.failures > 0 {
                    self.back_off(jitter);
                } else {
                    self.failures = 1;
                }
                Meaning::Continue
            }
            // The initial events or the list are not complete.
            State::WatchList { .. } | State::Page { .. } | State::Empty => self.broken(jitter),
        }
    }

    fn broken(&mut self, jitter: f64) -> Meaning {
        self.back_off(jitter);
        if let State::WatchList {
            complete: true,
            version,
        } = &self.state
        {
            self.state = State::Watch {
                version: version.clone(),
            };
        } else if !matches!(self.state, State::Watch { .. }) {
            // A page that broke may be asked for again by its token; a
            // WatchList starts over. Thrice broken, the other way is tried.
            if self.failures.is_multiple_of(BROKEN_MAX) {
                self.watch_list = !self.watch_list && !self.watch_list_refused;
                self.state = State::Empty;
            } else if matches!(self.state, State::WatchList { .. }) {
                self.state = State::Empty;
            }
        }
        Meaning::Failing
    }

    fn refused(&mut self, refusal: &Refusal, jitter: f64) -> Meaning {
        match refusal.code {
            410 => self.expired(jitter),
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
                self.wait = Some(exponential(REFUSED_MIN, REFUSED_MAX, self.failures, jitter));
                if refusal.code == 403 {
                    Meaning::Forbidden
                } else {
                    Meaning::Missing
                }
            }
            _ => {
                self.back_off(jitter);
                if is_too_large(refusal) {
                    self.too_large += 1;
                    if self.too_large >= TOO_LARGE_MAX {
                        self.too_large = 0;
                        self.state = State::Empty;
                    }
                }
                if let Some(after) = refusal.retry_after {
                    let after = after.min(RETRY_AFTER_MAX);
                    // Not all at once when the time is over, and never sooner
                    // than without the server's word.
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
                Meaning::Failing
            }
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
        self.relist_later(jitter);
        if self.failures > 1 || self.relists > 2 {
            Meaning::Failing
        } else {
            Meaning::Continue
        }
    }

    /// Lists everything again: the first time at once, then with back-off until
    /// a watch has brought something.
    fn relist_later(&mut self, jitter: f64) {
        self.state = State::Empty;
        if self.relists > 0 {
            self.wait = Some(exponential(
                BACK_OFF_MIN,
                BACK_OFF_MAX,
                self.relists,
                jitter,
            ));
        }
        self.relists += 1;
    }

    fn is_watch_list_request(&self) -> bool {
        match self.state {
            State::Empty => self.watch_list,
            State::WatchList { complete, .. } => !complete,
            State::Page { .. } | State::Watch { .. } => false,
        }
    }

    fn back_off(&mut self, jitter: f64) {
        self.failures += 1;
        self.wait = Some(exponential(
            BACK_OFF_MIN,
            BACK_OFF_MAX,
            self.failures,
            jitter,
        ));
    }
}

/// Doubles from `min` with every failure up to `max`, then takes a random time
/// between half of that and all of it.
fn exponential(min: Duration, max: Duration, failures: u32, jitter: f64) -> Duration {
    let doubled = min.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(max).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// `ResourceVersionTooLarge`: the server has not seen that version (yet).
fn is_too_large(refusal: &Refusal) -> bool {
    refusal.code == 504 && refusal.message.contains("Too large resource version")
}

#[cfg(test)]
mod tests;
