//! The captured cluster: what is installed there is found, once, with its version.

use std::path::Path;

use meshsync_fingerprint::{Engine, State, Verdict};
use meshsync_model::Index;
use serde_json::Value;

use crate::support::builtin;

/// Everything a captured cluster listed.
fn observe(dir: &Path) -> Engine {
    let mut engine = Engine::new(builtin());
    let mut index = Index::new();
    let mut files: Vec<_> = walk(&dir.join("cluster/list"));
    files.sort();
    for file in files {
        let list: Value = serde_json::from_slice(&meshsync_testkit::gunzip(&file)).expect("a list");
        let kind = list["kind"].as_str().unwrap_or_default();
        let Some(kind) = kind.strip_suffix("List") else {
            continue;
        };
        let api_version = list["apiVersion"].as_str().unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        for item in list["items"].as_array().into_iter().flatten() {
            let bytes = item.to_string();
            let object = index.parse(bytes.as_bytes()).expect("an object");
            engine.apply(group, kind, &object);
        }
    }
    engine
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Product, namespace and version of what was installed there, each from its own
/// manifests.
const INSTALLED: &[(&str, &str, &str)] = &[
    ("argo-cd", "argocd", "3.5.1"),
    ("cert-manager", "cert-manager", "1.19.4"),
    ("cilium", "kube-system", "1.16.5"),
    ("cloudnative-pg", "cnpg-system", "1.30.0"),
    ("consul", "consul", "2.0.3"),
    ("contour", "contour", "1.32.1"),
    ("crossplane", "crossplane-system", "2.3.4"),
    ("envoy-gateway", "envoy-gateway-system", "1.9.0"),
    ("external-secrets", "external-secrets", "2.9.0"),
    ("falco", "falco", "0.44.1"),
    ("flux", "flux-system", "2.8.5"),
    ("gatekeeper", "gatekeeper-system", "3.23.0"),
    ("grafana", "monitoring", "13.2.0"),
    ("grafana", "obs", "13.2.0"),
    ("ingress-nginx", "edge", "1.15.1"),
    ("ingress-nginx", "ingress-nginx", "1.15.1"),
    ("istio", "istio-system", "1.30.3"),
    ("keda", "keda", "2.20.2"),
    ("knative-serving", "knative-serving", "1.21.1"),
    ("kyverno", "kyverno", "1.19.0"),
    ("linkerd", "linkerd", "edge-26.8.3"),
    ("linkerd-viz", "linkerd-viz", "edge-26.8.3"),
    ("loki", "grafana-loki", "3.5.3"),
    ("metallb", "metallb-system", "0.16.1"),
    ("nats", "nats", "2.14.2"),
    ("node-exporter", "kube-prometheus", "1.9.1"),
    ("node-exporter", "monitoring", "1.12.1"),
    (
        "opentelemetry-operator",
        "opentelemetry-operator-system",
        "0.158.0",
    ),
    ("prometheus-operator", "default", "0.85.0"),
    ("prometheus-operator", "kube-prometheus", "0.85.0"),
    ("redis", "redis", "8.2.1"),
    ("rook-ceph", "rook-ceph", "1.20.6"),
    ("sealed-secrets", "kube-system", "0.36.6"),
    ("strimzi", "kafka", "1.2.0"),
    ("tempo", "tempo", "2.9.0"),
    ("traefik", "traefik", "3.7.11"),
    ("trivy-operator", "trivy-system", "0.32.0"),
    ("vault", "vault", "2.0.4"),
    ("velero", "velero", "1.18.1"),
];

#[test]
fn what_is_installed_is_found_once_with_its_version() {
    let test = "what_is_installed_is_found_once_with_its_version";
    let Some(dir) = meshsync_testkit::require_reference(test) else {
        return;
    };
    let mut engine = observe(&dir);
    let verdicts = engine.verdicts();
    let mut wrong = Vec::new();
    for &(product, namespace, version) in INSTALLED {
        let found: Vec<&Verdict> = verdicts
            .iter()
            .filter(|verdict| {
                let here = verdict.namespace.as_deref() == Some(namespace);
                verdict.product == product && here && verdict.state == State::Identified
            })
            .collect();
        if found.len() != 1 || found[0].version.as_deref() != Some(version) {
            wrong.push(format!("{product} in {namespace}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing but a few of its thousands of objects says anything.
    assert!(engine.remembered() < 1_500, "{}", engine.remembered());
}
