//! The patch formats.

use serde_json::{Map, Value};

use crate::api::Status;

/// How a patch body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchKind {
    /// RFC 7386; strategic merge patches are read the same way, lists of named items merged.
    Merge,
    /// Strategic merge: lists of objects with a `name` are merged by it.
    Strategic,
    /// RFC 6902.
    Json,
    /// Server-side apply: merged like a strategic patch, creates what is missing.
    Apply,
}

impl PatchKind {
    pub(crate) fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/json-patch+json" => Some(Self::Json),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }
}

/// Applies a patch of any kind.
pub(crate) fn apply_patch(
    kind: PatchKind,
    mut target: Value,
    patch: &Value,
) -> Result<Value, Status> {
    match kind {
        PatchKind::Merge => merge_patch(&mut target, patch),
        PatchKind::Strategic | PatchKind::Apply => strategic_patch(&mut target, patch),
        PatchKind::Json => {
            let operations = patch
                .as_array()
                .ok_or_else(|| Status::bad_request("a JSON patch is a list of operations"))?;
            for operation in operations {
                json_operation(&mut target, operation)?;
            }
        }
    }
    Ok(target)
}

/// JSON merge patch, RFC 7386.
pub(crate) fn merge_patch(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        target.clone_from(patch);
        return;
    };
    let into = as_object(target);
    for (key, value) in members {
        if value.is_null() {
            into.remove(key);
        } else {
            merge_patch(into.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// A merge patch in which lists of objects with a `name` or `type` merge item by item.
fn strategic_patch(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(members) => {
            let into = as_object(target);
            for (key, value) in members.iter().filter(|(key, _)| !key.starts_with('$')) {
                if value.is_null() {
                    into.remove(key);
                } else {
                    strategic_patch(into.entry(key.as_str()).or_insert(Value::Null), value);
                }
            }
        }
        Value::Array(items) if merge_key(items).is_some() && target.is_array() => {
            let Some((key, into)) = merge_key(items).zip(target.as_array_mut()) else {
                return;
            };
            for item in items {
                let deleted = item["$patch"] == "delete";
                let known = into.iter().position(|other| other[key] == item[key]);
                match known {
                    Some(at) if deleted => drop(into.remove(at)),
                    Some(at) => strategic_patch(&mut into[at], item),
                    None if deleted => {}
                    None => into.push(item.clone()),
                }
            }
        }
        other => target.clone_from(other),
    }
}

fn merge_key(items: &[Value]) -> Option<&'static str> {
    let all_have = |key: &str| {
        !items.is_empty()
            && items
                .iter()
                .all(|item| item.get(key).is_some_and(Value::is_string))
    };
    ["name", "type"].into_iter().find(|key| all_have(key))
}

fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("made an object just above"),
    }
}

fn json_operation(target: &mut Value, operation: &Value) -> Result<(), Status> {
    let invalid = || {
        Status::invalid(
            "patch",
            "",
            "operation",
            &format!("cannot apply {operation}"),
        )
    };
    let path = operation["path"].as_str().ok_or_else(invalid)?;
    match operation["op"].as_str().ok_or_else(invalid)? {
        "test" if target.pointer(path) == operation.get("value") => Ok(()),
        "replace" => {
            let slot = target.pointer_mut(path).ok_or_else(invalid)?;
            slot.clone_from(&operation["value"]);
            Ok(())
        }
        "add" => insert_at(target, path, operation["value"].clone()).ok_or_else(invalid),
        "remove" => remove_at(target, path).map(drop).ok_or_else(invalid),
        "move" | "copy" => {
            let from = operation["from"].as_str().ok_or_else(invalid)?;
            let value = target.pointer(from).cloned().ok_or_else(invalid)?;
            if operation["op"] == "move" {
                remove_at(target, from).ok_or_else(invalid)?;
            }
            insert_at(target, path, value).ok_or_else(invalid)
        }
        _ => Err(invalid()),
    }
}

fn parent<'a>(target: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((
        target.pointer_mut(parent)?,
        last.replace("~1", "/").replace("~0", "~"),
    ))
}

fn insert_at(target: &mut Value, path: &str, value: Value) -> Option<()> {
    match parent(target, path)? {
        (Value::Object(members), key) => drop(members.insert(key, value)),
        (Value::Array(items), key) if key == "-" => items.push(value),
        (Value::Array(items), key) => {
            let at = key.parse::<usize>().ok().filter(|at| *at <= items.len())?;
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove_at(target: &mut Value, path: &str) -> Option<Value> {
    match parent(target, path)? {
        (Value::Object(members), key) => members.remove(&key),
        (Value::Array(items), key) => {
            let at = key.parse::<usize>().ok().filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: PatchKind, target: Value, patch: Value, expected: Value) {
        assert_eq!(
            apply_patch(kind, target, &patch).unwrap(),
            expected,
            "{patch}"
        );
    }

    #[test]
    fn patches_of_every_kind_apply() {
        let pod = || json!({"spec": {"c": [{"name": "a", "image": "1"}, {"name": "b"}], "x": 1}});
        check(
            PatchKind::Merge,
            pod(),
            json!({"spec": {"c": [1], "x": null}}),
            json!({"spec": {"c": [1]}}),
        );
        check(
            PatchKind::Strategic,
            pod(),
            json!({"spec": {"c": [{"name": "a", "image": "2"}, {"name": "b", "$patch": "delete"}]}}),
            json!({"spec": {"c": [{"name": "a", "image": "2"}], "x": 1}}),
        );
        check(
            PatchKind::Json,
            pod(),
            json!([{"op": "test", "path": "/spec/x", "value": 1}, {"op": "remove", "path": "/spec/c/0"},
                   {"op": "add", "path": "/spec/a~1b", "value": 2}, {"op": "replace", "path": "/spec/x", "value": 3}]),
            json!({"spec": {"c": [{"name": "b"}], "x": 3, "a/b": 2}}),
        );
        assert!(
            apply_patch(
                PatchKind::Json,
                pod(),
                &json!([{"op": "remove", "path": "/no"}])
            )
            .is_err()
        );
    }
}
