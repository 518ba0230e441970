//! Where what is there differs from what was stated.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::diff::{Difference, short};
use crate::{Filter, Store, StoreError, StoredObject};

/// Paths of one object that are named.
const PATHS_MAX: usize = 10;

/// What a server fills in, and what it says of it: nobody states that.
const NOT_STATED: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata.creationTimestamp",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.selfLink",
    "metadata.uid",
    "status",
];

/// By what elements of a list are told apart, where they have one of these.
const KEYS: &[&str] = &["name", "containerPort", "port", "mountPath", "key", "ip"];

/// Compares what a first store states, such as manifests, with what a second one
/// has, in the fields that are stated: objects that nobody states, defaults and
/// status are no differences. Returns how many objects nobody states.
///
/// # Errors
///
/// When one cannot be read.
pub fn drift(
    stated: &Store,
    actual: &Store,
    filter: &Filter,
    mut each: impl FnMut(Difference),
) -> Result<u64, StoreError> {
    let mut left = BTreeMap::new();
    stated.objects(filter, |object| {
        left.insert(key(&object, &object.namespace), object);
    })?;
    let (mut found, mut unstated) = (Vec::new(), 0);
    actual.objects(filter, |object| {
        // Of a kind that nobody defined it is not known whether it needs a namespace.
        let own = key(&object, &object.namespace);
        let in_default = key(&object, "default");
        let by = match left.contains_key(&own) || !object.namespace.is_empty() {
            true => own,
            false => in_default,
        };
        match left.remove(&by) {
            None => unstated += 1,
            Some(stated) => {
                let paths = paths(&stated.object, &object.object);
                if !paths.is_empty() {
                    found.push(Difference::Changed(shown(&object), paths));
                }
            }
        }
    })?;
    found.extend(
        left.values()
            .map(|object| Difference::OnlyFirst(shown(object))),
    );
    found.sort_by_key(ToString::to_string);
    found.into_iter().for_each(&mut each);
    Ok(unstated)
}

fn key(object: &StoredObject, namespace: &str) -> (String, String, String, String) {
    (
        object.group.clone(),
        object.kind.clone(),
        namespace.to_owned(),
        object.name.clone(),
    )
}

fn shown(object: &StoredObject) -> String {
    crate::diff::key_of(object)
}

fn paths(stated: &[u8], actual: &[u8]) -> Vec<String> {
    let parse = |text| serde_json::from_slice::<Value>(text).unwrap_or(Value::Null);
    let (stated, actual) = (parse(stated), parse(actual));
    let mut found = Vec::new();
    compare(&stated, Some(&actual), &mut String::new(), &mut found);
    if found.len() > PATHS_MAX {
        let more = found.len() - PATHS_MAX;
        found.truncate(PATHS_MAX);
        found.push(format!("and {more} more"));
    }
    found
}

fn compare(stated: &Value, actual: Option<&Value>, path: &mut String, found: &mut Vec<String>) {
    if NOT_STATED.contains(&path.as_str()) || is_nothing(stated) {
        return;
    }
    match (stated, actual) {
        (Value::Object(stated), Some(Value::Object(actual))) => {
            for (name, value) in stated {
                let of = match (path.is_empty(), name.as_str()) {
                    // What it becomes at the server.
                    (true, "stringData") => "data",
                    (_, name) => name,
                };
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                if of == name {
                    compare(value, actual.get(of), path, found);
                } else {
                    compare_keys(value, actual.get(of), path, found);
                }
                path.truncate(length);
            }
        }
        (Value::Array(stated), Some(Value::Array(actual))) => {
            compare_lists(stated, actual, path, found);
        }
        (stated, Some(actual)) if stated == actual || is_same_amount(stated, actual, path) => {}
        (stated, actual) => {
            let actual = actual.map_or_else(|| "nothing".to_owned(), short);
            found.push(format!("{path}: {} -> {actual}", short(stated)));
        }
    }
}

/// Values of Secrets are redacted on both sides: their names are compared.
fn compare_keys(stated: &Value, actual: Option<&Value>, path: &str, found: &mut Vec<String>) {
    for name in stated.as_object().into_iter().flat_map(Map::keys) {
        if actual.and_then(|actual| actual.get(name)).is_none() {
            found.push(format!("{path}.{name}: stated -> nothing"));
        }
    }
}

fn compare_lists(stated: &[Value], actual: &[Value], path: &mut String, found: &mut Vec<String>) {
    let key = KEYS.iter().find(|key| {
        !stated.is_empty() && stated.iter().all(|element| element.get(**key).is_some())
    });
    let length = path.len();
    if let Some(key) = key {
        // Others may have been put beside those that are stated.
        for element in stated {
            let name = &element[*key];
            path.push_str(&format!(
                "[{key}={}]",
                name.as_str()
                    .map_or_else(|| name.to_string(), str::to_owned)
            ));
            let other = actual.iter().find(|other| other.get(*key) == Some(name));
            compare(element, other, path, found);
            path.truncate(length);
        }
    } else if stated.len() == actual.len() {
        for (at, (element, other)) in stated.iter().zip(actual).enumerate() {
            path.push_str(&format!("[{at}]"));
            compare(element, Some(other), path, found);
            path.truncate(length);
        }
    } else {
        found.push(format!(
            "{path}: {} -> {} elements",
            stated.len(),
            actual.len()
        ));
    }
}

/// Servers drop what is empty.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

/// `1000m` and `1`, `1Gi` and `1024Mi`.
fn is_same_amount(stated: &Value, actual: &Value, path: &str) -> bool {
    const AMOUNTS: &[&str] = &[
        ".requests.",
        ".limits.",
        ".hard.",
        ".capacity.",
        ".sizeLimit",
    ];
    let is_amount = AMOUNTS.iter().any(|part| path.contains(part));
    is_amount
        && matches!((amount(stated), amount(actual)), (Some(a), Some(b)) if (a - b).abs() <= a.abs() * 1e-12)
}

/// As `resource.Quantity` of Kubernetes reads it.
fn amount(value: &Value) -> Option<f64> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+'));
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    let digits: f64 = digits.parse().ok()?;
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        _ => return text.parse().ok(),
    };
    Some(digits * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(stated: &Value, actual: &Value, expected: &[&str]) {
        let bytes = |value: &Value| value.to_string().into_bytes();
        assert_eq!(paths(&bytes(stated), &bytes(actual)), expected);
    }

    #[test]
    fn only_what_is_stated_is_compared() {
        let stated = json!({"apiVersion": "apps/v1beta1", "metadata": {"name": "a", "resourceVersion": "x"},
            "spec": {"replicas": 2, "strategy": {}, "template": {"spec": {"containers": [
                {"name": "web", "image": "web:1", "args": ["-v"],
                 "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}}]}}},
            "status": {"replicas": 9}});
        let mut actual = json!({"apiVersion": "apps/v1", "metadata": {"name": "a", "uid": "u"},
            "spec": {"replicas": 2, "revisionHistoryLimit": 10, "template": {"spec": {"containers": [
                {"name": "sidecar", "image": "proxy:1"},
                {"name": "web", "image": "web:1", "args": ["-v"], "imagePullPolicy": "Always",
                 "resources": {"limits": {"cpu": "1", "memory": "1024Mi"}}}]}}},
            "status": {"replicas": 2}});
        check(&stated, &actual, &[]);
        actual["spec"]["replicas"] = json!(3);
        actual["spec"]["template"]["spec"]["containers"][1]["args"] = json!([]);
        check(
            &stated,
            &actual,
            &[
                "spec.replicas: 2 -> 3",
                "spec.template.spec.containers[name=web].args: 1 -> 0 elements",
            ],
        );
        actual["spec"]["template"]["spec"]["containers"] = json!([]);
        check(
            &stated,
            &actual,
            &[
                "spec.replicas: 2 -> 3",
                "spec.template.spec.containers[name=web]: {\"args\":[\"-v\"],\"image\":\"web:1\",\"name\":\"web\",\"resources\":{\"li… -> nothing",
            ],
        );
    }

    #[test]
    fn names_of_string_data_are_looked_for_in_the_data() {
        let stated = json!({"metadata": {"name": "s"}, "stringData": {"a": "x", "b": "x"}});
        let actual = json!({"metadata": {"name": "s"}, "data": {"a": "eA=="}});
        check(&stated, &actual, &["stringData.b: stated -> nothing"]);
    }
}
