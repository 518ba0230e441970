//! Objects nobody honest makes.

use meshsync_model::wire::meshery::{Encoder, Fidelity};
use meshsync_model::{Change, Deleted, Object, Secrets};

use crate::support::{DIALECTS, added, checked, encode, resource};

#[test]
fn objects_nested_without_measure_make_a_message() {
    let depth = 5_000;
    for (open, close) in [("[", "]"), ("{\"b\":", "}"), ("[{\"b\":1,\"a\":", "}]")] {
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let raw = format!(
            r#"{{"metadata":{{"name":"n","labels":{{"l":{deep}}},"annotations":{{"a":{deep}}},"finalizers":{deep},"ownerReferences":{deep},"generation":{deep}}},"spec":{deep},"status":{deep},"data":{deep},"type":{deep},"immutable":{deep}}}"#
        );
        for (fidelity, secrets) in DIALECTS {
            for kind in ["Secret", "Service", "Pod"] {
                let mut encoder = Encoder::new(fidelity, secrets);
                added(&mut encoder, &resource("v1", kind), &raw);
            }
        }
    }
}

#[test]
fn a_deep_object_fits_a_small_stack() {
    let deep = format!("{}1{}", "{\"b\":[".repeat(9_000), "]}".repeat(9_000));
    let raw = format!(r#"{{"metadata":{{"name":"n"}},"spec":{deep}}}"#);
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(move || {
            let mut encoder = Encoder::new(Fidelity::Exact, Secrets::Plain);
            let text = encode(&mut encoder, &resource("v1", "Pod"), &raw, |object| {
                Change::Added(object)
            });
            assert!(text.len() > raw.len());
        })
        .unwrap()
        .join()
        .unwrap();
}

type MakeChange = for<'a> fn(&'a Object<'a>) -> Change<'a>;

const CHANGES: [MakeChange; 2] = [
    |object| Change::Added(object),
    |object| Change::Deleted(Deleted::Last(object)),
];

#[test]
fn fields_of_the_wrong_type_become_strings_or_are_left_out() {
    for wrong in [
        "5",
        "-1.5",
        "\"x\\u003c\\ud800\"",
        "\"\"",
        "true",
        "null",
        "[]",
        "[1,\"a\"]",
        "{}",
        "{\"b\":{},\"a\":[null]}",
    ] {
        let raw = format!(
            r#"{{"id":{wrong},"model":{wrong},"metadata":{{"name":"n","generateName":{wrong},"selfLink":{wrong},"generation":{wrong},"creationTimestamp":{wrong},"deletionTimestamp":{wrong},"deletionGracePeriodSeconds":{wrong},"labels":{wrong},"annotations":{wrong},"ownerReferences":{wrong},"finalizers":{wrong},"clusterName":{wrong},"cluster_id":{wrong},"managedFields":{wrong}}},"spec":{wrong},"status":{wrong},"immutable":{wrong},"data":{wrong},"binaryData":{wrong},"stringData":{wrong},"type":{wrong}}}"#
        );
        for (fidelity, secrets) in DIALECTS {
            let mut encoder = Encoder::new(fidelity, secrets);
            for kind in ["Secret", "Service", "Pod"] {
                for change in CHANGES {
                    checked(&encode(&mut encoder, &resource("v1", kind), &raw, change));
                }
            }
        }
    }
}

#[test]
fn documents_are_json_text_in_the_corrected_dialect_whatever_they_hold() {
    let raw =
        r#"{"metadata":{"finalizers":"f"},"spec":"te\"xt","status":1.0,"data":"d","type":"a\"b"}"#;
    let pods = resource("v1", "Pod");
    let exact = added(
        &mut Encoder::new(Fidelity::Exact, Secrets::Plain),
        &pods,
        raw,
    );
    assert_eq!(exact["spec"]["attribute"], r#"te\"xt"#);
    assert_eq!(exact["data"], "d");
    let ours = added(
        &mut Encoder::new(Fidelity::Corrected, Secrets::Plain),
        &pods,
        raw,
    );
    assert_eq!(ours["spec"]["attribute"], r#""te\"xt""#);
    assert_eq!(
        [&ours["data"], &ours["metadata"]["finalizers"]],
        ["\"d\"", "\"f\""]
    );
    for object in [exact, ours] {
        assert_eq!(object["status"]["attribute"], "1");
        assert_eq!(object["type"], r#"a\"b"#);
    }
}

#[test]
fn of_members_with_the_same_name_the_last_counts() {
    let raw = r#"{"metadata":{"name":"a","generation":1,"labels":{"l":"1","k":"0","l":"2"},"generation":2},"spec":{"x":1},"spec":{"y":1,"y":2}}"#;
    for (fidelity, secrets) in DIALECTS {
        let mut encoder = Encoder::new(fidelity, secrets);
        let object = added(&mut encoder, &resource("v1", "Pod"), raw);
        assert_eq!(object["metadata"]["generation"], 2);
        assert_eq!(object["spec"]["attribute"], r#"{"y":2}"#);
        let labels = object["metadata"]["labels"].as_array().unwrap();
        assert_eq!(labels.len(), 2);
        assert_eq!([&labels[0]["key"], &labels[1]["value"]], ["k", "2"]);
    }
}

#[test]
fn a_huge_object_makes_a_message() {
    let text = "<\\u0000\\n\u{2028}é".repeat(300_000);
    let members: Vec<_> = (0..50_000)
        .rev()
        .map(|at| format!("\"k{at}\":{at}"))
        .collect();
    let raw = format!(
        r#"{{"metadata":{{"name":"n"}},"spec":{{{}}},"data":{{"t":"{text}"}}}}"#,
        members.join(",")
    );
    let mut encoder = Encoder::new(Fidelity::Corrected, Secrets::Plain);
    let object = added(&mut encoder, &resource("v1", "ConfigMap"), &raw);
    let spec = object["spec"]["attribute"].as_str().unwrap();
    assert!(
        spec.starts_with(r#"{"k0":0,"k1":1,"k10":10,"#),
        "{}",
        &spec[..80]
    );
}
