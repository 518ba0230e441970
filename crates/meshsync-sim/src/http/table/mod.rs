//! Tables, as `kubectl get` asks for them.

mod age;
mod cells;
mod columns;
mod custom;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::{ColumnTexts, GroupResource, PrinterColumn},
    store::{Framing, Object, decode},
};

use columns::{Column, columns_of};

/// The table of some objects. `columns` is false for later events of a watch.
pub(crate) fn table(
    gr: &GroupResource,
    framing: &Framing,
    objects: &[Arc<Object>],
    columns: bool,
    now: Timestamp,
) -> Value {
    let values = objects
        .iter()
        .map(|object| (object, decode(object, framing).unwrap_or(Value::Null)));
    let (definitions, rows) = if framing.custom {
        let columns = &framing.printer_columns;
        let rows = values
            .map(|(object, value)| row(custom_cells(&object.name, columns, &value, now), &value))
            .collect();
        (custom::definitions(columns), rows)
    } else {
        let columns = columns_of(gr);
        let rows = values
            .map(|(object, value)| {
                let mut cells = vec![Value::from(&*object.name)];
                cells.extend(columns.iter().map(|column| (column.cell)(&value, now)));
                row(cells, &value)
            })
            .collect();
        (
            built_in_definitions(columns, framing.column_texts.as_ref()),
            rows,
        )
    };
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "columnDefinitions": if columns { definitions } else { Value::Null },
        "rows": Value::Array(rows),
    })
}

fn row(cells: Vec<Value>, object: &Value) -> Value {
    json!({"cells": cells, "object": {
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
    }})
}

/// Described where a captured table says how.
fn built_in_definitions(columns: &[Column], texts: Option<&ColumnTexts>) -> Value {
    let described = |mut definition: Value| {
        let title = definition["name"].as_str().unwrap_or_default();
        if let Some(text) = texts.and_then(|texts| texts.get(title)) {
            definition["description"] = text.as_str().into();
        }
        definition
    };
    let name = definition("Name", "name", 0);
    let rest = columns
        .iter()
        .map(|column| definition(column.title, "", column.priority));
    std::iter::once(name).chain(rest).map(described).collect()
}

fn definition(title: &str, format: &str, priority: i64) -> Value {
    json!({"name": title, "type": "string", "format": format, "description": "", "priority": priority})
}

fn custom_cells(
    name: &str,
    columns: &[PrinterColumn],
    value: &Value,
    now: Timestamp,
) -> Vec<Value> {
    let mut cells = vec![Value::from(name)];
    cells.extend(
        columns
            .iter()
            .map(|column| custom::cell(column, value, now)),
    );
    cells
}
