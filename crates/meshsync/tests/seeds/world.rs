//! The cluster of a seed, and what changes in it.

use meshsync_sim::Sim;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::sinks::{Objects, facts};

/// What is observed: group, plural, kind.
pub(crate) const RESOURCES: [(&str, &str, &str); 3] = [
    ("", "configmaps", "ConfigMap"),
    ("", "secrets", "Secret"),
    ("apps", "deployments", "Deployment"),
];

/// Names of objects of each resource.
const NAMES: u32 = 12;

/// Bytes of an object, about; many do not fit into an outbox at once.
const BYTES_MAX: usize = 4_000;

pub(crate) fn id(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

/// One change of the cluster.
pub(crate) fn change(sim: &Sim, rng: &mut StdRng, counter: &mut u64) {
    *counter += 1;
    let (group, plural, kind) = RESOURCES[rng.random_range(0..RESOURCES.len())];
    let name = format!("o-{}", rng.random_range(0..NAMES));
    let delete = || drop(sim.delete(group, plural, Some("default"), &name));
    match rng.random_range(0..10) {
        0..6 => {}
        // Gone, if it was there.
        6..8 => return delete(),
        // Another object of that name.
        _ => delete(),
    }
    sim.apply(object(group, kind, &name, *counter, rng))
        .unwrap();
}

fn object(group: &str, kind: &str, name: &str, counter: u64, rng: &mut StdRng) -> Value {
    let api_version = if group.is_empty() { "v1" } else { "apps/v1" };
    let filler = "é".repeat(rng.random_range(0..BYTES_MAX / 2));
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
    });
    if kind == "Deployment" {
        object["spec"] = json!({"replicas": counter, "template": {"metadata": {"annotations": {"filler": filler}}}});
    } else {
        object["data"] = json!({"counter": counter.to_string(), "filler": filler});
    }
    object
}

/// What the cluster has of what is observed.
pub(crate) fn objects(sim: &Sim) -> Objects {
    let observed = |group: &str, plural: &str| {
        RESOURCES
            .iter()
            .any(|(own, name, _)| (*own, *name) == (group, plural))
    };
    sim.snapshot()
        .filter(|object| observed(&object.group, &object.plural))
        .map(|object| {
            let value: Value = serde_json::from_slice(&object.bytes).unwrap();
            let key = (
                id(&object.group, &object.plural),
                object.namespace.clone(),
                object.name.clone(),
            );
            (key, facts(&value))
        })
        .collect()
}
