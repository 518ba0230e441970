//! The original's messages, byte for byte, and what the corrected dialect makes
//! of the same objects.

use std::path::Path;

use meshsync_model::wire::meshery::{Encoder, Fidelity};
use meshsync_model::{Change, ClusterId, Context, Deleted, Index, ObjectRef, Secrets, Tier};
use serde_json::{Value, json};

use crate::support::{CLUSTER, added, checked, encode, message, resource};

fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()))
        .trim_end()
        .to_owned()
}

/// The message for a golden object.
fn golden_message(name: &str, event: &str, fidelity: Fidelity, secrets: Secrets) -> String {
    let raw = golden(&format!("{name}.json"));
    let object: Value = serde_json::from_str(&raw).unwrap();
    let resource = resource(
        object["apiVersion"].as_str().unwrap(),
        object["kind"].as_str().unwrap(),
    );
    encode(
        &mut Encoder::new(fidelity, secrets),
        &resource,
        &raw,
        |object| match event {
            "ADDED" => Change::Added(object),
            "MODIFIED" => Change::Modified(object),
            "DELETED" => Change::Deleted(Deleted::Last(object)),
            other => panic!("no such event: {other}"),
        },
    )
}

const MESSAGES: [(&str, &str); 8] = [
    ("cm", "ADDED"),
    ("cr", "ADDED"),
    ("deploy", "ADDED"),
    ("deploy", "MODIFIED"),
    ("deploy", "DELETED"),
    ("secret", "ADDED"),
    ("svc", "ADDED"),
    ("svc", "DELETED"),
];

#[test]
fn the_exact_dialect_equals_the_original_byte_for_byte() {
    for (name, event) in MESSAGES {
        let expected = golden(&format!("{name}.{event}.json"));
        let made = golden_message(name, event, Fidelity::Exact, Secrets::Plain);
        checked(&made);
        assert_eq!(made, expected, "{name} {event}");
    }
}

#[test]
fn the_corrected_dialect_differs_in_what_is_documented_alone() {
    for (name, event) in MESSAGES {
        let mut expected = golden(&format!("{name}.{event}.json"));
        let change = match name {
            "deploy" => Some((
                r#""pattern_resource":"00000000-0000-0000-0000-000000000000""#,
                r#""pattern_resource":"11111111-2222-3333-4444-555555555555""#,
            )),
            "cr" => Some((r#""spec":{"id":"custom-id""#, r#""spec":{"id":"""#)),
            _ => None,
        };
        if let Some((from, to)) = change {
            assert!(expected.contains(from), "{expected}");
            expected = expected.replace(from, to);
        }
        let made = golden_message(name, event, Fidelity::Corrected, Secrets::Plain);
        checked(&made);
        assert_eq!(made, expected, "{name} {event}");
    }
}

#[test]
fn the_decoded_dialect_is_the_corrected_one_with_values_as_they_are() {
    for (name, event) in MESSAGES {
        let made = golden_message(name, event, Fidelity::Decoded, Secrets::Plain);
        checked(&made);
        let corrected = golden_message(name, event, Fidelity::Corrected, Secrets::Plain);
        let mut expected: Value = serde_json::from_str(&corrected).unwrap();
        for pairs in ["labels", "annotations"] {
            let pairs = expected["Object"]["metadata"].get_mut(pairs);
            for pair in pairs.and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(Value::String(value)) = pair.get_mut("value") {
                    *value = serde_json::from_str(&format!("\"{value}\"")).unwrap();
                }
            }
        }
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(made, expected, "{name} {event}");
    }
    let made = golden_message("deploy", "ADDED", Fidelity::Decoded, Secrets::Plain);
    let made: Value = serde_json::from_str(&made).unwrap();
    let note = &made["Object"]["metadata"]["annotations"][2];
    assert_eq!(note["value"], "a<b \"q\" \\ tab\t é");
}

#[test]
fn secrets_are_redacted_in_both_dialects() {
    let expected = golden("secret.ADDED.json").replace(
        r#"{\"password\":\"cGFzc3dvcmQ=\",\"username\":\"YWRtaW4=\"}"#,
        r#"{\"password\":\"[REDACTED]\",\"username\":\"[REDACTED]\"}"#,
    );
    for fidelity in [Fidelity::Exact, Fidelity::Corrected] {
        let made = golden_message("secret", "ADDED", fidelity, Secrets::Redacted);
        assert_eq!(made, expected, "{fidelity:?}");
    }
}

#[test]
fn the_copy_kubectl_keeps_of_a_secret_is_redacted_in_both_dialects() {
    let copy = r#"{"kind":"Secret","data":{"p":"c2VjcmV0"},"metadata":{"name":"<s>"}}"#;
    let annotation = "kubectl.kubernetes.io/last-applied-configuration";
    let raw = json!({
        "metadata": {"name": "s", "annotations": {annotation: copy, "a": "kept"}},
        "data": {"p": "c2VjcmV0"},
        "stringData": "c2VjcmV0",
    })
    .to_string();
    for fidelity in [Fidelity::Exact, Fidelity::Corrected] {
        let mut encoder = Encoder::new(fidelity, Secrets::Redacted);
        let object = added(&mut encoder, &resource("v1", "Secret"), &raw);
        assert_eq!(object["data"], r#"{"p":"[REDACTED]"}"#);
        assert_eq!(object["stringData"], r#""[REDACTED]""#);
        let annotations = &object["metadata"]["annotations"];
        assert_eq!(annotations[0]["value"], "kept");
        assert_eq!(
            annotations[1]["value"],
            r#"{\"kind\":\"Secret\",\"data\":{\"p\":\"W1JFREFDVEVEXQ==\"},\"metadata\":{\"name\":\"\u003cs\u003e\"}}"#
        );
        let mut plain = Encoder::new(fidelity, Secrets::Plain);
        let object = added(&mut plain, &resource("v1", "Secret"), &raw);
        assert!(object.to_string().contains("c2VjcmV0"));
        let object = added(&mut encoder, &resource("v1", "ConfigMap"), &raw);
        assert_eq!(object["data"], r#"{"p":"c2VjcmV0"}"#);
    }
}

#[test]
fn a_partial_delete_carries_what_the_servers_key_is_made_of() {
    let gone = ObjectRef {
        namespace: Some("shop"),
        name: "web",
        uid: "u-1",
    };
    let change = Change::Deleted(Deleted::Partial(gone));
    for fidelity in [Fidelity::Exact, Fidelity::Corrected] {
        let mut encoder = Encoder::new(fidelity, Secrets::Redacted);
        let made = message(
            &mut encoder,
            CLUSTER,
            &resource("apps/v1", "Deployment"),
            &change,
        );
        checked(&made);
        assert_eq!(
            made,
            r#"{"ObjectType":"meshsync-data","EventType":"DELETED","Request":null,"Object":{"id":"","apiVersion":"apps/v1","kind":"Deployment","model":"","metadata":{"id":"","name":"web","namespace":"shop","uid":"u-1","cluster_id":""},"cluster_id":"4ea3c8b1-2f64-4f0e-9d6e-0c2a1f7e5b3d","pattern_resource":null,"component_metadata":null}}"#
        );
    }
}

#[test]
fn there_is_no_message_that_a_resource_is_synced() {
    let scope = ClusterId::new(CLUSTER).unwrap();
    let context = Context {
        scope: &scope,
        resource: &resource("v1", "Pod"),
        tier: Tier::Detail,
        observed: jiff::Timestamp::UNIX_EPOCH,
        reason: None,
    };
    let synced = Change::Synced {
        objects: 3,
        resource_version: "9",
    };
    let mut out = b"kept".to_vec();
    let mut encoder = Encoder::new(Fidelity::default(), Secrets::default());
    assert!(!encoder.encode(&mut out, &context, &synced));
    assert_eq!(out, b"kept");
}

#[test]
fn what_a_tenant_names_like_our_fields_leaks_in_the_exact_dialect_alone() {
    let raw = r#"{"id":"x","ID":"y","Model":"m","cluster_id":"evil","pattern_resource":"11111111-2222-3333-4444-555555555555","component_metadata":{"a":1},"metadata":{"name":"n","uid":"u","id":"mid"},"spec":{"Id":"sid","a":1},"status":{"id":5}}"#;
    let widgets = resource("example.org/v1", "Widget");
    let exact = added(
        &mut Encoder::new(Fidelity::Exact, Secrets::Plain),
        &widgets,
        raw,
    );
    assert_eq!([&exact["id"], &exact["model"]], ["x", "m"]);
    assert_eq!(
        [&exact["metadata"]["id"], &exact["spec"]["id"]],
        ["mid", "sid"]
    );
    assert_eq!(exact["status"]["id"], "");
    let ours = added(
        &mut Encoder::new(Fidelity::Corrected, Secrets::Plain),
        &widgets,
        raw,
    );
    for id in [
        &ours["id"],
        &ours["model"],
        &ours["metadata"]["id"],
        &ours["spec"]["id"],
        &ours["status"]["id"],
    ] {
        assert_eq!(id, "");
    }
    for object in [exact, ours] {
        assert_eq!(object["cluster_id"], CLUSTER);
        assert!(object["pattern_resource"].is_null());
        assert!(object["component_metadata"].is_null());
    }
}

#[test]
fn a_design_label_is_an_id_when_it_parses() {
    const ZERO: &str = "00000000-0000-0000-0000-000000000000";
    for (label, exact, ours) in [
        (
            "AAAAAAAA-bbbb-4ccc-8ddd-EEEEEEEEEEEE",
            ZERO,
            Some("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
        ),
        (ZERO, ZERO, None),
        ("not-an-id", ZERO, None),
        ("", ZERO, None),
        ("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeeg", ZERO, None),
        ("aaaaaaaabbbb-4ccc-8ddd-eeeeeeeeeeee0", ZERO, None),
        (
            "sixteen-letters!",
            "73697874-6565-6e2d-6c65-747465727321",
            None,
        ),
    ] {
        let raw = json!({"metadata": {"labels": {"design.meshery.io/id": label}}}).to_string();
        for (fidelity, expected) in [(Fidelity::Exact, Some(exact)), (Fidelity::Corrected, ours)] {
            let mut encoder = Encoder::new(fidelity, Secrets::Plain);
            let object = added(&mut encoder, &resource("v1", "Pod"), &raw);
            assert_eq!(
                object["pattern_resource"].as_str(),
                expected,
                "{label} {fidelity:?}"
            );
        }
    }
}

#[test]
fn a_service_of_knative_is_no_service_of_the_core() {
    let raw = r#"{"metadata":{"name":"n"},"spec":{"template":{}}}"#;
    let knative = resource("serving.knative.dev/v1", "Service");
    let object = added(
        &mut Encoder::new(Fidelity::Exact, Secrets::Plain),
        &knative,
        raw,
    );
    assert_eq!(
        object["component_metadata"],
        json!({"capabilities": {"connection": true, "urls": ["http://:0"]}})
    );
    let mut encoder = Encoder::new(Fidelity::Corrected, Secrets::Plain);
    let object = added(&mut encoder, &knative, raw);
    assert!(object["component_metadata"].is_null());
}

#[test]
fn null_is_left_out_where_the_original_crashes_or_says_null() {
    let raw = r#"{"metadata":{"name":"n","finalizers":null,"labels":null,"generation":null},"spec":null,"status":null,"data":null,"type":null}"#;
    let mut index = Index::new();
    assert!(index.parse(raw.as_bytes()).is_ok());
    let maps = resource("v1", "ConfigMap");
    let exact = added(
        &mut Encoder::new(Fidelity::Exact, Secrets::Plain),
        &maps,
        raw,
    );
    assert_eq!([&exact["data"], &exact["type"]], ["null", "null"]);
    assert_eq!(exact["metadata"]["finalizers"], "null");
    let ours = added(
        &mut Encoder::new(Fidelity::Corrected, Secrets::Plain),
        &maps,
        raw,
    );
    for absent in ["data", "type"] {
        assert!(ours.get(absent).is_none(), "{absent}");
    }
    assert!(ours["metadata"].get("finalizers").is_none());
    for object in [exact, ours] {
        assert!(object.get("spec").is_none() && object.get("status").is_none());
        assert!(object["metadata"].get("labels").is_none());
        assert!(object["metadata"].get("generation").is_none());
    }
}
