//! What a definition of resources says about what is served, and nothing else of it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::Value;

/// A number that changes when what is served may change: of a CustomResourceDefinition its group,
/// names, scope, served versions, conversion and whether it is established; of an APIService its
/// group and version, who serves it, and whether that is available.
///
/// `spec` and `status` are members of the object as JSON. Where there are none, as in an object
/// that is observed without its body, `generation` of its metadata stands for them: it changes
/// with the spec, and not with the status.
pub fn discovery_facts(spec: Option<&str>, status: Option<&str>, generation: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match spec.map(serde_json::from_str::<Spec>) {
        Some(Ok(spec)) => {
            spec.hash(&mut hasher);
            let status = status.and_then(|status| serde_json::from_str::<Status>(status).ok());
            status.unwrap_or_default().facts().hash(&mut hasher);
        }
        // What cannot be read may mean anything.
        Some(Err(_)) => (spec, status).hash(&mut hasher),
        None => generation.hash(&mut hasher),
    }
    hasher.finish()
}

#[derive(Default, Deserialize, Hash)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    group: String,
    scope: String,
    names: Names,
    versions: Vec<Version>,
    conversion: Conversion,
    /// From here on of an APIService.
    version: String,
    group_priority_minimum: i64,
    version_priority: i64,
    service: Option<Service>,
}

#[derive(Default, Deserialize, Hash)]
#[serde(default, rename_all = "camelCase")]
struct Names {
    plural: String,
    singular: String,
    kind: String,
    short_names: Vec<String>,
    categories: Vec<String>,
}

#[derive(Default, Deserialize, Hash)]
#[serde(default)]
struct Version {
    name: String,
    served: bool,
}

#[derive(Default, Deserialize, Hash)]
#[serde(default)]
struct Conversion {
    strategy: String,
    webhook: Option<Webhook>,
}

#[derive(Default, Deserialize, Hash)]
#[serde(default, rename_all = "camelCase")]
struct Webhook {
    client_config: ClientConfig,
}

/// Without the bundle of certificates: that is injected again and again, and says nothing about
/// what is served.
#[derive(Default, Deserialize, Hash)]
#[serde(default)]
struct ClientConfig {
    url: String,
    service: Option<Service>,
}

#[derive(Default, Deserialize, Hash)]
#[serde(default)]
struct Service {
    namespace: String,
    name: String,
    path: String,
    port: u16,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Value>,
}

impl Status {
    /// The conditions that matter and hold.
    fn facts(&self) -> BTreeSet<&str> {
        let holding = self
            .conditions
            .iter()
            .filter(|condition| condition["status"] == "True");
        holding
            .filter_map(|condition| condition["type"].as_str())
            .filter(|name| matches!(*name, "Established" | "NamesAccepted" | "Available"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Value {
        json!({
            "group": "a.io", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": {"x": 1}},
                {"name": "v2", "served": false, "storage": false},
            ],
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {
                "caBundle": "AAAA", "service": {"namespace": "a", "name": "b", "port": 443},
            }}},
        })
    }

    fn established(is: &str) -> Value {
        json!({"conditions": [{"type": "Established", "status": is, "lastTransitionTime": "now"}]})
    }

    fn facts(spec: &Value, status: &Value) -> u64 {
        discovery_facts(
            Some(&spec.to_string()),
            Some(&status.to_string()),
            Some("1"),
        )
    }

    fn check(change: impl FnOnce(&mut Value), matters: bool) {
        let mut changed = spec();
        change(&mut changed);
        let before = facts(&spec(), &established("True"));
        let after = facts(&changed, &established("True"));
        assert_eq!(before != after, matters, "{changed}");
    }

    #[test]
    fn only_what_changes_what_is_served_matters() {
        check(|_| {}, false);
        check(|spec| spec["group"] = "b.io".into(), true);
        check(|spec| spec["scope"] = "Cluster".into(), true);
        check(|spec| spec["names"]["plural"] = "stuff".into(), true);
        check(|spec| spec["versions"][1]["served"] = true.into(), true);
        check(
            |spec| spec["conversion"] = json!({"strategy": "None"}),
            true,
        );
        check(
            |spec| spec["conversion"]["webhook"]["clientConfig"]["service"]["name"] = "c".into(),
            true,
        );
        // The storage version, a schema, certificates.
        check(
            |spec| {
                spec["versions"][0]["storage"] = false.into();
                spec["versions"][1]["storage"] = true.into();
            },
            false,
        );
        check(
            |spec| spec["versions"][0]["schema"] = json!({"x": 2}),
            false,
        );
        check(
            |spec| spec["conversion"]["webhook"]["clientConfig"]["caBundle"] = "BBBB".into(),
            false,
        );
    }

    #[test]
    fn that_it_is_established_matters_and_since_when_does_not() {
        let one = facts(&spec(), &established("False"));
        let other = facts(&spec(), &established("True"));
        assert_ne!(one, other);
        let mut later = established("True");
        later["conditions"][0]["lastTransitionTime"] = "later".into();
        assert_eq!(other, facts(&spec(), &later));
    }

    #[test]
    fn without_a_body_the_generation_stands_for_it() {
        let at = |generation| discovery_facts(None, None, Some(generation));
        assert_eq!(at("1"), at("1"));
        assert_ne!(at("1"), at("2"));
    }
}
