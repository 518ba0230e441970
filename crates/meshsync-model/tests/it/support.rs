//! Encoding in one step, and what the contract says of a message's types.

use meshsync_model::wire::meshery::{Encoder, Fidelity};
use meshsync_model::{Change, ClusterId, Context, Gvk, Index, Object, Resource, Secrets, Tier};
use serde_json::{Map, Value};

pub(crate) const CLUSTER: &str = "4ea3c8b1-2f64-4f0e-9d6e-0c2a1f7e5b3d";

pub(crate) const DIALECTS: [(Fidelity, Secrets); 6] = [
    (Fidelity::Exact, Secrets::Plain),
    (Fidelity::Exact, Secrets::Redacted),
    (Fidelity::Corrected, Secrets::Plain),
    (Fidelity::Corrected, Secrets::Redacted),
    (Fidelity::Decoded, Secrets::Plain),
    (Fidelity::Decoded, Secrets::Redacted),
];

/// A resource by `apiVersion` and kind; the rest of it has no part in a message.
pub(crate) fn resource(api_version: &str, kind: &str) -> Resource {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    Resource::new(Gvk::new(group, version, kind), "things", true)
}

pub(crate) fn message(
    encoder: &mut Encoder,
    cluster: &str,
    resource: &Resource,
    change: &Change<'_>,
) -> String {
    let scope = ClusterId::new(cluster).unwrap();
    let context = Context {
        scope: &scope,
        resource,
        tier: Tier::Detail,
        observed: jiff::Timestamp::UNIX_EPOCH,
        reason: None,
    };
    let mut out = b"before".to_vec();
    assert!(encoder.encode(&mut out, &context, change));
    String::from_utf8(out)
        .unwrap()
        .strip_prefix("before")
        .unwrap()
        .to_owned()
}

/// The message for an object that is given as text.
pub(crate) fn encode(
    encoder: &mut Encoder,
    resource: &Resource,
    raw: &str,
    change: impl for<'a> Fn(&'a Object<'a>) -> Change<'a>,
) -> String {
    let mut index = Index::new();
    let object = index.parse(raw.as_bytes()).unwrap();
    message(encoder, CLUSTER, resource, &change(&object))
}

/// The `Object` of the message that says an object was added.
pub(crate) fn added(encoder: &mut Encoder, resource: &Resource, raw: &str) -> Value {
    let text = encode(encoder, resource, raw, |object| Change::Added(object));
    checked(&text)["Object"].clone()
}

/// Parses a message and asserts that it is one line and that everything in it
/// has the type the server decodes it to.
pub(crate) fn checked(text: &str) -> Value {
    assert!(!text.contains(['\n', '\r']), "more than one line: {text}");
    let message: Value = serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("failed to parse the message {text}: {error}"));
    let envelope = message.as_object().unwrap();
    assert_eq!(envelope.len(), 4);
    assert_eq!(envelope["ObjectType"], "meshsync-data");
    assert!(envelope["Request"].is_null());
    let object = members(
        &message["Object"],
        &["id", "apiVersion", "kind", "model", "cluster_id"],
        &["immutable", "data", "binaryData", "stringData", "type"],
        &[
            "metadata",
            "spec",
            "status",
            "pattern_resource",
            "component_metadata",
        ],
    );
    for field in ["spec", "status"] {
        if let Some(nested) = object.get(field) {
            members(nested, &["id"], &["attribute"], &[]);
        }
    }
    let pattern = &object["pattern_resource"];
    assert!(pattern.is_null() || pattern.as_str().is_some_and(|id| id.len() == 36));
    let component = &object["component_metadata"];
    assert!(component.is_null() || component["capabilities"]["urls"].is_array());
    let metadata = members(
        &object["metadata"],
        &["id", "uid", "cluster_id"],
        &[
            "name",
            "generateName",
            "namespace",
            "selfLink",
            "resourceVersion",
            "creationTimestamp",
            "deletionTimestamp",
            "ownerReferences",
            "finalizers",
            "clusterName",
        ],
        &[
            "generation",
            "deletionGracePeriodSeconds",
            "labels",
            "annotations",
        ],
    );
    for field in ["generation", "deletionGracePeriodSeconds"] {
        assert!(metadata.get(field).is_none_or(Value::is_i64), "{field}");
    }
    for field in ["labels", "annotations"] {
        if let Some(pairs) = metadata.get(field) {
            let pairs = pairs.as_array().unwrap();
            assert!(!pairs.is_empty());
            for pair in pairs {
                members(pair, &["id", "unique_id", "kind"], &["key", "value"], &[]);
            }
        }
    }
    message
}

/// The members of an object of which some must be strings and some may be, none
/// of the latter empty, and nothing is unknown.
fn members<'a>(
    value: &'a Value,
    always: &[&str],
    optional: &[&str],
    others: &[&str],
) -> &'a Map<String, Value> {
    let object = value.as_object().unwrap();
    for name in always {
        assert!(object[*name].is_string(), "{name}: {}", object[*name]);
    }
    for (name, value) in object {
        let name = name.as_str();
        if optional.contains(&name) {
            let text = value.as_str();
            assert!(text.is_some_and(|text| !text.is_empty()), "{name}: {value}");
        } else {
            assert!(always.contains(&name) || others.contains(&name), "{name}");
        }
    }
    object
}
