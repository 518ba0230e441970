//! What people do to manifests may cost confidence, and never changes the product.

use std::collections::BTreeSet;

use meshsync_fingerprint::{Image, State, Verdict, VersionStatus};
use serde_json::{Value, json};

use crate::corpus::{Manifest, manifests};
use crate::support::{builtin, products, verdicts};

fn containers(object: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    match object {
        Value::Object(members) => {
            for (name, value) in members {
                if (name == "containers" || name == "initContainers") && value.is_array() {
                    value
                        .as_array_mut()
                        .into_iter()
                        .flatten()
                        .for_each(&mut *change);
                } else {
                    containers(value, change);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| containers(item, change)),
        _ => {}
    }
}

fn images(object: &mut Value, change: &dyn Fn(&str) -> String) {
    containers(object, &mut |container| {
        if let Some(image) = container["image"].as_str().map(change) {
            container["image"] = Value::from(image);
        }
    });
}

fn without_registry(image: &str) -> String {
    match Image::parse(image).registry {
        Some(registry) => image[registry.len() + 1..].to_owned(),
        None => image.to_owned(),
    }
}

fn swap_registry(object: &mut Value) {
    images(object, &|image| {
        format!("registry.corp.example:5000/{}", without_registry(image))
    });
}

fn prefix_registry(object: &mut Value) {
    images(object, &|image| {
        format!("harbor.corp.example/cache/{}", without_registry(image))
    });
}

fn pin_by_digest(object: &mut Value) {
    images(object, &|image| {
        let parsed = Image::parse(image);
        let registry = parsed
            .registry
            .map_or_else(String::new, |name| format!("{name}/"));
        format!("{registry}{}@sha256:{}", parsed.path, "0".repeat(64))
    });
}

fn rename(object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let metadata = &mut object["metadata"];
    if metadata.get("namespace").is_some() {
        metadata["namespace"] = json!("team-a");
    }
    let runs = [
        "Deployment",
        "DaemonSet",
        "StatefulSet",
        "Job",
        "CronJob",
        "Service",
        "ServiceAccount",
    ];
    if runs.contains(&kind.as_str())
        && let Some(name) = metadata["name"].as_str()
    {
        let sum: u32 = name.bytes().map(u32::from).sum();
        metadata["name"] = Value::from(format!("x{sum}-{}", name.len()));
    }
    if let Some(instance) = metadata["labels"].get_mut("app.kubernetes.io/instance") {
        *instance = json!("blue");
    }
}

fn drop_recommended_labels(object: &mut Value) {
    match object {
        Value::Object(members) => {
            for (name, value) in members {
                if let ("labels" | "matchLabels", Value::Object(labels)) =
                    (name.as_str(), &mut *value)
                {
                    labels.retain(|key, _| !key.starts_with("app.kubernetes.io/"));
                }
                drop_recommended_labels(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(drop_recommended_labels),
        _ => {}
    }
}

fn inject(object: &mut Value) {
    let pod = match object["kind"].as_str() {
        Some("Pod") => object.get_mut("spec"),
        Some("Deployment" | "DaemonSet" | "StatefulSet" | "Job") => {
            object.pointer_mut("/spec/template/spec")
        }
        _ => None,
    };
    if let Some(containers) = pod.and_then(|pod| pod.get_mut("containers")?.as_array_mut()) {
        containers.push(json!({
            "name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.30.3",
            "args": ["proxy", "sidecar", "--domain", "x.svc.cluster.local"],
            "ports": [{"containerPort": 15090, "name": "http-envoy-prom"}],
        }));
    }
}

/// Changes every manifest, and compares what is found before and after.
fn check(test: &str, change: fn(&mut Value)) {
    let Some(dir) = meshsync_testkit::require_reference(test) else {
        return;
    };
    let catalog = builtin();
    let mut wrong = Vec::new();
    for Manifest { path, objects, .. } in manifests(&dir) {
        let before = verdicts(&catalog, objects);
        let mut changed = objects.clone();
        changed.iter_mut().for_each(change);
        let after = verdicts(&catalog, &changed);
        wrong.extend(differences(path, &before, &after));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn differences(path: &str, before: &[Verdict], after: &[Verdict]) -> Vec<String> {
    let known: BTreeSet<&str> = before
        .iter()
        .filter(|verdict| verdict.state >= State::Ambiguous)
        .map(|verdict| verdict.product.as_str())
        .collect();
    let mut wrong: Vec<String> = products(after, State::Identified)
        .difference(&known)
        .map(|new| format!("{path}: {new} is identified, and was not seen before"))
        .collect();
    for verdict in after
        .iter()
        .filter(|verdict| verdict.version_status == VersionStatus::Agreed)
    {
        let stated: Vec<Option<&str>> = before
            .iter()
            .filter(|other| other.product == verdict.product)
            .map(|other| other.version.as_deref())
            .collect();
        if !stated.contains(&verdict.version.as_deref()) {
            wrong.push(format!(
                "{path}: {} {:?} is agreed, and was {stated:?}",
                verdict.product, verdict.version
            ));
        }
    }
    wrong
}

#[test]
fn another_registry() {
    check("another_registry", swap_registry);
}

#[test]
fn a_mirror_in_front() {
    check("a_mirror_in_front", prefix_registry);
}

#[test]
fn pinned_by_digest() {
    check("pinned_by_digest", pin_by_digest);
}

#[test]
fn renamed() {
    check("renamed", rename);
}

#[test]
fn without_recommended_labels() {
    check("without_recommended_labels", drop_recommended_labels);
}

#[test]
fn with_a_sidecar_in_every_pod() {
    check("with_a_sidecar_in_every_pod", inject);
}

#[test]
fn thirty_products_in_one_cluster() {
    let Some(dir) = meshsync_testkit::require_reference("thirty_products_in_one_cluster") else {
        return;
    };
    let catalog = builtin();
    let all = manifests(&dir);
    // Every 29th, so that each cluster has other neighbours.
    for first in 0..29 {
        let some: Vec<&Manifest> = all.iter().skip(first).step_by(29).collect();
        let mut alone = BTreeSet::new();
        let mut merged = Vec::new();
        for manifest in &some {
            let verdicts = verdicts(&catalog, &manifest.objects);
            alone.extend(verdicts.into_iter().map(|verdict| verdict.product));
            merged.extend(manifest.objects.iter().cloned());
        }
        let verdicts = verdicts(&catalog, &merged);
        let found = products(&verdicts, State::Identified);
        let wrong: Vec<_> = found.iter().filter(|id| !alone.contains(**id)).collect();
        assert!(wrong.is_empty(), "from {first}: {wrong:?}");
    }
}
