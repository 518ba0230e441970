//! Noticing that a server answers from further back than before.
//!
//! Every list is a consistent read, so by Kubernetes' contract none is older than
//! what was seen. It happens all the same: a replica that lags, a proxy that
//! answers from a copy, a store that was restored from a backup and counts its
//! versions from there. A list that went back is therefore not believed: it
//! deletes nothing, and is asked for again. Only when a server insists is its
//! history another one, and then everything it shows is news, because even an
//! equal resourceVersion may be another state.
//!
//! The order of two resourceVersions is used here and for nothing else. Where
//! they are no numbers nothing is ever doubted.

use meshsync_model::ResourceVersion;

use super::{History, Machine, Meaning, State};
use crate::mutation::{Mutation, mutated};

/// After this many lists in a row that went back the server is believed.
pub(super) const DOUBTS_MAX: u32 = 5;

/// The same for lists that are new and contradict what was seen.
pub(super) const CONTRADICTIONS_MAX: u32 = 2;

/// What was seen of the server's history.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Everything is known as of here.
    complete: Option<ResourceVersion>,
    /// The newest of all that was seen; at least `complete`.
    newest: Option<ResourceVersion>,
    /// The newest that the pass under way has shown.
    shown: Option<ResourceVersion>,
    /// How many lists in a row went back.
    doubts: u32,
    /// The server insists: the next list is believed.
    another: bool,
    /// The server's lists have versions that do not go with those of the objects
    /// in them, as some aggregated APIs do: nothing can be learned from them.
    unordered: bool,
}

impl Seen {
    /// Everything is known as of `version`.
    pub(super) fn position(&mut self, version: &str) {
        self.complete = Some(ResourceVersion::new(version));
        self.raise(ResourceVersion::new(version));
    }

    /// There may be objects of any version that are not known.
    pub(super) fn not_complete(&mut self) {
        self.complete = None;
    }

    fn raise(&mut self, version: ResourceVersion) {
        let text = version.to_string();
        if !is_newer(self.newest.as_ref(), &text) {
            self.newest = Some(version);
        }
    }
}

fn is_newer(version: Option<&ResourceVersion>, than: &str) -> bool {
    version.is_some_and(|version| version.is_newer_than(than))
}

impl Machine {
    /// The newest version that the pass under way has shown so far.
    pub fn shown(&mut self, newest: &ResourceVersion) {
        self.seen.shown = Some(newest.clone());
    }

    /// Whether what a watch tells at this version is from before its position.
    pub fn is_back(&self, version: &str) -> bool {
        !self.seen.unordered
            && is_newer(self.seen.complete.as_ref(), version)
            && !mutated(Mutation::FollowBack)
    }

    pub(super) fn pass_begun(&mut self) -> Meaning {
        // What was shown by one that broke off was seen all the same.
        if let Some(shown) = self.seen.shown.take() {
            self.seen.raise(shown);
        }
        let history = if self.seen.another {
            History::Another
        } else if self.seen.unordered {
            History::Unordered
        } else {
            History::Known(self.seen.complete.clone())
        };
        Meaning::PassBegun { history }
    }

    pub(super) fn pass_done(
        &mut self,
        next: State,
        version: String,
        contradicted: bool,
        jitter: f64,
    ) -> Meaning {
        let shown = self.seen.shown.take();
        self.seen.unordered |= is_newer(shown.as_ref(), &version);
        let behind = !self.seen.unordered && is_newer(self.seen.newest.as_ref(), &version);
        let doubtful = (behind || contradicted) && !mutated(Mutation::BelieveOldLists);
        if doubtful && !self.seen.another {
            self.seen.doubts += 1;
            // Lists that are new and show old states do not lag.
            let doubts_max = if behind {
                DOUBTS_MAX
            } else {
                CONTRADICTIONS_MAX
            };
            self.seen.another = self.seen.doubts >= doubts_max;
            self.relist_later(jitter);
            return Meaning::PassDoubted;
        }
        self.progress();
        self.seen = Seen {
            unordered: self.seen.unordered,
            ..Seen::default()
        };
        self.seen.position(&version);
        self.state = next;
        Meaning::PassDone { version }
    }

    /// Whether to ask first how new the server's state is. A watch from a version
    /// that a server has not reached is answered with silence, and goes on with
    /// whatever follows once it has: the history in between would never be told.
    pub(super) fn wants_probe(&self) -> bool {
        self.probe && !self.seen.unordered && !mutated(Mutation::SkipProbe)
    }

    pub(super) fn probed(&mut self, version: &str, jitter: f64) -> Meaning {
        self.probe = false;
        if self.is_back(version) {
            self.went_back(jitter)
        } else {
            Meaning::Continue
        }
    }

    /// A list says whether it was a replay.
    pub(super) fn went_back(&mut self, jitter: f64) -> Meaning {
        self.relist_later(jitter);
        Meaning::Continue
    }
}
