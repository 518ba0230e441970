//! One pass from bytes to an [`Index`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::object::Span;
use crate::text::JsonStr;
use crate::{Index, Object};

/// Why bytes are not an object. Says where and what kind of thing is wrong, and
/// never repeats the text of an object: it may be a Secret's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not valid JSON, not UTF-8, or not of the expected shape.
    #[error("invalid JSON at byte {offset}")]
    Json {
        /// Where in the bytes the error was found.
        offset: usize,
        /// What is wrong there.
        #[source]
        problem: JsonProblem,
    },
    /// A field of the head has another type than Kubernetes documents.
    #[error("field {path} is {found}, expected a string")]
    WrongType {
        /// Path of the field.
        path: &'static str,
        /// What was found: the beginning of a number or a word, the kind of
        /// anything else.
        found: String,
    },
    /// A watch event lacks a field.
    #[error("a watch event without {field}")]
    Missing {
        /// Name of the field.
        field: &'static str,
    },
    /// An object without a name.
    #[error("an object without metadata.name")]
    Unnamed,
    /// A watch event of a type that is none of [`WatchEventType`].
    #[error("a watch event of unknown type {found}")]
    UnknownType {
        /// The type, where it is a short word in capitals as types are; else
        /// how long it is.
        found: String,
    },
    /// The bytes are longer than an index can address.
    #[error("{bytes} bytes are more than an object may have")]
    TooLarge {
        /// Length of the bytes.
        bytes: usize,
    },
}

/// What is wrong with JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// It is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// It ends in the middle.
    #[error("the text ends too early")]
    Ended,
    /// It is not JSON.
    #[error("a syntax error")]
    Syntax,
    /// It is JSON of another shape than an object or a watch event has.
    #[error("a value of another type than expected")]
    Shape,
}

/// How much of a value an error repeats, in characters.
const FOUND_CHARS_MAX: usize = 40;
const TYPE_BYTES_MAX: usize = 32;

impl ParseError {
    pub(crate) fn wrong_type(path: &'static str, value: &str) -> Self {
        let found = match value.as_bytes().first() {
            Some(b'{') => "an object".to_owned(),
            Some(b'[') => "an array".to_owned(),
            _ => value.chars().take(FOUND_CHARS_MAX).collect(),
        };
        Self::WrongType { path, found }
    }

    fn unknown_type(raw: &str) -> Self {
        let name = raw.trim_matches('"');
        let is_word = name.len() <= TYPE_BYTES_MAX
            && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let found = if is_word {
            format!("{name:?}")
        } else {
            format!("(of {} bytes)", name.len())
        };
        Self::UnknownType { found }
    }

    /// Keeps where the error is and drops the reader's own words: they quote.
    fn json(raw: &[u8], error: &serde_json::Error) -> Self {
        // serde_json counts lines and columns; one-line input is the rule here.
        let line_start = raw
            .split_inclusive(|&b| b == b'\n')
            .take(error.line().saturating_sub(1))
            .map(<[u8]>::len)
            .sum::<usize>();
        Self::Json {
            offset: line_start + error.column().saturating_sub(1),
            problem: match error.classify() {
                Category::Eof => JsonProblem::Ended,
                Category::Syntax | Category::Io => JsonProblem::Syntax,
                Category::Data => JsonProblem::Shape,
            },
        }
    }
}

/// The `type` of a watch event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEventType {
    /// `ADDED`
    Added,
    /// `MODIFIED`
    Modified,
    /// `DELETED`
    Deleted,
    /// `BOOKMARK`
    Bookmark,
    /// `ERROR`
    Error,
}

impl WatchEventType {
    fn of(raw: Option<&RawValue>) -> Result<Self, ParseError> {
        let raw = raw.ok_or(ParseError::Missing { field: "type" })?;
        match &*decoded(raw) {
            "ADDED" => Ok(Self::Added),
            "MODIFIED" => Ok(Self::Modified),
            "DELETED" => Ok(Self::Deleted),
            "BOOKMARK" => Ok(Self::Bookmark),
            "ERROR" => Ok(Self::Error),
            _ => Err(ParseError::unknown_type(raw.get())),
        }
    }
}

/// One line of a watch.
#[derive(Debug)]
pub struct WatchEvent<'a> {
    /// Its type.
    pub r#type: WatchEventType,
    /// Its object; a `Status` in [`WatchEventType::Error`].
    pub object: Object<'a>,
}

impl Index {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses one object.
    ///
    /// # Errors
    ///
    /// When the bytes are not one JSON object in UTF-8, or a field of the head
    /// has the wrong type.
    pub fn parse<'a>(&'a mut self, raw: &'a [u8]) -> Result<Object<'a>, ParseError> {
        self.clear();
        let text = checked(raw)?;
        let mut json = serde_json::Deserializer::from_str(text);
        ObjectSeed {
            base: text,
            index: self,
        }
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| ParseError::json(raw, &error))?;
        Object::from_index(text, self)
    }

    /// Parses one line of a watch, in one pass whichever of `type` and `object`
    /// comes first.
    ///
    /// # Errors
    ///
    /// As [`Index::parse`], and when `type` is missing or unknown.
    pub fn parse_event<'a>(&'a mut self, line: &'a [u8]) -> Result<WatchEvent<'a>, ParseError> {
        self.clear();
        let text = checked(line)?;
        let mut json = serde_json::Deserializer::from_str(text);
        let event = json
            .deserialize_map(EventVisitor {
                base: text,
                index: self,
            })
            .and_then(|event| json.end().map(|()| event))
            .map_err(|error| ParseError::json(line, &error))?;
        if !event.has_object {
            return Err(ParseError::Missing { field: "object" });
        }
        Ok(WatchEvent {
            r#type: WatchEventType::of(event.r#type)?,
            object: Object::from_index(text, self)?,
        })
    }

    fn clear(&mut self) {
        self.top.clear();
        self.meta.clear();
        self.has_metadata = false;
    }
}

fn checked(raw: &[u8]) -> Result<&str, ParseError> {
    if u32::try_from(raw.len()).is_err() {
        return Err(ParseError::TooLarge { bytes: raw.len() });
    }
    std::str::from_utf8(raw).map_err(|error| ParseError::Json {
        offset: error.valid_up_to(),
        problem: JsonProblem::Utf8,
    })
}

/// What a string says; empty when it is none.
fn decoded(raw: &RawValue) -> Cow<'_, str> {
    JsonStr::new(raw.get()).map_or(Cow::Borrowed(""), JsonStr::decode)
}

/// Span of `part`, a slice of `base`, whose length fits `u32`.
fn span(base: &str, part: &str) -> std::ops::Range<u32> {
    let start = (part.as_ptr() as usize - base.as_ptr() as usize) as u32;
    start..start + part.len() as u32
}

struct ObjectSeed<'i, 'a> {
    base: &'a str,
    index: &'i mut Index,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            if decoded(key) == "metadata" {
                self.index.has_metadata |= map.next_value_seed(MetadataSeed {
                    base: self.base,
                    spans: &mut self.index.meta,
                })?;
            } else {
                let value = map.next_value::<&'de RawValue>()?;
                self.index.top.push(Span {
                    key: span(self.base, key.get()),
                    value: span(self.base, value.get()),
                });
            }
        }
        Ok(())
    }
}

struct MetadataSeed<'i, 'a> {
    base: &'a str,
    spans: &'i mut Vec<Span>,
}

impl<'de> DeserializeSeed<'de> for MetadataSeed<'_, 'de> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MetadataSeed<'_, 'de> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata as an object")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<bool, M::Error> {
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            let value = map.next_value::<&'de RawValue>()?;
            self.spans.push(Span {
                key: span(self.base, key.get()),
                value: span(self.base, value.get()),
            });
        }
        Ok(true)
    }
}

/// What an event has beside the index of its object.
#[derive(Default)]
struct EventParts<'a> {
    r#type: Option<&'a RawValue>,
    has_object: bool,
}

struct EventVisitor<'i, 'a> {
    base: &'a str,
    index: &'i mut Index,
}

impl<'de> Visitor<'de> for EventVisitor<'_, 'de> {
    type Value = EventParts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a watch event")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<EventParts<'de>, M::Error> {
        let mut event = EventParts::default();
        while let Some(key) = map.next_key::<&'de RawValue>()? {
            match &*decoded(key) {
                "type" => event.r#type = Some(map.next_value()?),
                "object" => {
                    self.index.clear();
                    event.has_object = true;
                    map.next_value_seed(ObjectSeed {
                        base: self.base,
                        index: &mut *self.index,
                    })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests;
