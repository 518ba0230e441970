//! One stored object: its bytes, and the few facts read from them once.

use std::{collections::BTreeMap, ops::Range};

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An object as stored. Built-in resources are kept without `kind` and `apiVersion`, custom ones
/// without `apiVersion`; [`super::Framing`] adds what the response needs.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) uid: Box<str>,
    pub(crate) rv: u64,
    pub(crate) body: Bytes,
    /// Stored by a test as it is; never framed, never interpreted.
    pub(crate) verbatim: bool,
    /// Bodies of other served versions, as captured.
    pub(crate) alternates: Vec<(Box<str>, Bytes)>,
    labels: Box<[(Box<str>, Box<str>)]>,
    metadata: Option<Range<usize>>,
    /// `managedFields`, with its key and one comma.
    managed_fields: Option<Range<usize>>,
    rv_text: Option<Range<usize>>,
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
    #[serde(borrow, default)]
    resource_version: Option<&'a RawValue>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(borrow, default)]
    managed_fields: Option<&'a RawValue>,
}

/// The key under which the server stores, sorts and pages an object.
pub(crate) fn object_key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}

impl Object {
    /// Reads the facts from a stored body; `None` when it is no object with metadata.
    pub(crate) fn read(body: Bytes) -> Option<Self> {
        let top: Top<'_> = serde_json::from_slice(&body).ok()?;
        let metadata: Metadata<'_> = serde_json::from_str(top.metadata.get()).ok()?;
        let metadata_at = position(&body, top.metadata.get());
        let rv_text = metadata.resource_version.map(|raw| {
            let at = position(&body, raw.get());
            at.start + 1..at.end - 1
        });
        let rv = rv_text
            .clone()
            .and_then(|at| std::str::from_utf8(&body[at]).ok()?.parse().ok());
        let managed_fields = metadata
            .managed_fields
            .and_then(|raw| member(&body, position(&body, raw.get())));
        let labels = metadata.labels.unwrap_or_default().into_iter();
        Some(Self {
            namespace: metadata.namespace.into(),
            name: metadata.name.into(),
            uid: metadata.uid.into(),
            rv: rv.unwrap_or(0),
            verbatim: false,
            alternates: Vec::new(),
            labels: labels
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            metadata: Some(metadata_at),
            managed_fields,
            rv_text,
            body,
        })
    }

    /// An object whose bytes are served as they are, whatever they hold.
    pub(crate) fn verbatim(namespace: &str, name: &str, uid: &str, rv: u64, body: Bytes) -> Self {
        let read = Self::read(body.clone());
        Self {
            namespace: namespace.into(),
            name: name.into(),
            uid: read
                .as_ref()
                .map(|o| &*o.uid)
                .filter(|uid| !uid.is_empty())
                .unwrap_or(uid)
                .into(),
            rv,
            body,
            verbatim: true,
            alternates: Vec::new(),
            labels: read.map(|o| o.labels).unwrap_or_default(),
            metadata: None,
            managed_fields: None,
            rv_text: None,
        }
    }

    pub(crate) fn key(&self) -> String {
        object_key(&self.namespace, &self.name)
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(k, _)| &**k == key)
            .map(|(_, v)| &**v)
    }

    /// The body in a served version, without `apiVersion`.
    pub(crate) fn body_in(&self, version: &str) -> &Bytes {
        let alternate = self.alternates.iter().find(|(v, _)| &**v == version);
        alternate.map_or(&self.body, |(_, body)| body)
    }

    /// The bytes of `metadata`, or the least a reader needs when the object is malformed.
    pub(crate) fn metadata_bytes(&self) -> Bytes {
        match &self.metadata {
            Some(at) => self.body.slice(at.clone()),
            None => serde_json::json!({
                "name": self.name, "namespace": self.namespace, "uid": self.uid,
                "resourceVersion": self.rv.to_string(),
            })
            .to_string()
            .into(),
        }
    }

    /// The two parts of the body around `managedFields`; the second is empty without any.
    pub(crate) fn without_managed_fields(&self, version: &str) -> (Bytes, Bytes) {
        let body = self.body_in(version);
        let at = if body.as_ptr() == self.body.as_ptr() {
            self.managed_fields.clone()
        } else {
            Self::read(body.clone()).and_then(|object| object.managed_fields)
        };
        match at {
            Some(at) => (body.slice(..at.start), body.slice(at.end..)),
            None => (body.clone(), Bytes::new()),
        }
    }

    /// The bytes of `metadata` without `managedFields`.
    pub(crate) fn metadata_without_managed_fields(&self) -> (Bytes, Bytes) {
        match (&self.metadata, &self.managed_fields) {
            (Some(metadata), Some(at)) => (
                self.body.slice(metadata.start..at.start),
                self.body.slice(at.end..metadata.end),
            ),
            _ => (self.metadata_bytes(), Bytes::new()),
        }
    }

    /// The same object at another version, by replacing only the digits of `resourceVersion`.
    pub(crate) fn at_version(&self, rv: u64) -> Self {
        let moved = self.rv_text.clone().and_then(|at| {
            let mut body = BytesMut::with_capacity(self.body.len() + 4);
            body.extend_from_slice(&self.body[..at.start]);
            body.extend_from_slice(rv.to_string().as_bytes());
            body.extend_from_slice(&self.body[at.end..]);
            Self::read(body.freeze())
        });
        let mut moved = moved.unwrap_or_else(|| self.clone());
        moved.rv = rv;
        moved.verbatim = self.verbatim;
        moved
    }
}

/// The extent of the `managedFields` member whose value is at `value`, so that what is left when it
/// is cut out is still JSON.
fn member(body: &[u8], value: Range<usize>) -> Option<Range<usize>> {
    const KEY: &[u8] = b"\"managedFields\":";
    let start = value.start.checked_sub(KEY.len())?;
    if body.get(start..value.start)? != KEY {
        return None;
    }
    if body.get(start.checked_sub(1)?) == Some(&b',') {
        return Some(start - 1..value.end);
    }
    let comma = usize::from(body.get(value.end) == Some(&b','));
    Some(start..value.end + comma)
}

/// Where `part`, borrowed from `whole`, begins and ends.
fn position(whole: &[u8], part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_metadata_are_found_in_place() {
        let body = Bytes::from_static(
            br#"{"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"9","labels":{"x":"y"}},"data":{"resourceVersion":"9"}}"#,
        );
        let object = Object::read(body).unwrap();
        assert_eq!(
            (object.rv, object.label("x"), object.key().as_str()),
            (9, Some("y"), "n/a")
        );
        let moved = object.at_version(1000);
        let expected = r#"{"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"1000","labels":{"x":"y"}},"data":{"resourceVersion":"9"}}"#;
        assert_eq!(moved.body, expected);
        assert!(moved.metadata_bytes().starts_with(br#"{"name":"a""#));
        assert!(moved.metadata_bytes().ends_with(br#"{"x":"y"}}"#));
    }

    #[test]
    fn managed_fields_are_cut_out_wherever_they_stand() {
        let check = |metadata: &str, expected: &str| {
            let body = format!(r#"{{"metadata":{metadata},"data":{{}}}}"#);
            let object = Object::read(body.into()).unwrap();
            let (before, after) = object.without_managed_fields("v1");
            let whole = [&before[..], &after[..]].concat();
            let expected_body = format!(r#"{{"metadata":{expected},"data":{{}}}}"#);
            assert_eq!(String::from_utf8(whole).unwrap(), expected_body);
            let (before, after) = object.metadata_without_managed_fields();
            assert_eq!([&before[..], &after[..]].concat(), expected.as_bytes());
        };
        check(r#"{"name":"a","managedFields":[{}]}"#, r#"{"name":"a"}"#);
        check(r#"{"managedFields":[{}],"name":"a"}"#, r#"{"name":"a"}"#);
        check(
            r#"{"a":1,"managedFields":[],"name":"a"}"#,
            r#"{"a":1,"name":"a"}"#,
        );
        check(r#"{"managedFields":[]}"#, "{}");
        check(r#"{"name":"a"}"#, r#"{"name":"a"}"#);
    }
}
