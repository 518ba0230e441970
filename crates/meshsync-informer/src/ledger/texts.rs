//! Short texts, packed: names, and whatever else of an entry is not a number.
//!
//! An allocation a name costs a pointer, a length and what the allocator keeps beside it, about as
//! much as the name itself. Here a text costs its bytes, one more for their number, and the rest of
//! a granule of eight.

/// Texts lie at multiples of this.
const GRANULE_BYTES: usize = 8;
/// Granules of a chunk. Small, because the last one is never full; the first one grows into it, so
/// that a resource with three objects does not pay for a thousand.
const CHUNK_GRANULES: usize = 2 << 10;
/// What the one byte in front of a text can say. Kubernetes names end at 253 bytes.
const PACKED_BYTES_MAX: usize = 255;
/// One class for each number of granules a packed text can take.
const CLASSES: usize = (1 + PACKED_BYTES_MAX).div_ceil(GRANULE_BYTES);
/// Set in the places of texts that are too long to be packed.
const LONG: u32 = 1 << 31;
/// The end of a chain of free places.
const NOWHERE: u32 = u32::MAX;

/// Where a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextAt(pub(super) u32);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Texts {
    chunks: Vec<Vec<u8>>,
    /// For each class the first free place; a free place holds the next one.
    free: [u32; CLASSES],
    long: Vec<Box<str>>,
    free_long: Vec<u32>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: [NOWHERE; CLASSES],
            long: Vec::new(),
            free_long: Vec::new(),
        }
    }
}

impl Texts {
    /// Keeps a text until it is [freed](Self::free).
    pub(super) fn keep(&mut self, text: &str) -> TextAt {
        let Ok(len) = u8::try_from(text.len()) else {
            return self.keep_long(text);
        };
        let at = self.place(class_of(text.len()));
        let bytes = self.packed_mut(at, 1 + text.len());
        bytes[0] = len;
        bytes[1..].copy_from_slice(text.as_bytes());
        at
    }

    pub(super) fn get(&self, at: TextAt) -> &[u8] {
        if at.0 & LONG != 0 {
            return self.long[(at.0 & !LONG) as usize].as_bytes();
        }
        let (chunk, start) = split(at);
        let bytes = &self.chunks[chunk][start..];
        &bytes[1..=usize::from(bytes[0])]
    }

    /// Gives up a text. Its place goes to the next one of about its length.
    pub(super) fn free(&mut self, at: TextAt) {
        if at.0 & LONG != 0 {
            let number = at.0 & !LONG;
            self.long[number as usize] = Box::default();
            self.free_long.push(number);
            return;
        }
        let class = class_of(self.get(at).len());
        let next = std::mem::replace(&mut self.free[class], at.0);
        self.packed_mut(at, 4).copy_from_slice(&next.to_le_bytes());
    }

    fn keep_long(&mut self, text: &str) -> TextAt {
        let number = match self.free_long.pop() {
            Some(number) => {
                self.long[number as usize] = text.into();
                number
            }
            None => {
                self.long.push(text.into());
                self.long.len() as u32 - 1
            }
        };
        TextAt(number | LONG)
    }

    /// A free place for a text of that class.
    fn place(&mut self, class: usize) -> TextAt {
        let free = TextAt(self.free[class]);
        if free.0 != NOWHERE {
            let mut next = [0; 4];
            next.copy_from_slice(self.packed_mut(free, 4));
            self.free[class] = u32::from_le_bytes(next);
            return free;
        }
        let bytes = (class + 1) * GRANULE_BYTES;
        let room = |chunk: &Vec<u8>| chunk.len() + bytes <= CHUNK_GRANULES * GRANULE_BYTES;
        if !self.chunks.last().is_some_and(room) {
            let is_first = self.chunks.is_empty();
            let capacity = if is_first {
                0
            } else {
                CHUNK_GRANULES * GRANULE_BYTES
            };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let granule = number * CHUNK_GRANULES + chunk.len() / GRANULE_BYTES;
        chunk.resize(chunk.len() + bytes, 0);
        TextAt(granule as u32)
    }

    fn packed_mut(&mut self, at: TextAt, len: usize) -> &mut [u8] {
        let (chunk, start) = split(at);
        &mut self.chunks[chunk][start..start + len]
    }
}

/// Classes count from 0, for texts that take one granule.
fn class_of(text_bytes: usize) -> usize {
    text_bytes / GRANULE_BYTES
}

fn split(at: TextAt) -> (usize, usize) {
    let granule = at.0 as usize;
    let start = granule % CHUNK_GRANULES * GRANULE_BYTES;
    (granule / CHUNK_GRANULES, start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Texts of all lengths are kept and freed in any order, and none is ever another's.
        #[test]
        fn texts_stay_what_they_were(
            steps in prop::collection::vec((any::<bool>(), 0..300_usize, any::<u8>()), 1..400),
        ) {
            let mut texts = Texts::default();
            let mut kept: Vec<(TextAt, String)> = Vec::new();
            for (free, len, fill) in steps {
                if free && !kept.is_empty() {
                    let (at, _) = kept.swap_remove(len % kept.len());
                    texts.free(at);
                } else {
                    let text: String = std::iter::repeat_n(char::from(b'a' + fill % 26), len).collect();
                    kept.push((texts.keep(&text), text));
                }
                for (at, text) in &kept {
                    prop_assert_eq!(texts.get(*at), text.as_bytes());
                }
            }
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut texts = Texts::default();
        for round in 0..100_000 {
            let names: Vec<_> = ["a", "checkout-7d9c5b8f6d-x2x9k", &"long".repeat(100)]
                .map(|name| texts.keep(&format!("{name}{}", round % 10)))
                .into();
            names.into_iter().for_each(|at| texts.free(at));
        }
        assert_eq!((texts.chunks.len(), texts.long.len()), (1, 1));
    }
}
