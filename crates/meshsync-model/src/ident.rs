//! Identity of objects and clusters.

use std::fmt;
use std::sync::Arc;

use crate::{Platform, ResourceId};

/// Identity of what is observed, the scope id of a record. For a cluster the uid
/// of its `kube-system` namespace, the id Meshery Server knows the cluster by;
/// for anything else what its source says, and its [`Platform`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterId {
    id: String,
    platform: Platform,
}

impl ClusterId {
    /// Takes a cluster's id as it is; `None` when it is empty.
    pub fn new(id: impl Into<String>) -> Option<Self> {
        Self::on(Platform::KUBERNETES, id)
    }

    /// Takes an id of something on another platform; `None` when it is empty.
    pub fn on(platform: Platform, id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        (!id.is_empty()).then_some(Self { id, platform })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// What kind of thing it is the id of.
    pub fn platform(&self) -> Platform {
        self.platform
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// Resource, namespace and name: what an object is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The resource, whatever its version; one for all keys of it.
    pub resource: Arc<ResourceId>,
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<Box<str>>,
    /// Name.
    pub name: Box<str>,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.resource, self.name),
            None => write!(f, "{} {}", self.resource, self.name),
        }
    }
}

/// Identity of one object of a known resource, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectRef<'a> {
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<&'a str>,
    /// Name.
    pub name: &'a str,
    /// uid; empty only where a server sent none.
    pub uid: &'a str,
}

impl fmt::Display for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// An object's uid: sixteen bytes when it is a canonical lower-case UUID, as
/// Kubernetes makes them, else the text as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uid(UidRepr);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum UidRepr {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl Uid {
    /// Takes a uid as a server sent it.
    pub fn new(text: &str) -> Self {
        Self(uuid_bytes(text).map_or_else(|| UidRepr::Text(text.into()), UidRepr::Uuid))
    }

    /// A uid by the bytes of its UUID.
    pub fn of_uuid(bytes: [u8; 16]) -> Self {
        Self(UidRepr::Uuid(bytes))
    }

    /// The bytes of its UUID, where it is one.
    pub fn uuid(&self) -> Option<[u8; 16]> {
        match &self.0 {
            UidRepr::Uuid(bytes) => Some(*bytes),
            UidRepr::Text(_) => None,
        }
    }

    /// Whether this is the uid written as `text`.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            UidRepr::Uuid(bytes) => uuid_bytes(text).as_ref() == Some(bytes),
            UidRepr::Text(own) => **own == *text,
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UidRepr::Text(text) => f.write_str(text),
            UidRepr::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = lower_hex(text[at])? << 4 | lower_hex(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn lower_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// A resourceVersion. What an object's state is, is decided by equality alone:
/// there is no `Ord` on purpose. [`ResourceVersion::is_newer_than`] is for one
/// thing: noticing that a server answers from further back than before, which is
/// a reason to ask again and never one to believe or to delete something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceVersion(VersionRepr);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum VersionRepr {
    Number(u64),
    Text(Box<str>),
}

impl ResourceVersion {
    /// Takes a resourceVersion as a server sent it.
    pub fn new(text: &str) -> Self {
        Self(
            canonical_number(text)
                .map_or_else(|| VersionRepr::Text(text.into()), VersionRepr::Number),
        )
    }

    /// A resourceVersion by its number.
    pub fn of_number(number: u64) -> Self {
        Self(VersionRepr::Number(number))
    }

    /// Its number, where it is written as one: a shorter way to keep it.
    pub fn number(&self) -> Option<u64> {
        match &self.0 {
            VersionRepr::Number(number) => Some(*number),
            VersionRepr::Text(_) => None,
        }
    }

    /// Whether this is the resourceVersion written as `text`.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            VersionRepr::Number(number) => canonical_number(text) == Some(*number),
            VersionRepr::Text(own) => **own == *text,
        }
    }

    /// Whether this one is certainly newer than `text`: both are decimal numbers,
    /// as those of Kubernetes are (KEP-5504, comparable resource versions), and
    /// this is the greater. Of anything else nothing is certain.
    pub fn is_newer_than(&self, text: &str) -> bool {
        match (&self.0, canonical_number(text)) {
            (VersionRepr::Number(own), Some(other)) => *own > other,
            _ => false,
        }
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            VersionRepr::Number(number) => write!(f, "{number}"),
            VersionRepr::Text(text) => f.write_str(text),
        }
    }
}

/// A number that prints as the same text, so that storing it loses nothing.
fn canonical_number(text: &str) -> Option<u64> {
    let first = text.bytes().next()?;
    if (first == b'0' && text.len() > 1) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_keeps_its_text() {
        for text in [
            "8f1a7c1e-5a52-4a5e-9c0b-0f9c1de4b7a1",
            "8F1A7C1E-5A52-4A5E-9C0B-0F9C1DE4B7A1",
            "not-a-uuid",
            "",
        ] {
            let uid = Uid::new(text);
            assert_eq!(uid.to_string(), text);
            assert!(uid.uuid().is_none_or(|bytes| Uid::of_uuid(bytes) == uid));
            assert!(uid.matches(text));
            assert!(!uid.matches("other"));
        }
    }

    #[test]
    fn resource_version_keeps_its_text() {
        for text in ["0", "007", "42", "18446744073709551616", "abc", ""] {
            let version = ResourceVersion::new(text);
            assert_eq!(version.to_string(), text);
            let number = version.number();
            assert!(number.is_none_or(|number| ResourceVersion::of_number(number) == version));
            assert!(version.matches(text));
        }
        assert!(!ResourceVersion::new("7").matches("007"));
    }

    #[test]
    fn only_numbers_are_certainly_newer() {
        let check = |own: &str, other: &str, newer: bool| {
            let own = ResourceVersion::new(own);
            assert_eq!(own.is_newer_than(other), newer, "{own} and {other}");
        };
        check("10", "9", true);
        check("9", "10", false);
        check("9", "9", false);
        for other in ["", "a", "007", "18446744073709551616"] {
            check("10", other, false);
            check(other, "1", false);
        }
    }
}
