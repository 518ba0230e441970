//! Properties of messages for objects made at random.

use meshsync_model::Secrets;
use meshsync_model::wire::meshery::{Encoder, Fidelity};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{DIALECTS, added, resource};

/// Characters that need care somewhere, among others.
fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => proptest::char::range('a', 'e'),
        2 => prop::sample::select(vec!['"', '\\', '/', '<', '>', '&', '\n', '\t', '\u{8}', '\u{c}',
            '\0', '\u{1f}', '\u{7f}', '\u{2028}', '\u{2029}', '…', 'é', '😀', '\u{fffd}', ' ']),
        1 => any::<char>(),
    ];
    prop::collection::vec(char, 0..8).prop_map(String::from_iter)
}

/// A JSON value without floats, whose text Go and Rust agree on.
fn value() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Literal("null")),
        any::<bool>().prop_map(|truth| Tree::Literal(if truth { "true" } else { "false" })),
        any::<i64>().prop_map(Tree::Integer),
        text().prop_map(Tree::Text),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::Array),
            prop::collection::vec((text(), inner), 0..6).prop_map(Tree::Object),
        ]
    })
}

/// A value as text may hold it: members in any order, the same name more than
/// once.
#[derive(Clone, Debug)]
enum Tree {
    Literal(&'static str),
    Integer(i64),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// How a value is written; all say the same.
#[derive(Clone, Copy, Debug)]
struct Style {
    space: &'static str,
    escape_all: bool,
}

fn style() -> impl Strategy<Value = Style> {
    (prop::sample::select(vec!["", " ", "\n\t"]), any::<bool>())
        .prop_map(|(space, escape_all)| Style { space, escape_all })
}

impl Tree {
    fn text(&self, style: Style) -> String {
        let space = style.space;
        match self {
            Self::Literal(text) => (*text).to_owned(),
            Self::Integer(integer) => integer.to_string(),
            Self::Text(text) => style.string(text),
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(|e| e.text(style)).collect();
                format!(
                    "[{space}{}{space}]",
                    elements.join(&format!("{space},{space}"))
                )
            }
            Self::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(k, v)| format!("{}{space}:{space}{}", style.string(k), v.text(style)))
                    .collect();
                format!(
                    "{{{space}{}{space}}}",
                    members.join(&format!("{space},{space}"))
                )
            }
        }
    }

    /// The form Go writes: sorted keys, the last of equals, its escapes.
    fn canonical(&self) -> String {
        match self {
            Self::Literal(_) | Self::Integer(_) => self.text(Style {
                space: "",
                escape_all: false,
            }),
            Self::Text(text) => go_string(text),
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::canonical).collect();
                format!("[{}]", elements.join(","))
            }
            Self::Object(members) => {
                let members: std::collections::BTreeMap<_, _> =
                    members.iter().map(|(k, v)| (k, v)).collect();
                let members: Vec<_> = members
                    .iter()
                    .map(|(k, v)| format!("{}:{}", go_string(k), v.canonical()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

impl Style {
    fn string(self, text: &str) -> String {
        if !self.escape_all {
            return serde_json::to_string(text).unwrap();
        }
        let units: String = text
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04X}"))
            .collect();
        format!("\"{units}\"")
    }
}

fn go_string(text: &str) -> String {
    serde_json::to_string(text)
        .unwrap()
        .replace('<', r"\u003c")
        .replace('>', r"\u003e")
        .replace('&', r"\u0026")
        .replace('\u{2028}', r"\u2028")
        .replace('\u{2029}', r"\u2029")
}

proptest! {
    #[test]
    fn documents_are_in_the_canonical_form_of_go(spec in value(), style in style()) {
        prop_assume!(!matches!(spec, Tree::Literal("null")));
        let space = style.space;
        let raw = format!(r#"{{{space}"metadata":{{}},"spec"{space}:{}}}"#, spec.text(style));
        let mut encoder = Encoder::new(Fidelity::Corrected, Secrets::Redacted);
        let object = added(&mut encoder, &resource("v1", "Pod"), &raw);
        prop_assert_eq!(object["spec"]["attribute"].as_str().unwrap(), spec.canonical());
    }

    #[test]
    fn pairs_are_sorted_and_their_values_escaped(
        pairs in prop::collection::vec((text(), text()), 0..6),
        style in style(),
    ) {
        let map = Tree::Object(pairs.iter().map(|(k, v)| (k.clone(), Tree::Text(v.clone()))).collect());
        let raw = format!(r#"{{"metadata":{{"labels":{0},"annotations":{0}}}}}"#, map.text(style));
        let sorted: std::collections::BTreeMap<_, _> = pairs.into_iter().collect();
        let escaped: Vec<_> = sorted
            .iter()
            .map(|(key, value)| {
                let value = go_string(value);
                (key.clone(), value[1..value.len() - 1].to_owned())
            })
            .collect();
        let decoded: Vec<_> = sorted.into_iter().collect();
        for (fidelity, secrets) in DIALECTS {
            let expected = if fidelity == Fidelity::Decoded { &decoded } else { &escaped };
            let mut encoder = Encoder::new(fidelity, secrets);
            let object = added(&mut encoder, &resource("v1", "Pod"), &raw);
            for field in ["labels", "annotations"] {
                let found: Vec<_> = object["metadata"][field]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|pair| {
                        let part = |name| pair.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
                        (part("key"), part("value"))
                    })
                    .collect();
                prop_assert_eq!(&found, expected);
            }
        }
    }

    #[test]
    fn any_object_makes_a_message_of_the_right_types(
        fields in prop::collection::vec(value(), 20),
        kind in prop::sample::select(vec!["Pod", "Secret", "Service"]),
        style in style(),
    ) {
        let mut fields = fields.iter().map(|value| value.text(style));
        let mut members = |names: &[&str]| {
            let members: Vec<_> = names
                .iter()
                .map(|name| format!("\"{name}\":{}", fields.next().unwrap()))
                .collect();
            members.join(",")
        };
        let metadata = members(&[
            "generateName", "selfLink", "generation", "creationTimestamp", "deletionTimestamp",
            "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
            "clusterName",
        ]);
        let top = members(&[
            "id", "model", "spec", "status", "immutable", "data", "binaryData", "stringData", "type",
        ]);
        let raw = format!(r#"{{"metadata":{{{metadata}}},{top}}}"#);
        for (fidelity, secrets) in DIALECTS {
            added(&mut Encoder::new(fidelity, secrets), &resource("v1", kind), &raw);
        }
    }

    #[test]
    fn no_value_of_a_secret_leaves(
        keys in prop::collection::vec(text(), 1..5),
        shape in 0..5,
        field in prop::sample::select(vec!["data", "binaryData", "stringData"]),
        style in style(),
    ) {
        const MARK: &str = "c2VjcmV0LW1hcms";
        let mark = Tree::Text(MARK.to_owned());
        let held = match shape {
            0 => mark,
            1 => Tree::Array(vec![mark]),
            2 => Tree::Object(vec![("deeper".to_owned(), mark)]),
            _ => Tree::Object(keys.into_iter().map(|key| (key, mark.clone())).collect()),
        };
        // One more level, so that a value may be an object too.
        let held = if shape == 3 { Tree::Object(vec![("k".to_owned(), held)]) } else { held };
        let copy = Tree::Object(vec![("kind".to_owned(), Tree::Text("Secret".to_owned())), (field.to_owned(), held.clone())]);
        let annotation = "kubectl.kubernetes.io/last-applied-configuration".to_owned();
        let annotations = Tree::Object(vec![(annotation, Tree::Text(copy.text(style)))]);
        let raw = format!(
            r#"{{"metadata":{{"name":"s","annotations":{}}},{}:{}}}"#,
            annotations.text(style),
            serde_json::to_string(field).unwrap(),
            held.text(style),
        );
        for fidelity in [Fidelity::Exact, Fidelity::Corrected, Fidelity::Decoded] {
            let secret = resource("v1", "Secret");
            let object = added(&mut Encoder::new(fidelity, Secrets::Redacted), &secret, &raw);
            prop_assert!(!object.to_string().contains(MARK), "{object}");
            let object = added(&mut Encoder::new(fidelity, Secrets::Plain), &secret, &raw);
            prop_assert!(object.to_string().contains(MARK), "the mark is in the object");
        }
    }
}
