//! The few kinds kubectl creates from its command line, which it sends as protocol buffers:
//! `create namespace`, `configmap`, `secret` and `serviceaccount`.
//!
//! A body is the four bytes `k8s\0`, then `Unknown { typeMeta = 1 { apiVersion = 1, kind = 2 }, raw = 2 }`;
//! field numbers are those of `generated.proto` in k8s.io/api and k8s.io/apimachinery.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// The object in a protobuf body; `None` when it is malformed or of another kind.
pub(super) fn decode_protobuf(body: &[u8]) -> Option<Value> {
    let unknown = fields(body.strip_prefix(b"k8s\0")?)?;
    let type_meta = fields(first(&unknown, 1)?)?;
    let kind = text(&type_meta, 2)?;
    let raw = fields(first(&unknown, 2)?)?;
    let mut object = json!({
        "apiVersion": text(&type_meta, 1)?, "kind": kind, "metadata": metadata(&fields(first(&raw, 1)?)?)?,
    });
    match kind.as_str() {
        "Namespace" | "ServiceAccount" => {}
        "ConfigMap" => {
            let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            object["data"] = map(&raw, 2, plain)?.into();
            let binary = map(&raw, 3, |bytes| STANDARD.encode(bytes))?;
            if !binary.is_empty() {
                object["binaryData"] = binary.into();
            }
        }
        "Secret" => {
            object["data"] = map(&raw, 2, |bytes| STANDARD.encode(bytes))?.into();
            object["type"] = text(&raw, 3).unwrap_or_else(|| "Opaque".to_owned()).into();
        }
        _ => return None,
    }
    Some(object)
}

fn metadata(raw: &[(u64, &[u8])]) -> Option<Value> {
    let mut metadata = Map::new();
    for (number, key) in [(1, "name"), (2, "generateName"), (3, "namespace")] {
        if let Some(value) = text(raw, number).filter(|value| !value.is_empty()) {
            metadata.insert(key.to_owned(), value.into());
        }
    }
    for (number, key) in [(11, "labels"), (12, "annotations")] {
        let entries = map(raw, number, |bytes| {
            String::from_utf8_lossy(bytes).into_owned()
        })?;
        if !entries.is_empty() {
            metadata.insert(key.to_owned(), entries.into());
        }
    }
    Some(metadata.into())
}

fn first<'a>(fields: &[(u64, &'a [u8])], number: u64) -> Option<&'a [u8]> {
    fields
        .iter()
        .find(|(n, _)| *n == number)
        .map(|(_, bytes)| *bytes)
}

fn text(fields: &[(u64, &[u8])], number: u64) -> Option<String> {
    String::from_utf8(first(fields, number)?.to_vec()).ok()
}

fn map(
    raw: &[(u64, &[u8])],
    number: u64,
    value: impl Fn(&[u8]) -> String,
) -> Option<Map<String, Value>> {
    let entries = raw.iter().filter(|(n, _)| *n == number).map(|(_, entry)| {
        let entry = fields(entry)?;
        Some((
            text(&entry, 1)?,
            Value::from(value(first(&entry, 2).unwrap_or_default())),
        ))
    });
    entries.collect()
}

/// The length-delimited fields of a message; numbers are skipped.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (field, rest) = bytes.split_at_checked(length)?;
                found.push((tag >> 3, field));
                bytes = rest;
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_is_read_and_nonsense_is_not() {
        let member =
            |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
        let entry = [member(1, b"k"), member(2, b"v")].concat();
        let raw = [member(1, &member(1, b"name")), member(2, &entry)].concat();
        let type_meta = [member(1, b"v1"), member(2, b"ConfigMap")].concat();
        let body = [&b"k8s\0"[..], &member(1, &type_meta), &member(2, &raw)].concat();
        let expected = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "name"}, "data": {"k": "v"}});
        assert_eq!(decode_protobuf(&body), Some(expected));
        assert_eq!(decode_protobuf(b"k8s\0\xff\xff"), None);
        assert_eq!(decode_protobuf(&body[..body.len() - 1]), None);
    }
}
