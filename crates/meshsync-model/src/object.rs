//! An object as a borrowed head and raw slices.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{JsonStr, MemberIter};
use crate::{ObjectRef, ParseError};

/// Where one member of a JSON object lies in the bytes it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The key with its quotes.
    pub(crate) key: Range<u32>,
    /// The value.
    pub(crate) value: Range<u32>,
}

/// The scratch index of one object: where its top-level members and the members
/// of its metadata lie. Kept and reused from object to object, so that parsing
/// allocates nothing once it has grown.
#[derive(Debug, Default)]
pub struct Index {
    pub(crate) top: Vec<Span>,
    pub(crate) meta: Vec<Span>,
    pub(crate) has_metadata: bool,
}

/// One member of a JSON object: raw key, with its quotes, and raw value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key as written, with its quotes.
    pub key: &'a str,
    /// The value as written.
    pub value: &'a str,
}

/// Members of a JSON object in the order they were written.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    raw: &'a str,
    spans: std::slice::Iter<'a, Span>,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        self.spans.next().map(|span| span.of(self.raw))
    }
}

impl<'a> Member<'a> {
    /// The key as it reads: without quotes, escapes undone. Names are compared
    /// in this form, never as written: `"d\u0061ta"` is `data` too.
    pub fn name(&self) -> Cow<'a, str> {
        JsonStr::new(self.key).map_or(Cow::Borrowed(""), JsonStr::decode)
    }
}

impl Span {
    pub(crate) fn of<'a>(&self, raw: &'a str) -> Member<'a> {
        Member {
            key: &raw[self.key.start as usize..self.key.end as usize],
            value: &raw[self.value.start as usize..self.value.end as usize],
        }
    }
}

/// One Kubernetes object, borrowed from the bytes it came in.
///
/// The head (name, namespace, uid, resourceVersion) is parsed; everything else
/// is a slice of the text, reached through [`Object::member`],
/// [`Object::metadata`] and the iterators.
#[derive(Debug)]
pub struct Object<'a> {
    raw: &'a str,
    index: &'a Index,
    /// Whether what stands beside `metadata` is looked at.
    body: bool,
    name: Cow<'a, str>,
    namespace: Option<Cow<'a, str>>,
    uid: Cow<'a, str>,
    resource_version: Cow<'a, str>,
}

impl<'a> Object<'a> {
    pub(crate) fn from_index(raw: &'a str, index: &'a Index) -> Result<Self, ParseError> {
        let mut object = Object {
            raw,
            index,
            body: true,
            name: Cow::Borrowed(""),
            namespace: None,
            uid: Cow::Borrowed(""),
            resource_version: Cow::Borrowed(""),
        };
        for span in &index.meta {
            let member = span.of(raw);
            match &*member.name() {
                "name" => object.name = string(member, "metadata.name")?,
                "namespace" => {
                    let namespace = string(member, "metadata.namespace")?;
                    object.namespace = (!namespace.is_empty()).then_some(namespace);
                }
                "uid" => object.uid = string(member, "metadata.uid")?,
                "resourceVersion" => {
                    object.resource_version = string(member, "metadata.resourceVersion")?;
                }
                _ => {}
            }
        }
        Ok(object)
    }

    /// `metadata.name`; empty in a bookmark or status.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata.namespace`; `None` when absent or empty.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// `metadata.uid`; empty when absent.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// `metadata.resourceVersion`; empty when absent.
    pub fn resource_version(&self) -> &str {
        &self.resource_version
    }

    /// Namespace, name and uid.
    pub fn object_ref(&self) -> ObjectRef<'_> {
        ObjectRef {
            namespace: self.namespace(),
            name: self.name(),
            uid: self.uid(),
        }
    }

    /// The text the object was parsed from.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The same with nothing beside `metadata`: what is observed at
    /// [`Tier::Presence`](crate::Tier::Presence) has no body, whether the server
    /// sent one or not.
    pub fn without_body(&self) -> Object<'_> {
        Object {
            raw: self.raw,
            index: self.index,
            body: false,
            name: Cow::Borrowed(&self.name),
            namespace: self.namespace.as_deref().map(Cow::Borrowed),
            uid: Cow::Borrowed(&self.uid),
            resource_version: Cow::Borrowed(&self.resource_version),
        }
    }

    /// Whether it had a `metadata` object at all.
    pub fn has_metadata(&self) -> bool {
        self.index.has_metadata
    }

    /// Top-level members, `metadata` excepted, in the order they were written.
    pub fn members(&self) -> Members<'a> {
        Members {
            raw: self.raw,
            spans: if self.body {
                self.index.top.as_slice()
            } else {
                &[]
            }
            .iter(),
        }
    }

    /// Members of `metadata` in the order they were written.
    pub fn metadata_members(&self) -> Members<'a> {
        Members {
            raw: self.raw,
            spans: self.index.meta.iter(),
        }
    }

    /// Raw value of a top-level member by its plain name; the last one wins.
    pub fn member(&self, name: &str) -> Option<&'a str> {
        last(self.members(), name)
    }

    /// Raw value of a member of `metadata` by its plain name; the last one wins.
    pub fn metadata(&self, name: &str) -> Option<&'a str> {
        last(self.metadata_members(), name)
    }

    /// Labels; empty when there are none or they are not an object of strings.
    pub fn labels(&self) -> Labels<'a> {
        Labels::of(self.metadata("labels"))
    }

    /// Annotations; empty when there are none or they are not an object of strings.
    pub fn annotations(&self) -> Labels<'a> {
        Labels::of(self.metadata("annotations"))
    }
}

fn last<'a>(members: Members<'a>, name: &str) -> Option<&'a str> {
    members
        .filter(|member| member.name() == name)
        .last()
        .map(|member| member.value)
}

fn string<'a>(member: Member<'a>, path: &'static str) -> Result<Cow<'a, str>, ParseError> {
    if member.value == "null" {
        return Ok(Cow::Borrowed(""));
    }
    JsonStr::new(member.value)
        .map(JsonStr::decode)
        .ok_or_else(|| ParseError::wrong_type(path, member.value))
}

/// Key and value pairs of `metadata.labels` or `metadata.annotations`, decoded.
#[derive(Clone, Debug)]
pub struct Labels<'a>(Option<MemberIter<'a>>);

impl<'a> Labels<'a> {
    fn of(raw: Option<&'a str>) -> Self {
        Self(raw.and_then(MemberIter::of_object))
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let members = self.0.as_mut()?;
        loop {
            let member = members.next()?;
            let (Some(key), Some(value)) = (JsonStr::new(member.key), JsonStr::new(member.value))
            else {
                continue;
            };
            return Some((key.decode(), value.decode()));
        }
    }
}
