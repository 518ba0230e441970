//! Tables, as `kubectl get` asks for them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::GroupResource,
    store::{Framing, Object, decode},
};

/// Columns between NAME and AGE: title, and where the cell comes from.
const COLUMNS: &[(&str, &[(&str, Cell)])] = &[
    ("configmaps", &[("Data", Cell::Count("data"))]),
    (
        "cronjobs.batch",
        &[
            ("Schedule", Cell::At("/spec/schedule")),
            ("Suspend", Cell::At("/spec/suspend")),
        ],
    ),
    ("customresourcedefinitions.apiextensions.k8s.io", &[]),
    (
        "daemonsets.apps",
        &[
            ("Desired", Cell::At("/status/desiredNumberScheduled")),
            ("Current", Cell::At("/status/currentNumberScheduled")),
            ("Ready", Cell::At("/status/numberReady")),
        ],
    ),
    (
        "deployments.apps",
        &[
            (
                "Ready",
                Cell::Ratio("/status/readyReplicas", "/spec/replicas"),
            ),
            ("Up-to-date", Cell::At("/status/updatedReplicas")),
            ("Available", Cell::At("/status/availableReplicas")),
        ],
    ),
    (
        "events",
        &[
            ("Type", Cell::At("/type")),
            ("Reason", Cell::At("/reason")),
            ("Object", Cell::At("/involvedObject/name")),
            ("Message", Cell::At("/message")),
        ],
    ),
    (
        "jobs.batch",
        &[(
            "Completions",
            Cell::Ratio("/status/succeeded", "/spec/completions"),
        )],
    ),
    ("namespaces", &[("Status", Cell::At("/status/phase"))]),
    (
        "nodes",
        &[
            ("Status", Cell::Ready),
            ("Version", Cell::At("/status/nodeInfo/kubeletVersion")),
        ],
    ),
    (
        "persistentvolumeclaims",
        &[
            ("Status", Cell::At("/status/phase")),
            ("Volume", Cell::At("/spec/volumeName")),
        ],
    ),
    (
        "pods",
        &[
            ("Ready", Cell::ReadyContainers),
            ("Status", Cell::At("/status/phase")),
            ("Restarts", Cell::Restarts),
        ],
    ),
    (
        "replicasets.apps",
        &[
            ("Desired", Cell::At("/spec/replicas")),
            ("Current", Cell::At("/status/replicas")),
            ("Ready", Cell::At("/status/readyReplicas")),
        ],
    ),
    (
        "secrets",
        &[("Type", Cell::At("/type")), ("Data", Cell::Count("data"))],
    ),
    (
        "services",
        &[
            ("Type", Cell::At("/spec/type")),
            ("Cluster-IP", Cell::At("/spec/clusterIP")),
        ],
    ),
    (
        "statefulsets.apps",
        &[(
            "Ready",
            Cell::Ratio("/status/readyReplicas", "/spec/replicas"),
        )],
    ),
];

#[derive(Clone, Copy, Debug)]
enum Cell {
    /// The value at a JSON pointer.
    At(&'static str),
    /// Two numbers, `a/b`.
    Ratio(&'static str, &'static str),
    /// Number of members.
    Count(&'static str),
    /// `Ready` or `NotReady` by the condition of that name.
    Ready,
    /// Ready and all containers.
    ReadyContainers,
    /// Sum of container restarts.
    Restarts,
}

/// The table of some objects. `columns` is false for later events of a watch.
pub(crate) fn table(
    gr: &GroupResource,
    framing: &Framing,
    objects: &[Arc<Object>],
    columns: bool,
) -> Value {
    let name = gr.to_string();
    let cells = COLUMNS
        .iter()
        .find(|(resource, _)| *resource == name)
        .map_or(&[][..], |(_, cells)| cells);
    let is_crd = gr.plural == "customresourcedefinitions";
    let age = if is_crd { "Created At" } else { "Age" };
    let definitions: Vec<Value> = std::iter::once(("Name", "name"))
        .chain(cells.iter().map(|(title, _)| (*title, "")))
        .chain([(age, "")])
        .map(|(title, format)| json!({"name": title, "type": "string", "format": format, "description": "", "priority": 0}))
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let value = decode(object, framing).unwrap_or(Value::Null);
            let created = value["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
            let mut row = vec![Value::from(&*object.name)];
            row.extend(cells.iter().map(|(_, cell)| cell.read(&value)));
            row.push(if is_crd { created.into() } else { age_of(created).into() });
            json!({"cells": row, "object": {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"],
            }})
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "columnDefinitions": if columns { Value::from(definitions) } else { Value::Null },
        "rows": rows,
    })
}

impl Cell {
    fn read(self, object: &Value) -> Value {
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        let containers = || {
            object["status"]["containerStatuses"]
                .as_array()
                .into_iter()
                .flatten()
        };
        match self {
            Self::At(pointer) => match object.pointer(pointer) {
                None | Some(Value::Null) => "".into(),
                Some(Value::String(text)) => text.as_str().into(),
                Some(other) => other.to_string().into(),
            },
            Self::Ratio(a, b) => format!("{}/{}", number(a), number(b)).into(),
            Self::Count(key) => object[key]
                .as_object()
                .map_or(0, serde_json::Map::len)
                .to_string()
                .into(),
            Self::Ready => {
                let conditions = object["status"]["conditions"]
                    .as_array()
                    .into_iter()
                    .flatten();
                let ready = conditions
                    .into_iter()
                    .any(|c| c["type"] == "Ready" && c["status"] == "True");
                if ready { "Ready" } else { "NotReady" }.into()
            }
            Self::ReadyContainers => {
                let ready = containers().filter(|c| c["ready"] == true).count();
                let all = object["spec"]["containers"].as_array().map_or(0, Vec::len);
                format!("{ready}/{all}").into()
            }
            Self::Restarts => containers()
                .filter_map(|c| c["restartCount"].as_i64())
                .sum::<i64>()
                .to_string()
                .into(),
        }
    }
}

/// An age as kubectl prints it: the largest one or two units.
fn age_of(created: &str) -> String {
    let Ok(created) = created.parse::<jiff::Timestamp>() else {
        return "<unknown>".to_owned();
    };
    let seconds = jiff::Timestamp::now()
        .duration_since(created)
        .as_secs()
        .max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => format!("{minutes}m{}s", seconds % 60),
        600..10_800 => format!("{minutes}m"),
        10_800..172_800 => format!("{hours}h"),
        _ => format!("{days}d"),
    }
}
