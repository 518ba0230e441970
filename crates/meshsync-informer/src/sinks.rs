//! A set of sinks, as a ledger remembers it per object.

/// At most this many sinks: one bit each.
pub const SINKS_MAX: usize = 32;

/// Which of a pipeline's sinks; sink `n` is bit `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkSet(u32);

impl SinkSet {
    /// No sink.
    pub const NONE: Self = Self(0);

    /// The first `count` sinks, at most [`SINKS_MAX`].
    pub fn first(count: usize) -> Self {
        Self(
            u32::MAX
                .checked_shr(32 - count.min(SINKS_MAX) as u32)
                .unwrap_or(0),
        )
    }

    /// Sink `at` alone.
    pub fn one(at: usize) -> Self {
        Self(1 << at)
    }

    /// Whether sink `at` is in it.
    pub fn contains(self, at: usize) -> bool {
        self.0 >> at & 1 == 1
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In either.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether some sink is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// In both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// In this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The places of its sinks.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..SINKS_MAX).filter(move |&at| self.contains(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        assert!(SinkSet::first(0).is_empty());
        assert_eq!(SinkSet::first(3).iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(SinkSet::first(32).iter().count(), 32);
        let set = SinkSet::one(1).with(SinkSet::one(31));
        assert!(set.contains(31) && !set.contains(0));
        assert_eq!(set.without(SinkSet::one(1)), SinkSet::one(31));
        assert!(set.and(SinkSet::one(2)).is_empty());
    }
}
