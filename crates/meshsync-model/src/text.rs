//! Reading JSON text without building values.
//!
//! Everything here works on text that has already been checked to be valid JSON
//! (a slice of an [`Object`](crate::Object)); on other text the iterators end
//! early, they never panic.

use std::borrow::Cow;

use crate::Member;

/// A JSON string as written, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonStr<'a>(&'a str);

impl<'a> JsonStr<'a> {
    /// Takes raw JSON text when it is a string.
    pub fn new(raw: &'a str) -> Option<Self> {
        (raw.len() >= 2 && raw.starts_with('"') && raw.ends_with('"')).then_some(Self(raw))
    }

    /// The text between the quotes, escapes as written.
    pub fn escaped(self) -> &'a str {
        &self.0[1..self.0.len() - 1]
    }

    /// The string itself; borrowed where nothing is escaped.
    pub fn decode(self) -> Cow<'a, str> {
        let inner = self.escaped();
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Cow::Borrowed(inner);
        }
        // Lone surrogates are valid JSON text but no string: fall back to the text.
        serde_json::from_str::<String>(self.0).map_or(Cow::Borrowed(inner), Cow::Owned)
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn push_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_json_escaped(out, text);
    out.push(b'"');
}

/// Appends `text` escaped for the inside of a JSON string.
pub fn push_json_escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..=0x1f => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..at]);
        if short == 0 {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
}

/// Appends JSON text without the white space between its tokens, so that it
/// fits on one line.
pub fn push_minified(out: &mut Vec<u8>, raw: &str) {
    let bytes = raw.as_bytes();
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
        out.extend_from_slice(&bytes[at..end]);
        at = end;
    }
}

/// Appends JSON text, minified only where it would break the line: servers write
/// compact JSON.
pub(crate) fn push_on_one_line(out: &mut Vec<u8>, raw: &str) {
    if memchr::memchr2(b'\n', b'\r', raw.as_bytes()).is_some() {
        push_minified(out, raw);
    } else {
        out.extend_from_slice(raw.as_bytes());
    }
}

/// The members of a JSON object's text, one level deep.
#[derive(Clone, Debug)]
pub struct MemberIter<'a> {
    raw: &'a str,
    at: usize,
}

impl<'a> MemberIter<'a> {
    /// Takes raw JSON text when it is an object.
    pub fn of_object(raw: &'a str) -> Option<Self> {
        raw.starts_with('{').then_some(Self { raw, at: 1 })
    }
}

impl<'a> Iterator for MemberIter<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let bytes = self.raw.as_bytes();
        let key_start = skip(bytes, self.at, b", \t\r\n");
        if bytes.get(key_start) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(bytes, key_start);
        let value_start = skip(bytes, key_end, b": \t\r\n");
        let value_end = value_end(bytes, value_start);
        self.at = value_end;
        Some(Member {
            key: self.raw.get(key_start..key_end)?,
            value: self.raw.get(value_start..value_end)?,
        })
    }
}

/// The elements of a JSON array's text.
#[derive(Clone, Debug)]
pub struct ElementIter<'a> {
    raw: &'a str,
    at: usize,
}

impl<'a> ElementIter<'a> {
    /// Takes raw JSON text when it is an array.
    pub fn of_array(raw: &'a str) -> Option<Self> {
        raw.starts_with('[').then_some(Self { raw, at: 1 })
    }
}

impl<'a> Iterator for ElementIter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.raw.as_bytes();
        let start = skip(bytes, self.at, b", \t\r\n");
        if matches!(bytes.get(start), None | Some(b']')) {
            return None;
        }
        let end = value_end(bytes, start);
        self.at = end;
        self.raw.get(start..end)
    }
}

/// The value of a member of an object's text, by its plain name.
pub fn member_of<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    MemberIter::of_object(raw)?
        .filter(|member| member.name() == name)
        .last()
        .map(|member| member.value)
}

fn skip(bytes: &[u8], mut at: usize, any_of: &[u8]) -> usize {
    while at < bytes.len() && any_of.contains(&bytes[at]) {
        at += 1;
    }
    at
}

/// End of the string that starts with a quote at `start`, after its last quote.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// End of the value that starts at `start`.
pub(crate) fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_usize;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                if depth <= 1 {
                    // At depth 0 this closes the parent: a scalar ended here.
                    return at + depth;
                }
                depth -= 1;
            }
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_sliced() {
        let raw = r#"{ "a" : 1, "b":"x,}\"", "c":{"d":[1,{}]} ,"e":[],"f":null}"#;
        let members: Vec<_> = MemberIter::of_object(raw)
            .unwrap()
            .map(|m| (m.key, m.value))
            .collect();
        assert_eq!(
            members,
            [
                (r#""a""#, "1"),
                (r#""b""#, r#""x,}\"""#),
                (r#""c""#, r#"{"d":[1,{}]}"#),
                (r#""e""#, "[]"),
                (r#""f""#, "null"),
            ]
        );
        let elements: Vec<_> = ElementIter::of_array(r#"[1, "a]", [2], {"x":3}]"#)
            .unwrap()
            .collect();
        assert_eq!(elements, ["1", r#""a]""#, "[2]", r#"{"x":3}"#]);
        assert_eq!(member_of(raw, "c"), Some(r#"{"d":[1,{}]}"#));
        assert!(ElementIter::of_array("[]").unwrap().next().is_none());
    }

    #[test]
    fn invalid_text_ends_iteration_without_panicking() {
        for raw in ["{", "{\"", "{\"a", "{\"a\":", "{\"a\":\"\\", "{,", "{]"] {
            let count = MemberIter::of_object(raw).map_or(0, |m| m.take(9).count());
            assert!(count < 9, "{raw}");
        }
    }

    #[test]
    fn strings_round_trip() {
        for text in ["", "a\"b\\c\n\t\u{1}é\u{2028}", "plain"] {
            let mut out = Vec::new();
            push_json_string(&mut out, text);
            let raw = String::from_utf8(out).unwrap();
            assert_eq!(JsonStr::new(&raw).unwrap().decode(), text);
            assert_eq!(serde_json::from_str::<String>(&raw).unwrap(), text);
        }
    }

    #[test]
    fn minified_text_has_no_white_space_between_tokens() {
        let mut out = Vec::new();
        push_minified(&mut out, "{ \"a b\" : [ 1 ,\n 2 ] }");
        assert_eq!(out, br#"{"a b":[1,2]}"#);
    }
}
