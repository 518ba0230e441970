//! The hash of an object's content.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

/// XXH3-128 of an object as it is emitted: after redaction, without
/// managedFields, resourceVersion, event and times. Two states of an object
/// with the same hash say the same to a consumer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(u128);

impl ContentHash {
    /// Hash of the concatenation of `parts`.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Xxh3::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.digest128())
    }

    /// The hash as a number.
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}
