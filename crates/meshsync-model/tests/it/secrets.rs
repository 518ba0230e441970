//! No value of a Secret leaves, however its object is written.

use meshsync_model::wire::meshery::Encoder;
use meshsync_model::wire::record;
use meshsync_model::{Index, Secrets};
use serde_json::Value;

use crate::support::{DIALECTS, added, resource};

const VALUE: &str = "c2VjcmV0LXZhbHVl";

fn record(raw: &str, secrets: Secrets) -> String {
    let mut index = Index::new();
    let object = index.parse(raw.as_bytes()).unwrap();
    let mut out = Vec::new();
    record::push_object(&mut out, &resource("v1", "Secret"), &object, secrets);
    String::from_utf8(out).unwrap()
}

/// The same names, spelled with escapes.
fn escaped(raw: &str) -> String {
    [
        ("\"metadata\"", r#""m\u0065tadata""#),
        ("\"name\"", r#""n\u0061me""#),
        ("\"uid\"", r#""u\u0069d""#),
        ("\"annotations\"", r#""annotation\u0073""#),
        ("\"managedFields\"", r#""managed\u0046ields""#),
        ("\"resourceVersion\"", r#""resource\u0056ersion""#),
        ("\"data\"", r#""d\u0061ta""#),
        ("\"kind\"", r#""k\u0069nd""#),
        ("\"type\"", r#""typ\u0065""#),
    ]
    .iter()
    .fold(raw.to_owned(), |raw, (plain, escaped)| {
        assert!(raw.contains(plain), "{plain}");
        raw.replace(plain, escaped)
    })
}

const SECRET: &str = r#"{"kind":"Secret","metadata":{"name":"s","uid":"u","resourceVersion":"7","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"p\":\"c2VjcmV0LXZhbHVl\"}}"},"managedFields":[{"c2VjcmV0LXZhbHVl":1}]},"data":{"p":"c2VjcmV0LXZhbHVl"},"type":"Opaque"}"#;

#[test]
fn escaped_names_evade_nothing() {
    let raw = escaped(SECRET);
    let mut index = Index::new();
    let object = index.parse(raw.as_bytes()).unwrap();
    assert!(object.has_metadata());
    let head = (object.name(), object.uid(), object.resource_version());
    assert_eq!(head, ("s", "u", "7"));
    assert_eq!(object.member("type"), Some("\"Opaque\""));
    assert!(object.metadata("managedFields").is_some());

    let text = record(&raw, Secrets::Redacted);
    assert!(!text.contains(VALUE), "{text}");
    // serde_json decodes the names: the two say the same.
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(&text), parsed(&record(SECRET, Secrets::Redacted)));
    let hash = |version: &str| {
        let raw = raw.replace("\"7\"", version);
        let mut index = Index::new();
        let object = index.parse(raw.as_bytes()).unwrap();
        let secrets = resource("v1", "Secret");
        record::push_object(&mut Vec::new(), &secrets, &object, Secrets::Redacted)
    };
    assert_eq!(hash("\"7\""), hash("\"8\""), "without the version");
}

#[test]
fn messages_say_the_same_however_names_are_written() {
    for (fidelity, secrets) in DIALECTS {
        let mut encoder = Encoder::new(fidelity, secrets);
        let secret = resource("v1", "Secret");
        let plain = added(&mut encoder, &secret, SECRET);
        assert_eq!(added(&mut encoder, &secret, &escaped(SECRET)), plain);
        assert_eq!(
            secrets == Secrets::Plain,
            plain.to_string().contains(VALUE),
            "{plain}"
        );
    }
}

#[test]
fn an_event_with_escaped_names_is_an_event() {
    let line = format!(r#"{{"typ\u0065":"ADD\u0045D","\u006fbject":{SECRET}}}"#);
    let mut index = Index::new();
    let event = index.parse_event(line.as_bytes()).unwrap();
    assert_eq!(event.r#type, meshsync_model::WatchEventType::Added);
    assert_eq!(event.object.name(), "s");
}

/// An error with its causes, and as a debugger shows it.
fn said(error: &meshsync_model::ParseError) -> String {
    format!("{} {error:?}", meshsync_model::error_chain(error))
}

#[test]
fn errors_repeat_nothing_of_an_object() {
    for object in [
        r#""c2VjcmV0LXZhbHVl""#,
        r#"{"metadata":"c2VjcmV0LXZhbHVl"}"#,
        r#"{"metadata":["c2VjcmV0LXZhbHVl"]}"#,
        r#"{"metadata":{"name":["c2VjcmV0LXZhbHVl"]}}"#,
        r#"{"metadata":{"uid":{"c2VjcmV0LXZhbHVl":1}}}"#,
        r#"{"data":{"p":"c2VjcmV0LXZhbHVl"#,
        r#"{"data":{"p":"c2VjcmV0LXZhbHVl"} "x"}"#,
    ] {
        let mut index = Index::new();
        let error = index.parse(object.as_bytes()).unwrap_err();
        assert!(!said(&error).contains(VALUE), "{error:?}");
        let line = format!(r#"{{"type":"ADDED","object":{object}}}"#);
        let error = index.parse_event(line.as_bytes()).unwrap_err();
        assert!(!said(&error).contains(VALUE), "{error:?}");
    }
}

#[test]
fn errors_are_short_whatever_they_are_about() {
    let long = "x".repeat(1 << 20);
    for (line, says) in [
        (r#"{"type":"NEW","object":{}}"#.to_owned(), "NEW"),
        (
            format!(r#"{{"type":"{long}","object":{{}}}}"#),
            "1048576 bytes",
        ),
        (r#"{"type":5,"object":{}}"#.to_owned(), "type"),
        (r#"{"object":{}}"#.to_owned(), "type"),
        (r#"{"type":"ADDED"}"#.to_owned(), "object"),
        (
            format!(
                r#"{{"type":"ADDED","object":{{"metadata":{{"name":{}}}}}}}"#,
                "5".repeat(1 << 20)
            ),
            "metadata.name",
        ),
    ] {
        let mut index = Index::new();
        let error = index.parse_event(line.as_bytes()).unwrap_err();
        let said = said(&error);
        assert!(said.contains(says), "{says}: {said}");
        assert!(said.len() < 400, "{} bytes", said.len());
    }
}
