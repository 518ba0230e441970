//! The JSON schema of configuration files, for editors.

use serde_json::{Map, Value, json};

use super::Config;

const RULE: &str = "PATTERN[@NAMESPACES] [name=GLOB] [labels=SELECTOR] [fields=SELECTOR] \
    [namespaceLabels=SELECTOR] [cel=EXPRESSION]";

impl Config {
    /// The JSON schema (draft 2020-12) of a file.
    pub fn schema() -> Value {
        let properties: Map<String, Value> = KEYS
            .iter()
            .map(|(key, description, form)| {
                let mut schema = form();
                schema["description"] = json!(description);
                ((*key).to_owned(), schema)
            })
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Configuration of meshsync",
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": properties,
        })
    }
}

type Form = fn() -> Value;

/// Keys, what they mean, and what their values look like.
const KEYS: &[(&str, &str, Form)] = &[
    (
        "adminAddr",
        "Address for /status: IP:PORT, :PORT, or none",
        text,
    ),
    (
        "also",
        "Rules of what is observed on top of the rest",
        rules,
    ),
    (
        "bytesPerSecond",
        "Bytes a second that initial lists take at most",
        positive,
    ),
    ("clusterId", "Name of the cluster in every record", text),
    (
        "deepHold",
        "For how long a product's resources stay observed in full after its last verdict, such as 5m",
        text,
    ),
    (
        "depth",
        "How much of each object is observed that no tier speaks of",
        || json!({"enum": ["presence", "standard", "full"]}),
    ),
    (
        "discoveryResource",
        "Follows the custom resource Discovery of this name: NAME or NAMESPACE/NAME",
        text,
    ),
    (
        "events",
        "Whether Kubernetes Events, and the status of the resource Discovery, are written",
        || json!({"enum": ["none", "written"]}),
    ),
    ("exclude", "Rules of what is not observed; they win", rules),
    (
        "include",
        "Rules of what is observed, and nothing else",
        rules,
    ),
    (
        "leaderElect",
        "How one of several agents is elected: off, broker, lease, lease:NAME or lease:NAMESPACE/NAME",
        text,
    ),
    (
        "leaderLease",
        "A leader that is silent for so long is followed by another one, such as 15s",
        text,
    ),
    ("listsMax", "Lists at once at most", positive),
    (
        "mesheryWire",
        "Dialect of Meshery messages",
        || json!({"enum": ["corrected", "exact", "decoded"]}),
    ),
    (
        "meshsyncResource",
        "Whether the custom resource MeshSync of Meshery counts",
        || json!({"enum": ["ignored", "followed"]}),
    ),
    (
        "namespaceLabels",
        "Label selector: only objects of namespaces with such labels",
        text,
    ),
    (
        "namespaces",
        "Names and globs: only objects of such namespaces",
        list,
    ),
    (
        "optOut",
        "Whether the annotation meshsync.io/ignore counts",
        || json!({"enum": ["honoured", "disregarded"]}),
    ),
    (
        "outboxBytes",
        "Bytes that wait for each sink at most",
        || json!({"type": "integer", "minimum": 65536}),
    ),
    (
        "probesAddr",
        "Address for /healthz, /livez, /readyz and /metrics: IP:PORT, :PORT, or none",
        text,
    ),
    ("requestsPerSecond", "Requests a second at most", positive),
    (
        "secrets",
        "Whether values of Secrets leave",
        || json!({"enum": ["redacted", "plain"]}),
    ),
    ("sinks", "URLs of sinks", list),
    (
        "smoothStart",
        "Over how long the lists of a start begin, such as 30s",
        text,
    ),
    (
        "source",
        "What is observed: k8s:[?context=NAME&kubeconfig=PATH], docker:, manifests:PATH",
        text,
    ),
    (
        "sources",
        "What is observed, where that is more than one, instead of source",
        list,
    ),
    (
        "tiers",
        "PATTERN[@NAMESPACE]=TIER; the first that matches decides",
        list,
    ),
    (
        "verifyInterval",
        "How often what is known is checked, such as 10m",
        text,
    ),
];

fn text() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn positive() -> Value {
    json!({"type": "integer", "minimum": 1})
}

fn list() -> Value {
    json!({"type": "array", "items": text()})
}

fn rules() -> Value {
    let mut rule = text();
    rule["description"] = json!(RULE);
    json!({"type": "array", "items": rule})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_keys_that_files_have() {
        let keys: Vec<&str> = KEYS.iter().map(|(key, ..)| *key).collect();
        assert_eq!(keys, super::super::resolve::KEYS);
    }
}
