//! The list-and-watch state machine of one resource. Pure: what to ask next and
//! what an answer means. Sockets, clocks and randomness are outside.
//!
//! ```text
//!          ┌────────────► Step::Send(WatchList) ──initial-events-end──┐
//!  start ──┤                   │ refused (400, 422), or broken thrice  ├──► Step::Send(Watch{rv}) ─┐
//!          └────────────► Step::Send(Page…) ────────last page─────────┘        ▲    │ ended: resume │
//!               ▲                                                              └────┴───────────────┘
//!               └── 410 in the stream or as a status; resourceVersion too large for too long;
//!                   refused five times at one position; a watch, a list, or the server
//!                   found after a watch broke, that went back
//! ```
//!
//! A WatchList stream goes on as the watch: after its initial events no second
//! request is made. Every list is a consistent read; one that is nevertheless
//! from further back than what was seen is asked for again (`history`).

use std::time::Duration;

use crate::mutation::{Mutation, mutated};
use crate::timing::{Timing, exponential};

mod history;
mod protocol;
mod refusals;

use self::history::Seen;
pub use protocol::{Answer, History, Meaning, Refusal, Request, Step};

/// After this many broken attempts in a row the other way of listing is tried.
const BROKEN_MAX: u32 = 3;

/// See the [module](self).
#[derive(Debug)]
pub struct Machine {
    state: State,
    timing: Timing,
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
    /// How many times in a row a watch was refused at its position for no reason
    /// that waiting would cure.
    refused_here: u32,
    /// How many lists in a row expired between their pages.
    expired_lists: u32,
    /// How many lists there were in a row without a watch in between that
    /// brought anything or lived.
    relists: u32,
    wait: Option<Duration>,
    /// The watch broke: it may be another server that answers now.
    probe: bool,
    seen: Seen,
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
    pub fn new(watch_list: bool, timing: Timing) -> Self {
        Self {
            state: State::Empty,
            timing,
            watch_list,
            watch_list_refused: !watch_list,
            paged: true,
            failures: 0,
            too_large: 0,
            refused_here: 0,
            expired_lists: 0,
            relists: 0,
            wait: None,
            probe: false,
            seen: Seen::default(),
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
            State::WatchList { .. } | State::Watch { .. } if self.wants_probe() => Request::Probe,
            State::WatchList { version, .. } | State::Watch { version } => Request::Watch {
                version: version.clone(),
            },
        })
    }

    /// Does not ask for streamed lists: the server is known to refuse them.
    pub fn without_watch_list(&mut self) {
        self.watch_list = false;
        self.watch_list_refused = true;
        if !self.has_position() {
            self.state = State::Empty;
        }
    }

    /// How many failures there were in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether there is a position to watch from.
    pub fn has_position(&self) -> bool {
        matches!(
            self.state,
            State::Watch { .. } | State::WatchList { complete: true, .. }
        )
    }

    /// Forgets the position: the next step lists everything again. What it shows
    /// may be news at any version, as when other objects are of interest now.
    pub fn relist(&mut self) {
        self.state = State::Empty;
        self.seen.not_complete();
    }

    /// Takes an answer. `jitter` is a random number from 0 to 1.
    pub fn on(&mut self, answer: Answer, jitter: f64) -> Meaning {
        match answer {
            Answer::Opened => self.opened(),
            Answer::InitialEventsEnd {
                version,
                contradicted,
            } => {
                let complete = State::WatchList {
                    complete: true,
                    version: version.clone(),
                };
                self.pass_done(complete, version, contradicted, jitter)
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
                        self.seen.position(&version);
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
                contradicted,
            } => {
                self.paged = true;
                self.expired_lists = 0;
                let complete = State::Watch {
                    version: version.clone(),
                };
                self.pass_done(complete, version, contradicted, jitter)
            }
            Answer::PageEnd { continue_token, .. } => {
                self.progress();
                self.state = State::Page { continue_token };
                Meaning::Continue
            }
            Answer::Probed { version } => self.probed(&version, jitter),
            Answer::WentBack => self.went_back(jitter),
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
                self.pass_begun()
            }
            State::Empty => {
                self.state = State::Page {
                    continue_token: None,
                };
                self.pass_begun()
            }
            State::WatchList {
                complete: false, ..
            }
            | State::Page {
                continue_token: None,
            } => self.pass_begun(),
            State::Page { .. } => Meaning::Continue,
            State::WatchList { .. } | State::Watch { .. } => Meaning::Resumed,
        }
    }

    fn progress(&mut self) {
        self.failures = 0;
        self.too_large = 0;
        self.refused_here = 0;
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
        self.probe = self.has_position();
        if mutated(Mutation::DeleteOnPartialList) && !self.has_position() {
            return Meaning::PassDone {
                version: String::new(),
            };
        }
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

    /// Lists everything again: the first time at once, then with back-off until
    /// a watch has brought something.
    fn relist_later(&mut self, jitter: f64) {
        self.state = State::Empty;
        self.refused_here = 0;
        if self.relists > 0 {
            self.wait = Some(exponential(&self.timing.back_off, self.relists, jitter));
        }
        self.relists += 1;
    }

    fn back_off(&mut self, jitter: f64) {
        self.failures += 1;
        self.wait = Some(exponential(&self.timing.back_off, self.failures, jitter));
    }
}

#[cfg(test)]
mod tests;
