//! The columns a CustomResourceDefinition names.
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age::age, definition};
use crate::api::PrinterColumn;

pub(super) fn definitions(columns: &[PrinterColumn]) -> Value {
    let named = columns.iter().map(|column| {
        json!({
            "name": column.name, "type": column.kind, "format": column.format,
            "description": column.description, "priority": column.priority,
        })
    });
    std::iter::once(definition("Name", "name", 0))
        .chain(named)
        .collect()
}

pub(super) fn cell(column: &PrinterColumn, object: &Value, now: Timestamp) -> Value {
    let Some(found) = lookup(object, &column.json_path) else {
        return Value::Null;
    };
    match (column.kind.as_str(), found) {
        ("date", Value::String(time)) => age(time, now).into(),
        ("string", Value::String(text)) => text.as_str().into(),
        ("string", other) => other.to_string().into(),
        (_, other) => other.clone(),
    }
}

/// The first value at a path such as `.status.conditions[?(@.type=="Ready")].status` or
/// `.spec.hosts[0]`.
fn lookup<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let (mut value, mut rest) = (object, path);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']')?;
            value = element(value, index)?;
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('.')?;
        let end = step_end(name);
        value = value.get(name[..end].replace("\\.", "."))?;
        rest = &name[end..];
    }
    Some(value).filter(|value| !value.is_null())
}

/// Where a step ends: at the next dot that is not escaped, or at a bracket.
fn step_end(name: &str) -> usize {
    let mut escaped = false;
    for (at, character) in name.char_indices() {
        match character {
            '\\' => escaped = true,
            '.' | '[' if !escaped => return at,
            _ => escaped = false,
        }
    }
    name.len()
}

fn element<'a>(value: &'a Value, index: &str) -> Option<&'a Value> {
    if let Some(filter) = index.strip_prefix("?(@.") {
        let (key, wanted) = filter.trim_end_matches(')').split_once("==")?;
        let wanted = wanted.trim().trim_matches(['"', '\'']);
        return value
            .as_array()?
            .iter()
            .find(|item| item[key.trim()] == wanted);
    }
    match index {
        "*" => value.get(0),
        quoted if quoted.starts_with(['"', '\'']) => value.get(quoted.trim_matches(['"', '\''])),
        number => value.get(number.parse::<usize>().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_the_first_value() {
        let object = json!({
            "spec": {"hosts": ["a", "b"], "a.b": 1},
            "status": {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]},
        });
        let check =
            |path, expected: Value| assert_eq!(lookup(&object, path), Some(&expected), "{path}");
        check(".spec.hosts[1]", json!("b"));
        check(".spec.hosts[*]", json!("a"));
        check(".spec.a\\.b", json!(1));
        check(".spec['a.b']", json!(1));
        check(
            ".status.conditions[?(@.type==\"Ready\")].status",
            json!("True"),
        );
        check(
            ".status.conditions[?(@.type=='Synced')].status",
            json!("False"),
        );
        assert_eq!(lookup(&object, ".spec.none.deep"), None);
        assert_eq!(lookup(&object, "spec"), None);
    }
}
