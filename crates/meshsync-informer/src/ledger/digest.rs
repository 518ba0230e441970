//! A ledger, or a list, as one number.

use std::hash::{BuildHasher, RandomState};

use meshsync_model::{ResourceVersion, Uid};

/// Sum over objects of the hash of identity and resourceVersion, in whatever
/// order. Two of the same key are equal when the objects are, and, but for one
/// chance in 2^64, only then. The key is drawn at random, so that nobody can
/// choose names that add up.
#[derive(Clone, Debug)]
pub struct Digest {
    key: RandomState,
    objects: u64,
    sum: u64,
}

impl Digest {
    /// A digest of nothing, with a key of its own.
    pub fn new() -> Self {
        Self::with_key(RandomState::new())
    }

    /// A digest of nothing that can be compared with this one.
    pub fn another(&self) -> Self {
        Self::with_key(self.key.clone())
    }

    fn with_key(key: RandomState) -> Self {
        Self {
            key,
            objects: 0,
            sum: 0,
        }
    }

    /// Adds an object in a state.
    pub fn add(
        &mut self,
        namespace: Option<&str>,
        name: &str,
        uid: &Uid,
        version: &ResourceVersion,
    ) {
        let hash = self.key.hash_one((namespace, name, uid, version));
        self.sum = self.sum.wrapping_add(hash);
        self.objects += 1;
    }

    /// How many objects were added.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Whether the other one is of the same objects in the same states.
    pub fn equals(&self, other: &Self) -> bool {
        (self.objects, self.sum) == (other.objects, other.sum)
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: &Digest, objects: &[(Option<&str>, &str, &str, &str)]) -> Digest {
        let mut digest = of.another();
        for (namespace, name, uid, version) in objects {
            let version = ResourceVersion::new(version);
            digest.add(*namespace, name, &Uid::new(uid), &version);
        }
        digest
    }

    #[test]
    fn it_differs_where_anything_differs_and_not_by_order() {
        let key = Digest::new();
        let a = (Some("n"), "a", "u1", "1");
        let b = (Some("n"), "b", "u2", "2");
        let both = digest(&key, &[a, b]);
        assert!(both.equals(&digest(&key, &[b, a])));
        for other in [
            digest(&key, &[a]),
            digest(&key, &[a, b, b]),
            digest(&key, &[a, (None, "b", "u2", "2")]),
            digest(&key, &[a, (Some("n"), "c", "u2", "2")]),
            digest(&key, &[a, (Some("n"), "b", "u3", "2")]),
            digest(&key, &[a, (Some("n"), "b", "u2", "3")]),
            digest(&key, &[(Some("na"), "", "u1", "1"), b]),
        ] {
            assert!(!both.equals(&other), "{other:?}");
        }
    }
}
