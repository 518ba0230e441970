//! JSON values in the canonical form of Go's `encoding/json`, written inside a
//! JSON string.
//!
//! Members are written in the order they come; where that order is not the
//! canonical one, the pieces of output are put in order afterwards. So the text
//! is read once, and what is out of order costs a copy, not another walk.

use std::cmp::Ordering;
use std::ops::Range;

use super::{number, string};
use crate::text::{string_end, value_end};

/// How deep values are walked; what lies deeper is copied as it is. No honest
/// object comes near.
pub(super) const DEPTH_MAX: usize = 128;

/// What members are sorted with, reused from object to object.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Members written and not yet in order: a stack, one frame per open object.
    pieces: Vec<Piece>,
    /// Where pieces are put in order.
    sorted: Vec<u8>,
}

#[derive(Debug)]
struct Piece {
    /// Start of the key's text in the input, after its quote.
    key: usize,
    /// The member in the output.
    written: Range<usize>,
}

/// What stands for the values of an object's members.
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    /// Themselves.
    Kept,
    /// A text in the place of each.
    Replaced(&'a str),
}

impl Scratch {
    /// Appends a value.
    pub(super) fn push_value(&mut self, out: &mut Vec<u8>, raw: &str) {
        self.value(out, raw, 0, 0);
    }

    /// Appends an object.
    pub(super) fn push_object(&mut self, out: &mut Vec<u8>, raw: &str, values: Values<'_>) {
        self.object(out, raw, 0, 0, values);
    }

    /// Appends what `push` writes for each member of an object, sorted by key
    /// and separated by commas; of members with the same key the last remains.
    /// `push` gets the start of the key, where its quote is, and returns the
    /// end of the value. Returns the end of the object.
    pub(super) fn push_members(
        &mut self,
        out: &mut Vec<u8>,
        raw: &str,
        start: usize,
        mut push: impl FnMut(&mut Self, &mut Vec<u8>, usize) -> usize,
    ) -> usize {
        let bytes = raw.as_bytes();
        let frame = self.pieces.len();
        let body = out.len();
        let mut in_order = true;
        let mut at = start + 1;
        loop {
            at = skip(bytes, at, b',');
            if bytes.get(at) != Some(&b'"') {
                break;
            }
            if self.pieces.len() > frame {
                out.push(b',');
            }
            let key = at + 1;
            let from = out.len();
            at = push(self, out, at);
            in_order &= self.pieces[frame..]
                .last()
                .is_none_or(|last| compare(bytes, last.key, key) == Ordering::Less);
            self.pieces.push(Piece {
                key,
                written: from..out.len(),
            });
        }
        if !in_order {
            self.reorder(out, bytes, frame, body);
        }
        self.pieces.truncate(frame);
        // Past the closing brace, or past whatever stands there in broken text.
        (at + 1).min(bytes.len())
    }

    fn reorder(&mut self, out: &mut Vec<u8>, bytes: &[u8], frame: usize, body: usize) {
        let pieces = &mut self.pieces[frame..];
        pieces.sort_unstable_by(|a, b| {
            compare(bytes, a.key, b.key).then(a.written.start.cmp(&b.written.start))
        });
        self.sorted.clear();
        for (at, piece) in pieces.iter().enumerate() {
            let superseded = pieces
                .get(at + 1)
                .is_some_and(|next| compare(bytes, piece.key, next.key) == Ordering::Equal);
            if superseded {
                continue;
            }
            if !self.sorted.is_empty() {
                self.sorted.push(b',');
            }
            self.sorted.extend_from_slice(&out[piece.written.clone()]);
        }
        out.truncate(body);
        out.extend_from_slice(&self.sorted);
    }

    fn object(
        &mut self,
        out: &mut Vec<u8>,
        raw: &str,
        start: usize,
        depth: usize,
        values: Values<'_>,
    ) -> usize {
        out.push(b'{');
        let end = self.push_members(out, raw, start, |scratch, out, key| {
            let bytes = raw.as_bytes();
            let key_end = push_string(out, bytes, key);
            out.push(b':');
            let value = skip(bytes, key_end, b':');
            match values {
                Values::Kept => scratch.value(out, raw, value, depth + 1),
                Values::Replaced(text) => {
                    push_quoted(out, text);
                    value_end(bytes, value)
                }
            }
        });
        out.push(b'}');
        end
    }

    fn array(&mut self, out: &mut Vec<u8>, raw: &str, start: usize, depth: usize) -> usize {
        let bytes = raw.as_bytes();
        out.push(b'[');
        let mut at = skip(bytes, start + 1, b',');
        let first = at;
        while !matches!(bytes.get(at), None | Some(b']')) {
            if at > first {
                out.push(b',');
            }
            at = skip(bytes, self.value(out, raw, at, depth + 1), b',');
        }
        out.push(b']');
        (at + 1).min(bytes.len())
    }

    /// Appends the value at `start` and returns its end.
    fn value(&mut self, out: &mut Vec<u8>, raw: &str, start: usize, depth: usize) -> usize {
        let bytes = raw.as_bytes();
        match bytes.get(start) {
            Some(b'"') => push_string(out, bytes, start),
            Some(b'{' | b'[') if depth >= DEPTH_MAX => {
                let end = value_end(bytes, start);
                push_verbatim(out, &bytes[start..end]);
                end
            }
            Some(b'{') => self.object(out, raw, start, depth, Values::Kept),
            Some(b'[') => self.array(out, raw, start, depth),
            Some(byte) => {
                let end = scalar_end(bytes, start);
                if matches!(byte, b'-' | b'0'..=b'9') {
                    number::push(out, &raw[start..end]);
                } else {
                    out.extend_from_slice(&bytes[start..end]);
                }
                end
            }
            None => start,
        }
    }
}

/// Appends the string that starts with a quote at `start`; returns its end.
fn push_string(out: &mut Vec<u8>, bytes: &[u8], start: usize) -> usize {
    out.extend_from_slice(br#"\""#);
    let end = string::push_raw::<true>(out, bytes, start + 1);
    out.extend_from_slice(br#"\""#);
    (end + 1).min(bytes.len())
}

/// Appends plain text as a string.
pub(super) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(br#"\""#);
    string::push_text::<true>(out, text);
    out.extend_from_slice(br#"\""#);
}

/// Appends JSON text as it is, but for white space between tokens.
fn push_verbatim(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'"' => string_end(bytes, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            _ => at + 1,
        };
        for &byte in &bytes[at..end] {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        at = end;
    }
}

fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    bytes[start..]
        .iter()
        .position(ends)
        // Broken text must not make a walk stand still.
        .map_or(bytes.len(), |length| start + length.max(1))
}

/// Past white space and `separator`.
pub(super) fn skip(bytes: &[u8], mut at: usize, separator: u8) -> usize {
    while let Some(&byte) = bytes.get(at) {
        if byte != separator && !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            break;
        }
        at += 1;
    }
    at
}

/// Order of two keys, by the bytes of what they say.
fn compare(bytes: &[u8], a: usize, b: usize) -> Ordering {
    for (x, y) in bytes[a..].iter().zip(&bytes[b..]) {
        match (x, y) {
            (b'\\', _) | (_, b'\\') => {
                // The order of code points is that of their UTF-8.
                return string::chars(bytes, a).cmp(string::chars(bytes, b));
            }
            (b'"', b'"') => return Ordering::Equal,
            (b'"', _) => return Ordering::Less,
            (_, b'"') => return Ordering::Greater,
            _ if x == y => {}
            _ => return x.cmp(y),
        }
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text as the JSON string around it says it.
    fn canonical(raw: &str) -> String {
        let mut out = vec![b'"'];
        Scratch::default().push_value(&mut out, raw);
        out.push(b'"');
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn members_are_sorted_by_what_their_keys_say() {
        for (raw, expected) in [
            ("{}", "{}"),
            ("[ ]", "[]"),
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#),
            (
                r#"{"b":1,"a":{"d":1,"c":[2,{"y":1,"x":2}]}}"#,
                r#"{"a":{"c":[2,{"x":2,"y":1}],"d":1},"b":1}"#,
            ),
            (r#"{"ab":1,"a":2,"":3}"#, r#"{"":3,"a":2,"ab":1}"#),
            (r#"{"é":1,"z":2,"Z":3}"#, r#"{"Z":3,"z":2,"é":1}"#),
            (r#"{"b":1,"\u0061":2,"<":3}"#, r#"{"\u003c":3,"a":2,"b":1}"#),
            (
                "{ \"b\" : [ 1 ,\n true ] , \"a\" : null }",
                r#"{"a":null,"b":[1,true]}"#,
            ),
        ] {
            assert_eq!(canonical(raw), expected, "{raw}");
        }
    }

    #[test]
    fn of_equal_keys_the_last_remains() {
        assert_eq!(canonical(r#"{"a":1,"a":2}"#), r#"{"a":2}"#);
        assert_eq!(
            canonical(r#"{"a":1,"b":0,"\u0061":{"x":1}}"#),
            r#"{"a":{"x":1},"b":0}"#
        );
        assert_eq!(canonical(r#"{"":1,"":2}"#), r#"{"":2}"#);
    }

    #[test]
    fn what_lies_too_deep_is_copied() {
        let depth = 100_000;
        let raw = format!(
            "{}{{\"b\": \"\\\"<\", \"a\": 1.0}}{}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let mut out = Vec::new();
        Scratch::default().push_value(&mut out, &raw);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#"{\"b\":\"\\\"<\",\"a\":1.0}"#));
        let raw = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(canonical(&raw), raw);
    }

    #[test]
    fn broken_text_ends_without_panicking() {
        for raw in [
            "", "{", "[", "{\"", "{\"a", "{\"a\":", "[1", "[}", "{]", "[[1,}", "{\"a\":}", "[\"\\",
        ] {
            let mut out = Vec::new();
            Scratch::default().push_value(&mut out, raw);
        }
    }
}
