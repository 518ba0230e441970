//! `metadata.managedFields` as server-side tracking would have written it.

use serde_json::{Map, Value, json};

/// Two entries: who wrote the object, and who writes its status.
pub(super) fn managed_fields(object: &Value, api_version: &str, time: &str) -> Value {
    let mut written = Map::new();
    let mut metadata = Map::new();
    for key in ["annotations", "labels", "ownerReferences"] {
        if let Some(value) = object["metadata"].get(key) {
            metadata.insert(format!("f:{key}"), fields(value));
        }
    }
    written.insert("f:metadata".to_owned(), metadata.into());
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status") {
            written.insert(format!("f:{key}"), fields(value));
        }
    }
    let entry = |manager: &str, fields: Value| {
        json!({"manager": manager, "operation": "Update", "apiVersion": api_version, "time": time,
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    let writer = if object["metadata"].get("ownerReferences").is_some() {
        "kube-controller-manager"
    } else {
        "helm"
    };
    let mut entries = vec![entry(writer, written.into())];
    if let Some(status) = object.get("status") {
        let manager = if object["kind"] == "Pod" {
            "kubelet"
        } else {
            "kube-controller-manager"
        };
        let mut status = entry(manager, json!({"f:status": fields(status)}));
        status["subresource"] = "status".into();
        entries.push(status);
    }
    entries.into()
}

fn fields(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (format!("f:{key}"), fields(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => {
            let keyed = items.iter().filter_map(|item| {
                let key = ["name", "type", "containerPort", "uid", "ip"]
                    .into_iter()
                    .find(|k| item.get(*k).is_some())?;
                let mut inner = fields(item);
                inner["."] = json!({});
                Some((format!("k:{}", json!({ key: item[key] })), inner))
            });
            keyed.collect::<Map<_, _>>().into()
        }
        _ => json!({}),
    }
}
