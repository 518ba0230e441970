//! From an object as JSON to a YAML document that can be applied.
//!
//! Values go from the JSON reader straight to the YAML writer: there is no tree.

use std::fmt;
use std::io::Write;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_transcode::Transcoder;

/// What the server fills in, and what is its alone to say.
const OF_THE_SERVER: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A copy of the object, made by kubectl; it makes a new one.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Appends one document with its `---`.
pub(super) fn write(object: &[u8], mut out: &mut dyn Write) -> anyhow::Result<()> {
    let object = std::str::from_utf8(object)?;
    let prefer_block_scalars = !begins_with_a_break(object);
    let object: Members<'_> = serde_json::from_str(object)?;
    let options = serde_saphyr::ser_options! {
        // Lines are kept as they are; breaking long ones is left to the reader.
        folded_wrap_chars: usize::MAX,
        prefer_block_scalars: prefer_block_scalars,
    };
    out.write_all(b"---\n")?;
    serde_saphyr::to_io_writer_with_options(&mut out, &Manifest(&object), options)?;
    Ok(())
}

/// Whether a text in it may begin with a tab or a line end. As a block, kubectl's
/// YAML reader takes such a tab for indentation, against the YAML specification;
/// all texts of such an object are quoted.
fn begins_with_a_break(json: &str) -> bool {
    json.contains(r#""\t"#) || json.contains(r#""\n"#)
}

/// The members of a JSON object, in order, unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

/// The whole object, without its status.
struct Manifest<'a>(&'a Members<'a>);

struct Metadata<'a>(&'a RawValue);

struct Annotations<'a>(Members<'a>);

/// A value as it is.
struct Json<'a>(&'a RawValue);

impl Serialize for Manifest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.0.0 {
            match key.as_str() {
                "status" => {}
                "metadata" => map.serialize_entry(key, &Metadata(value))?,
                _ => map.serialize_entry(key, &Json(value))?,
            }
        }
        map.end()
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members: Members<'_> = serde_json::from_str(self.0.get()).map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in members.0 {
            if OF_THE_SERVER.contains(&key.as_str()) {
                continue;
            }
            if key != "annotations" {
                map.serialize_entry(&key, &Json(value))?;
            } else if let Ok(mut annotations) = serde_json::from_str::<Members<'_>>(value.get()) {
                annotations.0.retain(|(key, _)| key != LAST_APPLIED);
                if !annotations.0.is_empty() {
                    map.serialize_entry(&key, &Annotations(annotations))?;
                }
            }
        }
        map.end()
    }
}

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.0.iter().map(|(key, value)| (key, Json(value))))
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serde_json::Deserializer::from_str(self.0.get());
        Transcoder::new(&mut json).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn yaml(object: &Value) -> String {
        let mut out = Vec::new();
        write(object.to_string().as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_the_server_fills_in_is_left_out() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1",
                "generation": 1, "creationTimestamp": "t", "managedFields": [], "selfLink": "s",
                "deletionTimestamp": "t", "deletionGracePeriodSeconds": 1,
                "annotations": {LAST_APPLIED: "{}"}, "labels": {"uid": "kept"},
            },
            "spec": {"status": "kept", "metadata": {"uid": "kept"}},
            "status": {"phase": "Running"},
        });
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "n", "labels": {"uid": "kept"}},
            "spec": {"status": "kept", "metadata": {"uid": "kept"}},
        });
        let text = yaml(&object);
        assert!(text.starts_with("---\napiVersion: v1\nkind: Pod\n") || text.starts_with("---\n"));
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn other_annotations_are_kept() {
        let object = json!({"metadata": {"annotations": {LAST_APPLIED: "{}", "a": "1"}}});
        assert_eq!(
            yaml(&object),
            "---\nmetadata:\n  annotations:\n    a: \"1\"\n"
        );
    }

    #[test]
    fn every_text_stays_the_text_it_is() {
        let long = "word ".repeat(60);
        for text in [
            "",
            " ",
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "true",
            "null",
            "~",
            "0123",
            "0x1F",
            "0o7",
            "1e3",
            "1_000",
            "12:30:45",
            ".5",
            "+1",
            "-",
            "- a",
            "? a",
            ": a",
            "a: b",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "@a",
            "`a",
            "%a",
            "[a]",
            "{a}",
            "'a'",
            "\"a\"",
            "\\n",
            "2020-01-01",
            "=",
            "<<",
            "---",
            "...",
            "--- a",
            "a\nb",
            "a\nb\n",
            "a\nb\n\n\n",
            "\na",
            "  a\nb",
            "a\n  b\n",
            "\ta\nb",
            "a\r\nb",
            "a\tb",
            "trailing ",
            "a \nb",
            "\n",
            "\n\n",
            "é 漢字 🦀",
            "\u{85}\u{2028}\u{feff}",
            "\u{7}",
            "inf",
            ".inf",
            ".nan",
            "NaN",
            long.as_str(),
            "line one is fine\n---\nline three\n",
            "#!/bin/sh\nset -e\n\techo hi\n",
        ] {
            let object =
                json!({"data": {"k": text, text: "v"}, "list": [text, [text], {"a": text}]});
            let yaml = yaml(&object);
            let back: Value = serde_saphyr::from_str(&yaml)
                .unwrap_or_else(|error| panic!("{text:?}: {error}\n{yaml}"));
            assert_eq!(back, object, "{text:?}\n{yaml}");
        }
    }

    #[test]
    fn numbers_and_empty_collections_stay_what_they_are() {
        let object = json!({
            "a": [0, -1, 1.5, 1e300, u64::MAX, i64::MIN, true, false, null, {}, [], [[]], [{}]],
            "b": {"c": {}, "d": []},
        });
        let text = yaml(&object);
        assert_eq!(
            serde_saphyr::from_str::<Value>(&text).unwrap(),
            object,
            "{text}"
        );
    }
}
