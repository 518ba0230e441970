//! Lines of a watch.

use super::{Frame, HEAD_BYTES, OBJECT_BYTES_MAX, keep};

/// Cuts a stream of chunks into lines.
#[derive(Debug, Default)]
pub struct LineFramer {
    partial: Vec<u8>,
    /// Bytes of the current line that were not kept.
    skipped: usize,
}

impl LineFramer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chunk and hands every line that ends in it to `on_line`, without
    /// its line end. Empty lines are passed over.
    pub fn push(&mut self, mut chunk: &[u8], mut on_line: impl FnMut(Frame<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            chunk = rest;
            if self.partial.is_empty() && self.skipped == 0 {
                if line.len() > OBJECT_BYTES_MAX {
                    on_line(Frame::TooLarge {
                        head: &line[..HEAD_BYTES],
                        bytes: line.len(),
                    });
                } else if !line.trim_ascii().is_empty() {
                    on_line(Frame::Whole(line));
                }
                continue;
            }
            self.keep(line);
            if self.skipped > 0 {
                let bytes = self.partial.len() + self.skipped;
                on_line(Frame::TooLarge {
                    head: &self.partial,
                    bytes,
                });
            } else if !self.partial.trim_ascii().is_empty() {
                on_line(Frame::Whole(&self.partial));
            }
            self.reset();
        }
        self.keep(chunk);
    }

    /// Memory held for the line that has not ended.
    pub fn held_bytes(&self) -> usize {
        self.partial.capacity()
    }

    /// Gives back what is not in use, for a stream that grows quiet.
    pub fn trim(&mut self) {
        self.partial.shrink_to_fit();
    }

    fn keep(&mut self, part: &[u8]) {
        if self.skipped > 0 {
            self.skipped += part.len();
            return;
        }
        keep(&mut self.partial, part);
        if self.partial.len() > OBJECT_BYTES_MAX {
            self.skipped = self.partial.len() - HEAD_BYTES;
            self.partial.truncate(HEAD_BYTES);
            self.partial.shrink_to_fit();
        }
    }

    fn reset(&mut self) {
        self.partial.clear();
        self.skipped = 0;
        // One large object must not hold its memory for the life of the stream.
        self.partial.shrink_to(64 << 10);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut framer = LineFramer::new();
        let mut lines = Vec::new();
        for chunk in chunks {
            framer.push(chunk, |frame| match frame {
                Frame::Whole(line) => lines.push(line.to_vec()),
                Frame::TooLarge { head, bytes } => {
                    assert_eq!(head.len(), HEAD_BYTES);
                    lines.push(format!("too large: {bytes}").into_bytes());
                }
            });
        }
        lines
    }

    #[test]
    fn a_quiet_stream_holds_nothing() {
        let mut framer = LineFramer::new();
        for part in [&b"some of a "[..], b"line\n"] {
            framer.push(part, |_| {});
        }
        assert!(framer.held_bytes() > 0);
        framer.trim();
        assert_eq!(framer.held_bytes(), 0);
    }

    #[test]
    fn an_oversized_line_is_reported_and_the_next_one_read() {
        let big = vec![b'x'; OBJECT_BYTES_MAX + 1];
        let expected = [
            format!("too large: {}", big.len()).into_bytes(),
            b"next".to_vec(),
        ];
        let whole = [&big[..], b"\nnext\n"].concat();
        assert_eq!(lines(&[&whole]), expected);
        assert_eq!(
            lines(&[&big[..9999], &big[9999..], b"\nne", b"xt\n"]),
            expected
        );
    }

    proptest! {
        #[test]
        fn chunk_borders_do_not_matter(
            text in prop::collection::vec(prop::sample::select(vec![b'a', b'"', b'\n', 0xc3, 0xa9]), 0..60),
            cuts in prop::collection::vec(0..60usize, 0..6),
        ) {
            let expected: Vec<Vec<u8>> = match text.iter().rposition(|&b| b == b'\n') {
                Some(last) => text[..last].split(|&b| b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect(),
                None => Vec::new(),
            };
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            cuts.push(0);
            cuts.push(text.len());
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            prop_assert_eq!(lines(&chunks), expected);
        }
    }
}
