//! Strings the way Go's `encoding/json` writes them.
//!
//! Every function takes `NESTED`: whether what it writes lies inside a JSON
//! string that holds JSON text. There each `"` and `\` of the canonical form is
//! itself escaped once more.

/// Bytes that end a run which may be copied as it is: quotes, escapes, control
/// characters, the three Go escapes for HTML, and the first byte of U+2028/9.
static SPECIAL: [bool; 256] = special_bytes();

const fn special_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'&' as usize] = true;
    table[SEPARATOR_START as usize] = true;
    table
}

/// First byte of U+2028 and U+2029 (and of other characters) in UTF-8.
const SEPARATOR_START: u8 = 0xe2;

/// Appends the inside of the JSON string whose text starts at `start`, after its
/// quote, in canonical form. Returns where its last quote is.
pub(super) fn push_raw<const NESTED: bool>(out: &mut Vec<u8>, bytes: &[u8], start: usize) -> usize {
    let mut run = start;
    let mut at = start;
    loop {
        at = plain_end(bytes, at);
        let (special, next) = match bytes.get(at) {
            None | Some(b'"') => {
                out.extend_from_slice(&bytes[run..at]);
                return at;
            }
            Some(b'\\') => unescape(bytes, at),
            Some(&byte) => match special_char(bytes, at, byte) {
                Some(found) => found,
                None => {
                    at += 1;
                    continue;
                }
            },
        };
        out.extend_from_slice(&bytes[run..at]);
        push_char::<NESTED>(out, special);
        (run, at) = (next, next);
    }
}

/// Appends plain text in canonical form, without quotes.
pub(super) fn push_text<const NESTED: bool>(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut run = 0;
    let mut at = 0;
    loop {
        at = plain_end(bytes, at);
        let Some(&byte) = bytes.get(at) else {
            out.extend_from_slice(&bytes[run..]);
            return;
        };
        let Some((special, next)) = special_char(bytes, at, byte) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(&bytes[run..at]);
        push_char::<NESTED>(out, special);
        (run, at) = (next, next);
    }
}

/// Appends plain text as a JSON string in canonical form.
pub(super) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_text::<false>(out, text);
    out.push(b'"');
}

/// The characters of the JSON string whose text starts at `start`, after its
/// quote.
pub(super) fn chars(bytes: &[u8], start: usize) -> impl Iterator<Item = char> {
    let mut at = start;
    std::iter::from_fn(move || {
        let (found, next) = match *bytes.get(at)? {
            b'"' => return None,
            b'\\' => unescape(bytes, at),
            byte if byte.is_ascii() => (char::from(byte), at + 1),
            _ => {
                let width = utf8_width(bytes[at]);
                let text = std::str::from_utf8(bytes.get(at..at + width)?).ok()?;
                (text.chars().next()?, at + width)
            }
        };
        at = next;
        Some(found)
    })
}

fn utf8_width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    }
}

fn plain_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|&byte| SPECIAL[usize::from(byte)])
        .map_or(bytes.len(), |plain| start + plain)
}

/// The character at `at` and where the next one starts, unless it is one of
/// those that only share their first byte with U+2028/9.
fn special_char(bytes: &[u8], at: usize, byte: u8) -> Option<(char, usize)> {
    if byte != SEPARATOR_START {
        return Some((char::from(byte), at + 1));
    }
    match bytes.get(at + 1..at + 3) {
        Some([0x80, 0xa8]) => Some(('\u{2028}', at + 3)),
        Some([0x80, 0xa9]) => Some(('\u{2029}', at + 3)),
        _ => None,
    }
}

fn push_char<const NESTED: bool>(out: &mut Vec<u8>, char: char) {
    let backslash: &[u8] = if NESTED { br"\\" } else { br"\" };
    let short = match char {
        '"' => {
            out.extend_from_slice(if NESTED { br#"\\\""# } else { br#"\""# });
            return;
        }
        '\\' => {
            out.extend_from_slice(backslash);
            out.extend_from_slice(backslash);
            return;
        }
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            out.extend_from_slice(backslash);
            push_unicode_escape(out, char);
            return;
        }
        _ => {
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    out.extend_from_slice(backslash);
    out.push(short);
}

fn push_unicode_escape(out: &mut Vec<u8>, char: char) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'u');
    for shift in [12, 8, 4, 0] {
        out.push(HEX[(char as usize >> shift) & 15]);
    }
}

/// The character the escape at `at` stands for and where the text goes on. Half
/// of a surrogate pair stands for U+FFFD, as in Go.
fn unescape(bytes: &[u8], at: usize) -> (char, usize) {
    let char = match bytes.get(at + 1) {
        Some(b'u') => return unescape_unicode(bytes, at),
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(&byte) if byte.is_ascii() => char::from(byte),
        // No valid text has this; step over the backslash alone.
        _ => return (char::REPLACEMENT_CHARACTER, at + 1),
    };
    (char, at + 2)
}

fn unescape_unicode(bytes: &[u8], at: usize) -> (char, usize) {
    let Some(unit) = hex4(bytes, at + 2) else {
        return (char::REPLACEMENT_CHARACTER, at + 2);
    };
    let next = at + 6;
    if let Some(char) = char::from_u32(unit) {
        return (char, next);
    }
    let pair = bytes
        .get(next..next + 2)
        .filter(|escape| unit < 0xdc00 && *escape == br"\u")
        .and_then(|_| hex4(bytes, next + 2))
        .filter(|low| (0xdc00..0xe000).contains(low))
        .and_then(|low| char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)));
    match pair {
        Some(char) => (char, next + 6),
        None => (char::REPLACEMENT_CHARACTER, next),
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, plain: &str, nested: &str) {
        let mut out = Vec::new();
        let end = push_raw::<false>(&mut out, raw.as_bytes(), 1);
        assert_eq!(String::from_utf8(out).unwrap(), plain);
        assert_eq!(end, raw.len() - 1);
        let mut out = Vec::new();
        push_raw::<true>(&mut out, raw.as_bytes(), 1);
        assert_eq!(String::from_utf8(out).unwrap(), nested);
        let text: String = chars(raw.as_bytes(), 1).collect();
        let mut out = Vec::new();
        push_text::<true>(&mut out, &text);
        assert_eq!(String::from_utf8(out).unwrap(), nested);
    }

    #[test]
    fn strings_are_written_as_go_writes_them() {
        check(r#""plain é €""#, "plain é €", "plain é €");
        check(r#""a\"b\\c""#, r#"a\"b\\c"#, r#"a\\\"b\\\\c"#);
        check(r#""\u0041\/\n\b\f""#, r"A/\n\b\f", r"A/\\n\\b\\f");
        check(r#""<&>""#, r"\u003c\u0026\u003e", r"\\u003c\\u0026\\u003e");
        check("\"\u{2028}…\"", r"\u2028…", r"\\u2028…");
        check(r#""\u2029\u0001""#, r"\u2029\u0001", r"\\u2029\\u0001");
        check(r#""\ud83d\ude00""#, "😀", "😀");
    }

    #[test]
    fn half_a_surrogate_pair_is_a_replacement_character() {
        check(r#""\ud83d""#, "\u{fffd}", "\u{fffd}");
        check(r#""\ude00x""#, "\u{fffd}x", "\u{fffd}x");
        check(r#""\ud83d\u0041""#, "\u{fffd}A", "\u{fffd}A");
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀", "\u{fffd}😀");
    }

    #[test]
    fn broken_text_does_not_panic() {
        for raw in [
            "\"",
            "\"\\",
            "\"\\u",
            "\"\\u12",
            "\"\\é",
            "\"\\ud83d\\u",
            "\"…",
        ] {
            push_raw::<true>(&mut Vec::new(), raw.as_bytes(), 1);
            chars(raw.as_bytes(), 1).count();
        }
    }
}
