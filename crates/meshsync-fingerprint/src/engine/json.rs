//! One walk over JSON text that is known to be valid: what is wanted is borrowed,
//! everything else is stepped over.
//!
//! On other text the walk ends early; it never panics and never loops.

use std::borrow::Cow;

use meshsync_model::text::JsonStr;

/// How deep values may lie in each other; what is deeper is stepped over as well,
/// without recursion.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

/// What kind of byte opens, closes or quotes.
const PLAIN: u8 = 0;
const QUOTE: u8 = 1;
const OPEN: u8 = 2;
const CLOSE: u8 = 3;

const KINDS: [u8; 256] = {
    let mut kinds = [PLAIN; 256];
    kinds[b'"' as usize] = QUOTE;
    kinds[b'{' as usize] = OPEN;
    kinds[b'[' as usize] = OPEN;
    kinds[b'}' as usize] = CLOSE;
    kinds[b']' as usize] = CLOSE;
    kinds
};

impl<'a> Walk<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Enters an object or list; any other value is stepped over.
    pub(crate) fn enter(&mut self, open: u8) -> bool {
        if self.peek() == Some(open) {
            self.at += 1;
            return true;
        }
        self.skip();
        false
    }

    /// The next key of the object that was entered; `None` leaves it. The value
    /// has to be taken or skipped before the next.
    pub(crate) fn key(&mut self) -> Option<Cow<'a, str>> {
        match self.peek() {
            Some(b'"') => Some(self.string()),
            Some(_) => {
                self.at += 1;
                None
            }
            None => None,
        }
    }

    /// Whether the list that was entered has another element; `false` leaves it.
    pub(crate) fn element(&mut self) -> bool {
        match self.peek() {
            Some(b']' | b'}') => {
                self.at += 1;
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    /// A scalar as text: empty for `null`, an object or a list.
    pub(crate) fn text(&mut self) -> Cow<'a, str> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => {
                self.skip();
                Cow::Borrowed("")
            }
            _ => {
                let start = self.at;
                self.skip();
                match &self.text[start..self.at] {
                    "null" => Cow::Borrowed(""),
                    scalar => Cow::Borrowed(scalar),
                }
            }
        }
    }

    /// The next value as it is written.
    pub(crate) fn raw(&mut self) -> &'a str {
        self.peek();
        let start = self.at;
        self.skip();
        &self.text[start..self.at]
    }

    fn string(&mut self) -> Cow<'a, str> {
        let start = self.at;
        let escaped = self.skip_string();
        let raw = self.text.get(start..self.at).unwrap_or_default();
        match JsonStr::new(raw) {
            Some(string) if escaped => string.decode(),
            Some(string) => Cow::Borrowed(string.escaped()),
            None => Cow::Borrowed(""),
        }
    }

    /// Steps over a string; whether anything in it is escaped.
    fn skip_string(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        let mut at = self.at + 1;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    self.at = at + 1;
                    return escaped;
                }
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        self.at = bytes.len();
        escaped
    }

    /// Steps over a value.
    pub(crate) fn skip(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        match self.peek() {
            Some(b'"') => {
                self.skip_string();
            }
            Some(b'{' | b'[') => {
                while let Some(&byte) = bytes.get(self.at) {
                    match KINDS[usize::from(byte)] {
                        QUOTE => {
                            self.skip_string();
                            continue;
                        }
                        OPEN => depth += 1,
                        CLOSE => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                }
            }
            Some(_) => {
                while let Some(&byte) = bytes.get(self.at) {
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                        return;
                    }
                    self.at += 1;
                }
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wanted_is_stepped_over() {
        let text = r#"{"a":{"x":[1,"]}",{"y":"\"}"}]},"b":"v\n","c":12,"d":null,"e":true,"f":[{"g":"h"},7]}"#;
        let mut walk = Walk::new(text);
        assert!(walk.enter(b'{'));
        let mut seen = Vec::new();
        while let Some(key) = walk.key() {
            match &*key {
                "a" => walk.skip(),
                "f" => seen.push(("f".into(), walk.raw().to_owned())),
                _ => seen.push((key.into_owned(), walk.text().into_owned())),
            }
        }
        let seen: Vec<(&str, &str)> = seen
            .iter()
            .map(|(a, b): &(String, String)| (&**a, &**b))
            .collect();
        let list = r#"[{"g":"h"},7]"#;
        assert_eq!(
            seen,
            [
                ("b", "v\n"),
                ("c", "12"),
                ("d", ""),
                ("e", "true"),
                ("f", list)
            ]
        );
    }

    #[test]
    fn broken_text_ends_the_walk() {
        for text in [
            "",
            "{",
            "{\"a",
            "{\"a\":",
            "{\"a\":[1,",
            "}",
            "]",
            "{\"a\":\"x\\",
            "nul",
            "{]}",
            "{\"é\":\"é",
        ] {
            let mut walk = Walk::new(text);
            if walk.enter(b'{') {
                for _ in 0..100 {
                    if walk.key().is_none() {
                        break;
                    }
                    walk.text();
                }
            }
            walk.skip();
        }
    }
}
