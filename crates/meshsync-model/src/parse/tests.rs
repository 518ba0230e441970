use super::*;

const POD: &str = r#"{"kind":"Pod","metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7","labels":{"x":"y \"q\""},"managedFields":[{"a":{}}]},"spec":{"x":[1,2]}}"#;

#[test]
fn head_is_parsed_and_the_rest_is_sliced() {
    let mut index = Index::new();
    let pod = index.parse(POD.as_bytes()).unwrap();
    assert_eq!(pod.name(), "a");
    assert_eq!(pod.namespace(), Some("n"));
    assert_eq!(pod.uid(), "u");
    assert_eq!(pod.resource_version(), "7");
    assert_eq!(pod.member("spec"), Some(r#"{"x":[1,2]}"#));
    assert_eq!(pod.metadata("managedFields"), Some(r#"[{"a":{}}]"#));
    let labels: Vec<_> = pod.labels().collect();
    assert_eq!(labels, [("x".into(), "y \"q\"".into())]);
}

#[test]
fn event_keys_may_come_in_any_order() {
    let mut index = Index::new();
    for line in [
        format!(r#"{{"type":"ADDED","object":{POD}}}"#),
        format!(r#"{{"object":{POD},"extra":1,"type":"ADDED"}}"#),
    ] {
        let event = index.parse_event(line.as_bytes()).unwrap();
        assert_eq!(event.r#type, WatchEventType::Added);
        assert_eq!(event.object.name(), "a");
        assert_eq!(event.object.member("spec"), Some(r#"{"x":[1,2]}"#));
    }
}

#[test]
fn malformed_input_is_an_error_that_says_where() {
    let check = |raw: &[u8], message: &str| {
        let mut index = Index::new();
        let error = index.parse(raw).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    check(&POD.as_bytes()[..40], "invalid JSON at byte");
    check(b"{\"metadata\":5}", "invalid JSON at byte");
    check(
        b"{\"metadata\":{\"name\":5}}",
        "metadata.name is 5, expected a string",
    );
    check(b"{\"metadata\":{\"name\":\"\xff\"}}", "at byte 21");
    check(b"[]", "invalid JSON");
    let mut index = Index::new();
    assert!(index.parse_event(br#"{"type":"ADDED"}"#).is_err());
    assert!(index.parse_event(br#"{"type":"NEW","object":{}}"#).is_err());
    assert!(!index.parse(br#"{"metadata":null}"#).unwrap().has_metadata());
}
