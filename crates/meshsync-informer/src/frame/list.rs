//! Items of a list document, as they arrive.

use serde::Deserialize;

use super::{Frame, FrameError, HEAD_BYTES, OBJECT_BYTES_MAX, keep};

/// Keys and list metadata are small; more than this is no list of Kubernetes.
const ENVELOPE_BYTES_MAX: usize = 256 << 10;

/// What stands around the items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListEnd {
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `metadata.continue`; `None` on the last page.
    pub continue_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: Option<String>,
    r#continue: Option<String>,
}

/// Cuts a list document into items without waiting for its end: at most the
/// current item is kept, whatever the page holds.
#[derive(Debug, Default)]
pub struct ListFramer {
    place: Place,
    value: Value,
    kept: Vec<u8>,
    skipped: usize,
    keep: Keep,
    metadata: Vec<u8>,
    has_items: bool,
    offset: usize,
}

/// Where in the document the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    BeforeKey,
    Key,
    Colon,
    BeforeValue,
    InValue,
    BeforeItem,
    InItem,
    AfterItem,
    AfterMember,
    End,
}

/// Which member of the document the value belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Keep {
    #[default]
    Nothing,
    Metadata,
    Items,
}

/// Progress within one JSON value.
#[derive(Clone, Copy, Debug, Default)]
struct Value {
    begun: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Value {
    /// Advances over `bytes`; returns the index behind the value's last byte,
    /// or `None` when it goes on. A scalar ends before its delimiter.
    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string {
                if std::mem::take(&mut self.escaped) {
                    at += 1;
                    continue;
                }
                let found = memchr::memchr2(b'"', b'\\', &bytes[at..])?;
                at += found + 1;
                if bytes[at - 1] == b'\\' {
                    self.escaped = true;
                } else {
                    self.in_string = false;
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
                continue;
            }
            match bytes[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    if self.depth <= 1 {
                        return Some(at + self.depth);
                    }
                    self.depth -= 1;
                }
                b',' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }
}

impl ListFramer {
    /// A framer at the beginning of a document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chunk and hands every item that ends in it to `on_item`.
    ///
    /// # Errors
    ///
    /// When the document is not one of a list. The framer is of no use then.
    pub fn push(
        &mut self,
        chunk: &[u8],
        mut on_item: impl FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        let mut at = 0;
        while at < chunk.len() {
            let step = self.step(&chunk[at..], &mut on_item)?;
            at += step;
            self.offset += step;
        }
        Ok(())
    }

    /// Memory held for what has not ended.
    pub fn held_bytes(&self) -> usize {
        self.kept.capacity() + self.metadata.capacity()
    }

    /// Ends the document.
    ///
    /// # Errors
    ///
    /// When it is not complete or its metadata cannot be read.
    pub fn finish(self) -> Result<ListEnd, FrameError> {
        if self.place != Place::End {
            return Err(FrameError::Truncated { bytes: self.offset });
        }
        // A `Status` or some gateway's page is no empty list.
        if !self.has_items {
            return Err(FrameError::NotAList {
                problem: "no items",
                offset: self.offset,
            });
        }
        let meta: Option<ListMeta> = if self.metadata.is_empty() {
            None
        } else {
            serde_json::from_slice(&self.metadata).map_err(|_| FrameError::NotAList {
                problem: "metadata that cannot be read",
                offset: self.offset,
            })?
        };
        let meta = meta.unwrap_or_default();
        Ok(ListEnd {
            resource_version: meta.resource_version.unwrap_or_default(),
            continue_token: meta.r#continue.filter(|token| !token.is_empty()),
        })
    }

    /// Handles some bytes, or moves to another place; returns how many.
    fn step(
        &mut self,
        bytes: &[u8],
        on_item: &mut impl FnMut(Frame<'_>),
    ) -> Result<usize, FrameError> {
        let first = bytes[0];
        match self.place {
            Place::Key => return self.key(bytes),
            Place::InValue => return self.value(bytes),
            Place::InItem => return Ok(self.item(bytes, on_item)),
            _ if first.is_ascii_whitespace() => return Ok(1),
            _ => {}
        }
        let mut taken = 1;
        self.place = match (self.place, first) {
            (Place::Start, b'{') => Place::BeforeKey,
            (Place::BeforeKey, b'"') => Place::Key,
            (Place::Colon, b':') => Place::BeforeValue,
            (Place::BeforeValue, b'[') if self.keep == Keep::Items => Place::BeforeItem,
            (Place::BeforeValue, _) => {
                taken = 0;
                self.value = Value::default();
                self.kept.clear();
                Place::InValue
            }
            (Place::BeforeItem | Place::AfterItem, b']') => Place::AfterMember,
            (Place::AfterItem, b',') => Place::BeforeItem,
            (Place::BeforeItem, b'{') => {
                taken = 0;
                self.value = Value::default();
                Place::InItem
            }
            (Place::AfterMember, b',') => Place::BeforeKey,
            (Place::BeforeKey | Place::AfterMember, b'}') => Place::End,
            _ => {
                return Err(FrameError::NotAList {
                    problem: "an unexpected byte",
                    offset: self.offset,
                });
            }
        };
        if taken == 0 {
            return self.step(bytes, on_item);
        }
        Ok(taken)
    }

    fn key(&mut self, bytes: &[u8]) -> Result<usize, FrameError> {
        let end = memchr::memchr(b'"', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.kept
            .extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        self.check_envelope("a key")?;
        if end.is_some() {
            self.keep = match self.kept.as_slice() {
                b"metadata" => Keep::Metadata,
                b"items" => {
                    self.has_items = true;
                    Keep::Items
                }
                _ => Keep::Nothing,
            };
            self.kept.clear();
            self.place = Place::Colon;
        }
        Ok(taken)
    }

    fn value(&mut self, bytes: &[u8]) -> Result<usize, FrameError> {
        let end = self.value.advance(bytes);
        let taken = end.unwrap_or(bytes.len());
        // A scalar may have ended with the chunk before.
        let empty = taken == 0 && !self.value.begun;
        self.value.begun = true;
        if self.keep == Keep::Metadata {
            self.kept.extend_from_slice(&bytes[..taken]);
            self.check_envelope("metadata")?;
        }
        if end.is_some() {
            if self.keep == Keep::Metadata {
                self.metadata = std::mem::take(&mut self.kept);
            }
            self.place = Place::AfterMember;
            if empty {
                return Err(FrameError::NotAList {
                    problem: "a missing value",
                    offset: self.offset,
                });
            }
        }
        Ok(taken)
    }

    fn item(&mut self, bytes: &[u8], on_item: &mut impl FnMut(Frame<'_>)) -> usize {
        let Some(end) = self.value.advance(bytes) else {
            self.keep_item(bytes);
            return bytes.len();
        };
        let last = &bytes[..end];
        if self.kept.is_empty() && self.skipped == 0 && last.len() <= OBJECT_BYTES_MAX {
            on_item(Frame::Whole(last));
        } else {
            self.keep_item(last);
            if self.skipped > 0 {
                let bytes = self.kept.len() + self.skipped;
                on_item(Frame::TooLarge {
                    head: &self.kept,
                    bytes,
                });
            } else {
                on_item(Frame::Whole(&self.kept));
            }
        }
        self.kept.clear();
        self.kept.shrink_to(ENVELOPE_BYTES_MAX);
        self.skipped = 0;
        self.place = Place::AfterItem;
        end
    }

    fn keep_item(&mut self, part: &[u8]) {
        if self.skipped > 0 {
            self.skipped += part.len();
            return;
        }
        keep(&mut self.kept, part);
        if self.kept.len() > OBJECT_BYTES_MAX {
            self.skipped = self.kept.len() - HEAD_BYTES;
            self.kept.truncate(HEAD_BYTES);
            self.kept.shrink_to_fit();
        }
    }

    fn check_envelope(&self, field: &'static str) -> Result<(), FrameError> {
        if self.kept.len() > ENVELOPE_BYTES_MAX {
            return Err(FrameError::EnvelopeTooLarge {
                field,
                limit: ENVELOPE_BYTES_MAX,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
