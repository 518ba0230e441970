//! Identities of traces and spans.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Makes identities that nobody else makes.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Seeded by the operating system.
    random: RandomState,
    count: u64,
}

impl Ids {
    /// Sixteen bytes.
    pub(super) fn trace(&mut self) -> Vec<u8> {
        [self.next(), self.next()].concat()
    }

    /// Eight bytes.
    pub(super) fn span(&mut self) -> Vec<u8> {
        self.next().to_vec()
    }

    fn next(&mut self) -> [u8; 8] {
        self.count += 1;
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(self.count);
        // All zeros means that there is none.
        hasher.finish().max(1).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn none_is_made_twice() {
        let (mut one, mut other) = (Ids::default(), Ids::default());
        let made: HashSet<Vec<u8>> = (0..1_000)
            .flat_map(|_| [one.trace(), one.span(), other.trace(), other.span()])
            .collect();
        assert_eq!(made.len(), 4_000);
        assert_eq!((one.trace().len(), one.span().len()), (16, 8));
    }
}
