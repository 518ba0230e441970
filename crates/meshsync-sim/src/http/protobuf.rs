//! The kinds kubectl creates from its command line, which it sends as protocol buffers: `create
//! namespace`, `configmap`, `secret`, `serviceaccount`, `deployment`, `service`, `role`,
//! `rolebinding`, `token`, and the reviews of `auth can-i` and `auth whoami`.
//!
//! A body is the four bytes `k8s\0`, then `Unknown { typeMeta = 1 { apiVersion = 1, kind = 2 }, raw = 2 }`;
//! field numbers are those of `generated.proto` in k8s.io/api and k8s.io/apimachinery.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// `Message: number name type`, separated by commas. A type is `s`tring, `i`nteger, `b`oolean, `y`
/// for bytes, `ms` and `my` for maps from strings, `*` for an integer or a string, or the name of a
/// message; `[]` before it means repeated. Fields that are not named here are skipped.
const MESSAGES: &str = "
ObjectMeta: 1 name s, 2 generateName s, 3 namespace s, 11 labels ms, 12 annotations ms, 14 finalizers []s
Namespace: 1 metadata ObjectMeta
ServiceAccount: 1 metadata ObjectMeta
ConfigMap: 1 metadata ObjectMeta, 2 data ms, 3 binaryData my
Secret: 1 metadata ObjectMeta, 2 data my, 3 type s, 4 stringData ms
Role: 1 metadata ObjectMeta, 2 rules []PolicyRule
ClusterRole: 1 metadata ObjectMeta, 2 rules []PolicyRule, 3 aggregationRule AggregationRule
PolicyRule: 1 verbs []s, 2 apiGroups []s, 3 resources []s, 4 resourceNames []s, 5 nonResourceURLs []s
AggregationRule: 1 clusterRoleSelectors []LabelSelector
RoleBinding: 1 metadata ObjectMeta, 2 subjects []Subject, 3 roleRef RoleRef
ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects []Subject, 3 roleRef RoleRef
Subject: 1 kind s, 2 apiGroup s, 3 name s, 4 namespace s
RoleRef: 1 apiGroup s, 2 kind s, 3 name s
LabelSelector: 1 matchLabels ms
Deployment: 1 metadata ObjectMeta, 2 spec DeploymentSpec
DeploymentSpec: 1 replicas i, 2 selector LabelSelector, 3 template PodTemplateSpec, 5 minReadySeconds i
PodTemplateSpec: 1 metadata ObjectMeta, 2 spec PodSpec
PodSpec: 2 containers []Container, 3 restartPolicy s, 6 dnsPolicy s, 7 nodeSelector ms, 8 serviceAccountName s
Container: 1 name s, 2 image s, 3 command []s, 4 args []s, 5 workingDir s, 6 ports []ContainerPort
ContainerPort: 1 name s, 2 hostPort i, 3 containerPort i, 4 protocol s
Service: 1 metadata ObjectMeta, 2 spec ServiceSpec
ServiceSpec: 1 ports []ServicePort, 2 selector ms, 3 clusterIP s, 4 type s, 10 externalName s
ServicePort: 1 name s, 2 protocol s, 3 port i, 4 targetPort *, 5 nodePort i
TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec
TokenRequestSpec: 1 audiences []s, 4 expirationSeconds i
SelfSubjectReview: 1 metadata ObjectMeta
SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec AccessSpec
AccessSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes PathAttributes
ResourceAttributes: 1 namespace s, 2 verb s, 3 group s, 4 version s, 5 resource s, 6 subresource s, 7 name s
PathAttributes: 1 path s, 2 verb s
SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec RulesSpec
RulesSpec: 1 namespace s
";

/// Messages within messages within a body; no kind above comes near.
const DEPTH_MAX: usize = 16;

/// The object in a protobuf body; `None` when it is malformed or of another kind.
pub(super) fn decode_protobuf(body: &[u8]) -> Option<Value> {
    let mut unknown = Vec::new();
    fields(body.strip_prefix(b"k8s\0")?, |number, field| {
        unknown.push((number, field));
        Some(())
    })?;
    let part = |number: u64| {
        unknown.iter().find_map(|(n, field)| match field {
            Field::Bytes(bytes) if *n == number => Some(*bytes),
            _ => None,
        })
    };
    let (mut api_version, mut kind) = (None, None);
    fields(part(1)?, |number, field| {
        match number {
            1 => api_version = Some(field.text()?),
            2 => kind = Some(field.text()?),
            _ => {}
        }
        Some(())
    })?;
    let kind = kind?;
    let mut object = message(&kind, part(2)?, DEPTH_MAX)?;
    object.insert("apiVersion".to_owned(), api_version?.into());
    object.insert("kind".to_owned(), kind.into());
    Some(object.into())
}

/// Reads a message of the table.
fn message(name: &str, bytes: &[u8], depth: usize) -> Option<Map<String, Value>> {
    let depth = depth.checked_sub(1)?;
    let (_, row) = MESSAGES
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(message, _)| *message == name)?;
    let columns: Vec<(u64, &str, &str)> = row
        .split(", ")
        .filter_map(|column| {
            let mut words = column.split(' ');
            Some((words.next()?.parse().ok()?, words.next()?, words.next()?))
        })
        .collect();
    let mut read = Map::new();
    fields(bytes, |number, field| {
        let Some((_, key, kind)) = columns.iter().find(|column| column.0 == number) else {
            return Some(());
        };
        match kind.strip_prefix("[]") {
            Some(kind) => {
                let list = read.entry(*key).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut()?.push(value(kind, field, depth)?);
            }
            None if kind.starts_with('m') => {
                let entry = read.entry(*key).or_insert_with(|| Map::new().into());
                let (name, value) = map_entry(kind, field)?;
                entry.as_object_mut()?.insert(name, value);
            }
            None => {
                let value = value(kind, field, depth)?;
                // Empty texts are how protobuf says "absent".
                if value != "" {
                    read.insert((*key).to_owned(), value);
                }
            }
        }
        Some(())
    })?;
    Some(read)
}

fn value(kind: &str, field: Field<'_>, depth: usize) -> Option<Value> {
    Some(match (kind, field) {
        ("s", field) => field.text()?.into(),
        ("y", Field::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        ("i", Field::Number(number)) => number.cast_signed().into(),
        ("b", Field::Number(number)) => (number != 0).into(),
        ("*", Field::Bytes(bytes)) => {
            let (mut number, mut text) = (0, None);
            fields(bytes, |at, field| {
                match (at, field) {
                    (2, Field::Number(value)) => number = value,
                    (3, field) => text = field.text().filter(|text| !text.is_empty()),
                    _ => {}
                }
                Some(())
            })?;
            text.map_or_else(|| number.into(), Value::from)
        }
        (name, Field::Bytes(bytes)) => message(name, bytes, depth)?.into(),
        _ => return None,
    })
}

fn map_entry(kind: &str, field: Field<'_>) -> Option<(String, Value)> {
    let Field::Bytes(bytes) = field else {
        return None;
    };
    let (mut key, mut content): (_, &[u8]) = (String::new(), &[]);
    fields(bytes, |number, field| {
        match (number, field) {
            (1, field) => key = field.text()?,
            (2, Field::Bytes(bytes)) => content = bytes,
            _ => {}
        }
        Some(())
    })?;
    let content = match kind {
        "my" => STANDARD.encode(content),
        _ => String::from_utf8(content.to_vec()).ok()?,
    };
    Some((key, content.into()))
}

#[derive(Clone, Copy, Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Field<'_> {
    fn text(self) -> Option<String> {
        match self {
            Self::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok(),
            Self::Number(_) => None,
        }
    }
}

/// Reads the fields of a message one after another.
fn fields<'a>(
    mut bytes: &'a [u8],
    mut read: impl FnMut(u64, Field<'a>) -> Option<()>,
) -> Option<()> {
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => read(tag >> 3, Field::Number(varint(&mut bytes)?))?,
            1 => bytes = bytes.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (field, rest) = bytes.split_at_checked(length)?;
                read(tag >> 3, Field::Bytes(field))?;
                bytes = rest;
            }
            5 => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(())
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
    use serde_json::json;

    use super::*;

    fn member(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }

    fn body(kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_meta = [member(1, b"v1"), member(2, kind.as_bytes())].concat();
        [&b"k8s\0"[..], &member(1, &type_meta), &member(2, raw)].concat()
    }

    #[test]
    fn a_config_map_is_read_and_nonsense_is_not() {
        let entry = [member(1, b"k"), member(2, b"v")].concat();
        let raw = [member(1, &member(1, b"name")), member(2, &entry)].concat();
        let body = body("ConfigMap", &raw);
        let expected = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "name"}, "data": {"k": "v"}});
        assert_eq!(decode_protobuf(&body), Some(expected));
        assert_eq!(decode_protobuf(b"k8s\0\xff\xff"), None);
        assert_eq!(decode_protobuf(&body[..body.len() - 1]), None);
    }

    #[test]
    fn numbers_lists_and_inner_messages_are_read() {
        let port = [
            member(1, b"http"),
            vec![3 << 3, 80],
            member(4, &[1 << 3, 0, 2 << 3, 90]),
        ]
        .concat();
        let raw = [
            member(1, &member(1, b"web")),
            member(2, &[member(1, &port), member(3, b"")].concat()),
        ]
        .concat();
        let expected = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 90}]},
        });
        assert_eq!(decode_protobuf(&body("Service", &raw)), Some(expected));
        assert_eq!(decode_protobuf(&body("Unheard", &raw)), None);
    }
}
