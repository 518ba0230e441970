//! Our own format: one JSON object a line, the whole object in it.
//!
//! ```json
//! {"event":"ADDED","platform":"kubernetes","scope":"4ea3…","tier":"detail",
//!  "observed":"2026-11-22T12:00:00.000001Z","hash":"…32 hex digits…","object":{"apiVersion":"v1","kind":"Pod","metadata":{…},"spec":{…}}}
//! ```
//!
//! `object` is the object as the server sent it, minus `metadata.managedFields`,
//! with `apiVersion` and `kind` first (items of a list carry neither) and Secret
//! values redacted; nothing else is dropped or changed. A delete whose last
//! state is not known has `"partial":true` and an `object` of identity alone,
//! without `hash`. A delete of what the cluster may still have says why it leaves:
//! `"reason":"unselected"`. `SYNCED` has no object but `resource`, `objects` and
//! `resourceVersion`; the one without `resource` says that every resource has
//! been sent in full.

use crate::design::Marks;
use crate::redact::{placeholder_for, push_redacted_annotations, push_redacted_map};
use crate::text::{push_json_string, push_on_one_line};
use crate::{
    Change, ClusterId, ContentHash, Context, Deleted, EventType, Object, ObjectRef, Reason,
    Resource, ResourceId, Secrets,
};

/// Appends the object as a record carries it and returns the hash of it.
pub fn push_object(
    out: &mut Vec<u8>,
    resource: &Resource,
    object: &Object<'_>,
    secrets: Secrets,
) -> ContentHash {
    let redact = secrets == Secrets::Redacted && resource.is_secret();
    let start = out.len();
    push_type(out, resource);
    out.extend_from_slice(b",\"metadata\":{");
    let version = push_metadata(out, object, redact);
    out.push(b'}');
    for member in object.members() {
        let name = member.name();
        if matches!(&*name, "kind" | "apiVersion") {
            continue;
        }
        out.push(b',');
        out.extend_from_slice(member.key.as_bytes());
        out.push(b':');
        match placeholder_for(&name).filter(|_| redact) {
            Some(placeholder) => push_redacted_map(out, member.value, placeholder),
            None => push_on_one_line(out, member.value),
        }
    }
    out.push(b'}');
    match version {
        Some(version) => ContentHash::of_parts(&[&out[start..version.start], &out[version.end..]]),
        None => ContentHash::of_parts(&[&out[start..]]),
    }
}

/// Appends the members of `metadata`; returns where `resourceVersion` lies, with
/// one of its commas.
fn push_metadata(
    out: &mut Vec<u8>,
    object: &Object<'_>,
    redact: bool,
) -> Option<std::ops::Range<usize>> {
    let mut version = None;
    let mut first = true;
    for member in object.metadata_members() {
        let name = member.name();
        if name == "managedFields" {
            continue;
        }
        let start = out.len();
        if !first {
            out.push(b',');
        }
        out.extend_from_slice(member.key.as_bytes());
        out.push(b':');
        if redact && name == "annotations" {
            push_redacted_annotations(out, member.value);
        } else {
            push_on_one_line(out, member.value);
        }
        if name == "resourceVersion" {
            version = Some((start, out.len(), first));
        }
        first = false;
    }
    version.map(|(start, end, first)| {
        // The first member has its comma behind it, if it has one.
        let comma = usize::from(first && out.get(end) == Some(&b','));
        start..end + comma
    })
}

fn push_type(out: &mut Vec<u8>, resource: &Resource) {
    out.extend_from_slice(b"{\"apiVersion\":");
    push_json_string(out, &resource.gvk.api_version());
    out.extend_from_slice(b",\"kind\":");
    push_json_string(out, &resource.gvk.kind);
}

/// Appends an object of identity alone, as a partial delete carries it.
pub fn push_identity(out: &mut Vec<u8>, resource: &Resource, object: ObjectRef<'_>) {
    push_type(out, resource);
    out.extend_from_slice(b",\"metadata\":{\"name\":");
    push_json_string(out, object.name);
    if let Some(namespace) = object.namespace {
        out.extend_from_slice(b",\"namespace\":");
        push_json_string(out, namespace);
    }
    if !object.uid.is_empty() {
        out.extend_from_slice(b",\"uid\":");
        push_json_string(out, object.uid);
    }
    out.extend_from_slice(b"}}");
}

/// Where a record comes from that is made of what other records of its source
/// said.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// What kind of source it is.
    pub platform: &'a str,
    /// The cluster, or what else it is.
    pub scope: &'a str,
    /// How much of the resource is observed.
    pub tier: &'a str,
    /// When it was found out.
    pub observed: jiff::Timestamp,
}

impl Origin<'_> {
    fn push(&self, out: &mut Vec<u8>, event: EventType) {
        out.extend_from_slice(b"{\"event\":\"");
        out.extend_from_slice(event.as_str().as_bytes());
        out.extend_from_slice(b"\",\"platform\":");
        push_json_string(out, self.platform);
        out.extend_from_slice(b",\"scope\":");
        push_json_string(out, self.scope);
        out.extend_from_slice(b",\"tier\":");
        push_json_string(out, self.tier);
        out.extend_from_slice(b",\"observed\":\"");
        out.extend_from_slice(self.observed.to_string().as_bytes());
        out.push(b'"');
    }
}

/// Appends the record of an object that was not there any more when somebody
/// looked again: a partial delete.
pub fn push_missed(out: &mut Vec<u8>, origin: &Origin<'_>, resource: &Resource, of: ObjectRef<'_>) {
    origin.push(out, EventType::Deleted);
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(Reason::Missed.as_str().as_bytes());
    out.extend_from_slice(b"\",\"partial\":true,\"object\":");
    push_identity(out, resource, of);
    out.push(b'}');
}

/// Appends a `SYNCED` that says once more how many objects of a resource there
/// are, of no particular version.
pub fn push_count(out: &mut Vec<u8>, origin: &Origin<'_>, resource: &Resource, objects: u64) {
    origin.push(out, EventType::Synced);
    push_synced(out, resource, objects, "");
    out.push(b'}');
}

/// Appends one record, without a line end.
///
/// `emitted` is the object as [`push_object`] made it, where the change has one;
/// making it once serves the hash and every sink.
pub fn push_record(
    out: &mut Vec<u8>,
    context: &Context<'_>,
    change: &Change<'_>,
    emitted: Option<(&[u8], ContentHash)>,
) {
    out.extend_from_slice(b"{\"event\":\"");
    out.extend_from_slice(change.event().as_str().as_bytes());
    out.push(b'"');
    push_scope(out, context.scope);
    out.extend_from_slice(b",\"tier\":\"");
    out.extend_from_slice(context.tier.as_str().as_bytes());
    out.extend_from_slice(b"\",\"observed\":\"");
    out.extend_from_slice(context.observed.to_string().as_bytes());
    out.push(b'"');
    if let Some(reason) = context
        .reason
        .filter(|_| matches!(change, Change::Deleted(_)))
    {
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(reason.as_str().as_bytes());
        out.push(b'"');
    }
    match (change, emitted) {
        (
            Change::Synced {
                objects,
                resource_version,
            },
            _,
        ) => {
            push_synced(out, context.resource, *objects, resource_version);
        }
        (Change::Deleted(Deleted::Partial(object)), _) => {
            out.extend_from_slice(b",\"partial\":true,\"object\":");
            push_identity(out, context.resource, *object);
        }
        (_, Some((object, hash))) => {
            out.extend_from_slice(b",\"hash\":\"");
            out.extend_from_slice(hash.to_string().as_bytes());
            out.push(b'"');
            let marks = change.object().and_then(Marks::of);
            if let Some(marks) = marks.filter(|marks| !marks.design.is_empty()) {
                out.extend_from_slice(b",\"design\":");
                push_json_string(out, &marks.design);
            }
            out.extend_from_slice(b",\"object\":");
            out.extend_from_slice(object);
        }
        (_, None) => {
            // No caller does this; identity is the most that can be said then.
            out.extend_from_slice(b",\"partial\":true,\"object\":");
            if let Some(object) = change.object_ref() {
                push_identity(out, context.resource, object);
            } else {
                out.extend_from_slice(b"{}");
            }
        }
    }
    out.push(b'}');
}

/// Where it comes from. A platform's name needs no escapes.
fn push_scope(out: &mut Vec<u8>, scope: &ClusterId) {
    out.extend_from_slice(b",\"platform\":\"");
    out.extend_from_slice(scope.platform().as_str().as_bytes());
    out.extend_from_slice(b"\",\"scope\":");
    push_json_string(out, scope.as_str());
}

fn push_synced(out: &mut Vec<u8>, resource: &Resource, objects: u64, version: &str) {
    out.extend_from_slice(b",\"resource\":{\"group\":");
    push_json_string(out, &resource.gvk.group);
    out.extend_from_slice(b",\"version\":");
    push_json_string(out, &resource.gvk.version);
    out.extend_from_slice(b",\"kind\":");
    push_json_string(out, &resource.gvk.kind);
    out.extend_from_slice(b",\"plural\":");
    push_json_string(out, &resource.plural);
    out.extend_from_slice(b"},\"objects\":");
    out.extend_from_slice(itoa::Buffer::new().format(objects).as_bytes());
    out.extend_from_slice(b",\"resourceVersion\":");
    push_json_string(out, version);
}

/// Appends the record that says that every resource has been sent in full: a
/// `SYNCED` without `resource`.
pub fn push_full_sync(
    out: &mut Vec<u8>,
    scope: &ClusterId,
    observed: jiff::Timestamp,
    objects: u64,
    (observed_resources, unavailable): (&[ResourceId], &[String]),
) {
    out.extend_from_slice(b"{\"event\":\"SYNCED\"");
    push_scope(out, scope);
    out.extend_from_slice(b",\"observed\":\"");
    out.extend_from_slice(observed.to_string().as_bytes());
    out.extend_from_slice(b"\",\"objects\":");
    out.extend_from_slice(itoa::Buffer::new().format(objects).as_bytes());
    let names = observed_resources.iter().map(ToString::to_string);
    push_names(out, "resources", names);
    push_names(out, "unavailable", unavailable.iter().cloned());
    out.push(b'}');
}

fn push_names(out: &mut Vec<u8>, member: &str, names: impl Iterator<Item = String>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":[");
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_json_string(out, &name);
    }
    out.push(b']');
}

/// Appends one record in one step. See [`push_object`] and [`push_record`] for
/// the two steps of the hot path.
pub fn encode(out: &mut Vec<u8>, context: &Context<'_>, change: &Change<'_>, secrets: Secrets) {
    let mut body = Vec::new();
    let emitted = change.object().map(|object| {
        let hash = push_object(&mut body, context.resource, object, secrets);
        (body.as_slice(), hash)
    });
    push_record(out, context, change, emitted);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::RecordHead;
    use crate::{Gvk, Index};

    fn object(resource: &Resource, raw: &str, secrets: Secrets) -> (String, ContentHash) {
        let mut index = Index::new();
        let object = index.parse(raw.as_bytes()).unwrap();
        let mut out = Vec::new();
        let hash = push_object(&mut out, resource, &object, secrets);
        (String::from_utf8(out).unwrap(), hash)
    }

    fn resource(kind: &str, plural: &str) -> Resource {
        Resource::new(Gvk::new("", "v1", kind), plural, true)
    }

    #[test]
    fn everything_but_managed_fields_is_kept() {
        let raw = r#"{"metadata":{"name":"a","managedFields":[1],"resourceVersion":"5","x":1},"spec":null,"odd":{"é":[1.0,1e5]},"kind":"Pod"}"#;
        let (text, _) = object(&resource("Pod", "pods"), raw, Secrets::Redacted);
        assert_eq!(
            text,
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","resourceVersion":"5","x":1},"spec":null,"odd":{"é":[1.0,1e5]}}"#
        );
    }

    #[test]
    fn hash_ignores_resource_version_and_managed_fields_wherever_they_stand() {
        let pods = resource("Pod", "pods");
        let hash = |raw: &str| object(&pods, raw, Secrets::Redacted).1;
        let reference = hash(r#"{"metadata":{"name":"a","uid":"u"},"spec":1}"#);
        for raw in [
            r#"{"metadata":{"resourceVersion":"1","name":"a","uid":"u"},"spec":1}"#,
            r#"{"metadata":{"name":"a","resourceVersion":"22","uid":"u"},"spec":1}"#,
            r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","uid":"u","resourceVersion":"3"},"spec":1}"#,
            r#"{"metadata":{"managedFields":[],"resourceVersion":"1","name":"a","uid":"u"},"spec":1}"#,
        ] {
            assert_eq!(hash(raw), reference, "{raw}");
        }
        assert_ne!(
            hash(r#"{"metadata":{"name":"a","uid":"u"},"spec":2}"#),
            reference
        );
    }

    #[test]
    fn pretty_json_becomes_one_line() {
        let raw = "{\n \"metadata\": {\n \"name\": \"a\",\n \"labels\": {\n \"x\": \"y z\" } },\n \"spec\": {\n \"a\": [ 1,\n 2 ] } }";
        let (text, _) = object(&resource("Pod", "pods"), raw, Secrets::Redacted);
        assert!(!text.contains('\n'));
        assert!(
            text.contains(r#""x":"y z""#) && text.contains(r#"{"a":[1,2]}"#),
            "{text}"
        );
    }

    #[test]
    fn secret_values_are_redacted_unless_plain_is_asked_for() {
        let raw = r#"{"metadata":{"name":"s"},"data":{"p":"c2VjcmV0"},"type":"Opaque"}"#;
        let secrets = resource("Secret", "secrets");
        let (text, _) = object(&secrets, raw, Secrets::Redacted);
        assert!(
            text.contains(r#""data":{"p":"W1JFREFDVEVEXQ=="}"#),
            "{text}"
        );
        let (text, _) = object(&secrets, raw, Secrets::Plain);
        assert!(text.contains("c2VjcmV0"));
        let (text, _) = object(&resource("ConfigMap", "configmaps"), raw, Secrets::Redacted);
        assert!(text.contains("c2VjcmV0"), "only Secrets are redacted");
    }

    #[test]
    fn what_is_made_of_other_records_reads_as_any_other() {
        let resource = Resource::new(Gvk::new("", "v1", "Container"), "containers", true);
        let origin = Origin {
            platform: "docker",
            scope: "a \"host\"",
            tier: "detail",
            observed: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut record = Vec::new();
        let object = ObjectRef {
            namespace: Some("n"),
            name: "a",
            uid: "u",
        };
        push_missed(&mut record, &origin, &resource, object);
        let head = RecordHead::parse(&record).unwrap();
        assert_eq!((&*head.event, &*head.reason), ("DELETED", "missed"));
        assert_eq!((&*head.platform, &*head.scope), ("docker", "a \"host\""));
        assert!(head.partial);
        assert_eq!(&*head.object.unwrap().metadata.uid, "u");
        let mut record = Vec::new();
        push_count(&mut record, &origin, &resource, 7);
        let marker: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(marker["event"], "SYNCED");
        assert_eq!(marker["resource"]["plural"], "containers");
        assert_eq!(
            (&marker["objects"], &marker["resourceVersion"]),
            (&7.into(), &"".into())
        );
    }

    #[test]
    fn records_are_valid_json_lines() {
        let scope = ClusterId::new("cluster \"1\"").unwrap();
        let pods = resource("Pod", "pods");
        let context = Context {
            scope: &scope,
            resource: &pods,
            tier: crate::Tier::Detail,
            observed: jiff::Timestamp::UNIX_EPOCH,
            reason: None,
        };
        let gone = ObjectRef {
            namespace: Some("n"),
            name: "a",
            uid: "u",
        };
        let mut index = Index::new();
        let object = index.parse(br#"{"metadata":{"name":"a"}}"#).unwrap();
        for (change, expected) in [
            (
                Change::Added(&object),
                r#"{"event":"ADDED","platform":"kubernetes","scope":"cluster \"1\"","tier":"detail","observed":"1970-01-01T00:00:00Z","hash":"#,
            ),
            (
                Change::Deleted(Deleted::Partial(gone)),
                r#"{"event":"DELETED","platform":"kubernetes","scope":"cluster \"1\"","tier":"detail","observed":"1970-01-01T00:00:00Z","partial":true,"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n","uid":"u"}}}"#,
            ),
            (
                Change::Synced {
                    objects: 3,
                    resource_version: "9",
                },
                r#"{"event":"SYNCED","platform":"kubernetes","scope":"cluster \"1\"","tier":"detail","observed":"1970-01-01T00:00:00Z","resource":{"group":"","version":"v1","kind":"Pod","plural":"pods"},"objects":3,"resourceVersion":"9"}"#,
            ),
        ] {
            let mut out = Vec::new();
            encode(&mut out, &context, &change, Secrets::Redacted);
            let text = String::from_utf8(out).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            assert!(text.starts_with(expected), "{text}");
        }
        let context = Context {
            reason: Some(Reason::Unselected),
            ..context
        };
        for (change, says) in [
            (Change::Added(&object), false),
            (Change::Deleted(Deleted::Partial(gone)), true),
            (Change::Deleted(Deleted::Last(&object)), true),
        ] {
            let mut out = Vec::new();
            encode(&mut out, &context, &change, Secrets::Redacted);
            let head = RecordHead::parse(&out).unwrap();
            assert_eq!(head.reason == "unselected", says, "{}", change.event());
        }
    }
}
