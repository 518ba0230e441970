//! A [record](super::record) that is too large for where it goes, without its
//! largest parts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::text::push_json_string;

/// A record of which parts are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutRecord {
    /// The record, with `cut`.
    pub record: Vec<u8>,
    /// What is missing of the object: names of its members, and of
    /// `metadata.annotations`.
    pub parts: Vec<String>,
}

/// What is never left out: without it nobody knows which object it is.
const KEPT: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Cuts a record down to `bytes_max`: whole members of the object from the largest
/// on, and the annotations when that is not enough. All else stays as it is, the
/// hash included, which is that of the whole object.
///
/// `None` when it is no record of an object, or its identity does not fit.
pub fn cut(record: &[u8], bytes_max: usize) -> Option<CutRecord> {
    let members: Members<'_> = serde_json::from_slice(record).ok()?;
    let object = members.find("object")?;
    let mut object: Members<'_> = serde_json::from_str(object).ok()?;
    let mut parts = Vec::new();
    loop {
        let made = write(&members, &object, None, &parts);
        if made.len() <= bytes_max && !parts.is_empty() {
            return Some(CutRecord {
                record: made,
                parts,
            });
        }
        let Some(largest) = object.largest() else {
            break;
        };
        parts.push(object.0.remove(largest).0.into_owned());
    }
    let metadata = object.find("metadata")?;
    let mut metadata: Members<'_> = serde_json::from_str(metadata).ok()?;
    metadata.0.retain(|(name, _)| name != "annotations");
    parts.push("metadata.annotations".to_owned());
    let made = write(&members, &object, Some(&metadata), &parts);
    (made.len() <= bytes_max).then_some(CutRecord {
        record: made,
        parts,
    })
}

/// The members of a JSON object, in their order, unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    fn find(&self, name: &str) -> Option<&'a str> {
        let mut members = self.0.iter();
        members
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.get())
    }

    /// The largest of those that may be left out.
    fn largest(&self) -> Option<usize> {
        let members = self.0.iter().enumerate();
        let cuttable = members.filter(|(_, (name, _))| !KEPT.contains(&&**name));
        let largest = cuttable.max_by_key(|(_, (_, value))| value.get().len());
        largest.map(|(at, _)| at)
    }
}

fn write(
    members: &Members<'_>,
    object: &Members<'_>,
    metadata: Option<&Members<'_>>,
    parts: &[String],
) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, members, |out, name, value| match name {
        "object" => push(out, object, |out, name, value| match (name, metadata) {
            ("metadata", Some(metadata)) => push(out, metadata, |out, _, value| {
                out.extend_from_slice(value.as_bytes());
            }),
            _ => out.extend_from_slice(value.as_bytes()),
        }),
        _ => out.extend_from_slice(value.as_bytes()),
    });
    // Behind the brace that ends the record.
    out.pop();
    out.extend_from_slice(b",\"cut\":[");
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_json_string(&mut out, part);
    }
    out.extend_from_slice(b"]}");
    out
}

fn push(
    out: &mut Vec<u8>,
    members: &Members<'_>,
    mut value_of: impl FnMut(&mut Vec<u8>, &str, &str),
) {
    out.push(b'{');
    for (at, (name, value)) in members.0.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_json_string(out, name);
        out.push(b':');
        value_of(out, name, value.get());
    }
    out.push(b'}');
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(member.0), member.1));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::RecordHead;

    fn record(data: usize, annotation: usize) -> Vec<u8> {
        let (data, annotation) = ("d".repeat(data), "a".repeat(annotation));
        format!(
            r#"{{"event":"ADDED","scope":"c","tier":"detail","observed":"t","hash":"0f","object":{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","namespace":"n","uid":"u","annotations":{{"x":"{annotation}"}},"resourceVersion":"7"}},"immutable":true,"data":{{"k":"{data}"}}}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn the_largest_parts_go_first_and_what_is_left_is_the_same_object() {
        let check = |data, annotation, max, parts: &[&str]| {
            let whole = record(data, annotation);
            let cut = cut(&whole, max).unwrap();
            assert_eq!(cut.parts, parts);
            assert!(cut.record.len() <= max);
            let (before, after) = (
                RecordHead::parse(&whole).unwrap(),
                RecordHead::parse(&cut.record).unwrap(),
            );
            assert_eq!(after.hash, before.hash);
            assert_eq!(after.cut, parts);
            let (before, after) = (before.object.unwrap(), after.object.unwrap());
            assert_eq!(after.metadata.uid, before.metadata.uid);
            assert_eq!(
                after.metadata.resource_version,
                before.metadata.resource_version
            );
        };
        check(5000, 10, 1000, &["data"]);
        check(
            5000,
            5000,
            1000,
            &["data", "immutable", "metadata.annotations"],
        );
    }

    #[test]
    fn what_is_no_record_or_does_not_fit_at_all_is_not_cut() {
        assert_eq!(cut(&record(5000, 10), 100), None);
        assert_eq!(cut(br#"{"event":"SYNCED","scope":"c"}"#, 10), None);
        assert_eq!(cut(b"[1]", 10), None);
    }
}
