//! The original's messages for a whole recorded cluster.

use std::collections::HashMap;
use std::path::Path;

use meshsync_model::wire::meshery::{Encoder, Fidelity};
use meshsync_model::{Change, Index, Resource, Secrets};
use meshsync_testkit::{gunzip, require_reference};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::support::{checked, message, resource};

/// How many messages the original sent for the cluster.
const MESSAGES: usize = 1_463;

#[derive(Deserialize)]
struct List {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
    #[serde(default)]
    items: Vec<Box<RawValue>>,
}

/// One object of the cluster as its list has it.
struct Item {
    resource: Resource,
    raw: String,
}

struct Cluster {
    id: String,
    /// By `apiVersion`, kind and uid.
    items: HashMap<[String; 3], Item>,
    /// What the original sent.
    sent: Vec<String>,
}

impl Cluster {
    fn read(reference: &Path) -> Self {
        let mut items = HashMap::new();
        let mut id = None;
        for group in std::fs::read_dir(reference.join("cluster/list")).unwrap() {
            for file in std::fs::read_dir(group.unwrap().path()).unwrap() {
                let list: List = serde_json::from_slice(&gunzip(file.unwrap().path())).unwrap();
                let kind = list.kind.strip_suffix("List").unwrap();
                for raw in list.items {
                    let mut index = Index::new();
                    let object = index.parse(raw.get().as_bytes()).unwrap();
                    if kind == "Namespace" && object.name() == "kube-system" {
                        id = Some(object.uid().to_owned());
                    }
                    let key = [&*list.api_version, kind, object.uid()].map(str::to_owned);
                    let item = Item {
                        resource: resource(&list.api_version, kind),
                        raw: raw.get().to_owned(),
                    };
                    items.insert(key, item);
                }
            }
        }
        let sent = gunzip(reference.join("contract/golden-cluster/core.jsonl.gz"));
        Self {
            id: id.unwrap(),
            items,
            sent: String::from_utf8(sent)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }

    fn encode(&self, encoder: &mut Encoder, item: &Item) -> String {
        let mut index = Index::new();
        let object = index.parse(item.raw.as_bytes()).unwrap();
        message(encoder, &self.id, &item.resource, &Change::Added(&object))
    }

    /// Holds every message sent against the one we make of the same object.
    fn compare(&self, mut encoder: Encoder, check: impl Fn(&str, Value, &str)) {
        let mut compared = 0;
        for sent in &self.sent {
            let message: Value = serde_json::from_str(sent).unwrap();
            let object = &message["Object"];
            let key = [
                &object["apiVersion"],
                &object["kind"],
                &object["metadata"]["uid"],
            ]
            .map(|part| part.as_str().unwrap().to_owned());
            let item = self
                .items
                .get(&key)
                .unwrap_or_else(|| panic!("no list has {key:?}"));
            let made = self.encode(&mut encoder, item);
            check(sent, message, &made);
            compared += 1;
        }
        assert_eq!(compared, MESSAGES);
    }
}

#[test]
fn the_exact_dialect_equals_the_original_for_a_whole_cluster() {
    let Some(reference) =
        require_reference("the_exact_dialect_equals_the_original_for_a_whole_cluster")
    else {
        return;
    };
    let encoder = Encoder::new(Fidelity::Exact, Secrets::Plain);
    Cluster::read(&reference).compare(encoder, |sent, message, made| {
        assert_eq!(checked(made), message);
        assert_eq!(made, sent, "equal JSON, other bytes");
    });
}

#[test]
fn the_corrected_dialect_differs_in_what_is_documented_for_a_whole_cluster() {
    let Some(reference) = require_reference(
        "the_corrected_dialect_differs_in_what_is_documented_for_a_whole_cluster",
    ) else {
        return;
    };
    let cluster = Cluster::read(&reference);
    let plain = Encoder::new(Fidelity::Corrected, Secrets::Plain);
    cluster.compare(plain, |_, message, made| {
        assert_eq!(checked(made), corrected(message));
    });
    let redacted = Encoder::new(Fidelity::Corrected, Secrets::Redacted);
    cluster.compare(redacted, |_, message, made| {
        assert_eq!(checked(made), redact(corrected(message)));
    });
}

#[test]
fn every_object_of_a_whole_cluster_makes_a_message() {
    let Some(reference) = require_reference("every_object_of_a_whole_cluster_makes_a_message")
    else {
        return;
    };
    let cluster = Cluster::read(&reference);
    for (fidelity, secrets) in crate::support::DIALECTS {
        let mut encoder = Encoder::new(fidelity, secrets);
        for item in cluster.items.values() {
            checked(&cluster.encode(&mut encoder, item));
        }
    }
    assert!(cluster.items.len() > MESSAGES, "{}", cluster.items.len());
}

/// The documented corrections that this cluster has occasion for.
fn corrected(mut message: Value) -> Value {
    let object = &mut message["Object"];
    for field in ["spec", "status"] {
        if let Some(nested) = object.get_mut(field) {
            nested["id"] = "".into();
        }
    }
    let design = object["metadata"]["labels"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|label| label["key"] == "design.meshery.io/id")
        .map(|label| label["value"].clone());
    assert_eq!(design.is_some(), !object["pattern_resource"].is_null());
    object["pattern_resource"] = design.into();
    message
}

/// Redaction of a Secret; none of this cluster has a copy kubectl keeps.
fn redact(mut message: Value) -> Value {
    let object = &mut message["Object"];
    if object["kind"] == "Secret"
        && let Some(data) = object.get("data")
    {
        let mut data: HashMap<String, Value> =
            serde_json::from_str(data.as_str().unwrap()).unwrap();
        for value in data.values_mut() {
            *value = "[REDACTED]".into();
        }
        let mut keys: Vec<_> = data.into_iter().collect();
        keys.sort_by(|(a, _), (b, _)| a.cmp(b));
        let members: Vec<_> = keys
            .iter()
            .map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()))
            .collect();
        object["data"] = format!("{{{}}}", members.join(",")).into();
    }
    message
}
