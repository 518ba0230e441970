//! Who is owed how much, counted so that nobody has to look through all entries.

use crate::{SINKS_MAX, SinkSet};

/// Counters over all entries of a ledger.
#[derive(Debug, Default)]
pub(super) struct Debts {
    /// Entries whose latest state a sink lacks.
    dirty: [u32; SINKS_MAX],
    /// Entries with a delete a sink has not been told of.
    mourned: [u32; SINKS_MAX],
    /// Entries with any of it.
    entries: u64,
}

impl Debts {
    /// Takes the change of one entry: its dirty and its mourning sinks, before
    /// and after.
    pub(super) fn shift(&mut self, before: (SinkSet, SinkSet), after: (SinkSet, SinkSet)) {
        if before == after {
            return;
        }
        shift(&mut self.dirty, before.0, after.0);
        shift(&mut self.mourned, before.1, after.1);
        let owes = |(dirty, mourned): (SinkSet, SinkSet)| !dirty.with(mourned).is_empty();
        self.entries = self.entries + u64::from(owes(after)) - u64::from(owes(before));
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    pub(super) fn sinks(&self) -> SinkSet {
        self.dirty_sinks().with(nonzero(&self.mourned))
    }

    pub(super) fn dirty_sinks(&self) -> SinkSet {
        nonzero(&self.dirty)
    }
}

fn shift(counts: &mut [u32; SINKS_MAX], before: SinkSet, after: SinkSet) {
    for at in before.without(after).iter() {
        counts[at] -= 1;
    }
    for at in after.without(before).iter() {
        counts[at] += 1;
    }
}

fn nonzero(counts: &[u32; SINKS_MAX]) -> SinkSet {
    counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .fold(SinkSet::NONE, |set, (at, _)| set.with(SinkSet::one(at)))
}
