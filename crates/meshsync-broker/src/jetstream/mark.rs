//! What a state says, in 64 bits, and the sum of it over a resource.

use std::fmt;
use std::hash::Hasher;

use xxhash_rust::xxh3::Xxh3;

/// XXH3-64 of a state: of its subject, uid, resourceVersion, content hash and
/// tier, with a line feed behind each. Never 0, which stands for *gone*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark(u64);

impl Mark {
    /// The mark of a state.
    pub fn of(subject: &str, uid: &str, version: &str, hash: &str, tier: &str) -> Self {
        let mut hasher = Xxh3::new();
        for part in [subject, uid, version, hash, tier] {
            hasher.write(part.as_bytes());
            hasher.write(b"\n");
        }
        Self(hasher.digest().max(1))
    }

    /// As a number, to be written down.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// From a number that was written down.
    pub fn from_u64(mark: u64) -> Self {
        Self(mark.max(1))
    }
}

/// The sum of the [marks](Mark) of all objects of a resource, modulo 2^64: two
/// that hold the same objects in the same states have the same, in whatever order
/// they got there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// The digest with one more state.
    #[must_use]
    pub fn with(self, mark: Mark) -> Self {
        Self(self.0.wrapping_add(mark.0))
    }

    /// The digest with one state less.
    #[must_use]
    pub fn without(self, mark: Mark) -> Self {
        Self(self.0.wrapping_sub(mark.0))
    }

    pub(crate) fn add(&mut self, mark: u64) {
        self.0 = self.0.wrapping_add(mark);
    }

    pub(crate) fn sub(&mut self, mark: u64) {
        self.0 = self.0.wrapping_sub(mark);
    }
}

/// 16 hex digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_what_is_there_and_not_on_the_order() {
        let a = Mark::of("a", "u", "1", "h", "detail");
        let b = Mark::of("b", "u", "1", "h", "detail");
        let both = Digest::default().with(a).with(b);
        assert_eq!(both, Digest::default().with(b).with(a));
        assert_eq!(both.without(a), Digest::default().with(b));
        assert_ne!(a, Mark::of("a", "u", "2", "h", "detail"));
        assert_ne!(a, Mark::of("au", "", "1", "h", "detail"));
        assert_eq!(Digest::default().to_string(), "0000000000000000");
    }
}
