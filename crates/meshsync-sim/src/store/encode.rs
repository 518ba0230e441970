//! From JSON values to stored bytes and back, and the frames around stored bytes.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};

use super::Object;
use crate::api::{ColumnTexts, Found, PrinterColumn, group_version};

/// Members of `metadata` in the order in which the server writes them.
const METADATA_ORDER: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];

/// What one served version of a resource puts around stored bytes.
///
/// Built-in items of a list carry neither `kind` nor `apiVersion`; objects in watch events and
/// single objects carry both, first. Custom objects always carry both, and their lists are
/// written with sorted members, `kind` after `items`.
#[derive(Clone, Debug)]
pub(crate) struct Framing {
    pub(crate) kind: String,
    pub(crate) api_version: String,
    pub(crate) version: String,
    pub(crate) custom: bool,
    pub(crate) metadata_only: bool,
    pub(crate) drops_managed_fields: bool,
    pub(crate) printer_columns: Vec<PrinterColumn>,
    pub(crate) column_texts: Option<ColumnTexts>,
    object_head: Vec<u8>,
}

impl Framing {
    pub(crate) fn new(group: &str, found: Found<'_>) -> Self {
        let kind = found.resource.response_kind.kind.clone();
        let api_version = group_version(group, found.version);
        let object_head = if found.custom {
            format!("{{\"apiVersion\":\"{api_version}\",")
        } else {
            format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",")
        };
        Self {
            kind,
            api_version,
            version: found.version.to_owned(),
            custom: found.custom,
            metadata_only: false,
            drops_managed_fields: false,
            printer_columns: found.printer_columns.to_vec(),
            column_texts: found.column_texts.cloned(),
            object_head: object_head.into_bytes(),
        }
    }

    /// Appends an object as it stands alone or in a watch event.
    pub(crate) fn put_object(&self, out: &mut BytesMut, object: &Object) {
        self.put(out, object, &self.object_head);
    }

    /// Appends an object as it stands in a list.
    pub(crate) fn put_item(&self, out: &mut BytesMut, object: &Object) {
        self.put(
            out,
            object,
            if self.custom { &self.object_head } else { b"{" },
        );
    }

    fn put(&self, out: &mut BytesMut, object: &Object, head: &[u8]) {
        if self.metadata_only {
            out.put_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
            if self.drops_managed_fields {
                let (before, after) = object.metadata_without_managed_fields();
                out.put_slice(&before);
                out.put_slice(&after);
            } else {
                out.put_slice(&object.metadata_bytes());
            }
            out.put_u8(b'}');
        } else if object.verbatim {
            out.put_slice(&object.body);
        } else if self.drops_managed_fields {
            let (before, after) = object.without_managed_fields(&self.version);
            out.put_slice(head);
            out.put_slice(&before[1..]);
            out.put_slice(&after);
        } else {
            out.put_slice(head);
            out.put_slice(&object.body_in(&self.version)[1..]);
        }
    }

    /// Everything of a list before its first item and after its last.
    /// `metadata` is the JSON of the list's metadata members beside `resourceVersion`.
    pub(crate) fn list_frame(
        &self,
        rv: u64,
        token: Option<&str>,
        remaining: Option<u64>,
    ) -> (String, String) {
        let mut rest = String::new();
        if let Some(token) = token {
            rest.push_str(&format!(",\"continue\":\"{token}\""));
        }
        if let Some(remaining) = remaining {
            rest.push_str(&format!(",\"remainingItemCount\":{remaining}"));
        }
        if self.metadata_only {
            return (
                format!(
                    "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{{\"resourceVersion\":\"{rv}\"{rest}}},\"items\":["
                ),
                "]}\n".to_owned(),
            );
        }
        if self.custom {
            let token = token.unwrap_or_default();
            let remaining = remaining
                .map(|n| format!(",\"remainingItemCount\":{n}"))
                .unwrap_or_default();
            return (
                format!("{{\"apiVersion\":\"{}\",\"items\":[", self.api_version),
                format!(
                    "],\"kind\":\"{}List\",\"metadata\":{{\"continue\":\"{token}\"{remaining},\"resourceVersion\":\"{rv}\"}}}}\n",
                    self.kind
                ),
            );
        }
        (
            format!(
                "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{{\"resourceVersion\":\"{rv}\"{rest}}},\"items\":[",
                self.kind, self.api_version
            ),
            "]}\n".to_owned(),
        )
    }

    /// The object of a bookmark event.
    pub(crate) fn put_bookmark(&self, out: &mut BytesMut, rv: u64, end_of_initial_events: bool) {
        let annotation = if end_of_initial_events {
            r#","annotations":{"k8s.io/initial-events-end":"true"}"#
        } else {
            ""
        };
        let rest = if self.metadata_only || self.custom {
            ""
        } else {
            empty_members(&self.kind)
        };
        let (kind, api_version) = if self.metadata_only {
            ("PartialObjectMetadata", "meta.k8s.io/v1")
        } else {
            (self.kind.as_str(), self.api_version.as_str())
        };
        out.put_slice(
            format!(
                "{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{{\"resourceVersion\":\"{rv}\"{annotation}}}{rest}}}}}\n"
            )
            .as_bytes(),
        );
    }
}

/// What an object of a kind holds beside its metadata when there is nothing in it: members a real
/// server always writes.
fn empty_members(kind: &str) -> &'static str {
    match kind {
        "CustomResourceDefinition" => {
            r#","spec":{"group":"","names":{"plural":"","kind":""},"scope":"","versions":null},"status":{"conditions":null,"acceptedNames":{"plural":"","kind":""},"storedVersions":null}"#
        }
        "Deployment" => {
            r#","spec":{"replicas":0,"selector":null,"template":{"metadata":{},"spec":{"containers":null}},"strategy":{}},"status":{}"#
        }
        "Namespace" => r#","spec":{},"status":{}"#,
        "Pod" => r#","spec":{"containers":null},"status":{}"#,
        "ReplicaSet" => {
            r#","spec":{"replicas":0,"selector":null,"template":{"metadata":{},"spec":{"containers":null}}},"status":{"replicas":0}"#
        }
        "Service" => r#","spec":{},"status":{"loadBalancer":{}}"#,
        _ => "",
    }
}

/// Bytes to store for a complete object.
pub(crate) fn encode(object: &Value, custom: bool) -> Bytes {
    let Some(members) = object.as_object() else {
        return Bytes::from_static(b"{}");
    };
    let mut out = Vec::with_capacity(1024);
    out.push(b'{');
    if !custom {
        out.extend_from_slice(b"\"metadata\":");
        put_metadata(&mut out, members.get("metadata").and_then(Value::as_object));
    }
    for (key, value) in members {
        let skipped = key == "apiVersion" || (!custom && (key == "kind" || key == "metadata"));
        if !skipped {
            put_member(&mut out, key, value);
        }
    }
    out.push(b'}');
    out.into()
}

fn put_metadata(out: &mut Vec<u8>, metadata: Option<&Map<String, Value>>) {
    out.push(b'{');
    if let Some(metadata) = metadata {
        for key in METADATA_ORDER {
            if let Some(value) = metadata.get(*key) {
                put_member(out, key, value);
            }
        }
        for (key, value) in metadata
            .iter()
            .filter(|(key, _)| !METADATA_ORDER.contains(&key.as_str()))
        {
            put_member(out, key, value);
        }
    }
    out.push(b'}');
}

fn put_member(out: &mut Vec<u8>, key: &str, value: &Value) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(Value::from(key).to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(value.to_string().as_bytes());
}

/// The complete object as a JSON value; `None` when its bytes are no JSON object.
pub(crate) fn decode(object: &Object, framing: &Framing) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(object.body_in(&framing.version)).ok()?;
    let members = value.as_object_mut()?;
    members.insert("kind".to_owned(), framing.kind.as_str().into());
    members.insert("apiVersion".to_owned(), framing.api_version.as_str().into());
    Some(value)
}
