//! Whether a manifest fits the schema of its kind: every field known, every value of its type.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceAccount};
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::manifests::{combinations, kustomize, of_kind};

/// Of the Prometheus Operator, as far as we use it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read for its shape")]
struct ServiceMonitor {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: ServiceMonitorSpec,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for its shape")]
struct ServiceMonitorSpec {
    selector: LabelSelector,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for its shape")]
struct Endpoint {
    port: String,
    path: String,
    interval: String,
}

/// What is wrong with a manifest.
fn complaints(object: &Value) -> Vec<String> {
    let api_version = object["apiVersion"].as_str().unwrap_or_default();
    let kind = object["kind"].as_str().unwrap_or_default();
    match (api_version, kind) {
        ("v1", "ConfigMap") => read::<ConfigMap>(object),
        ("v1", "Namespace") => read::<Namespace>(object),
        ("v1", "Service") => read::<Service>(object),
        ("v1", "ServiceAccount") => read::<ServiceAccount>(object),
        ("apps/v1", "Deployment") => read::<Deployment>(object),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => {
            read::<CustomResourceDefinition>(object)
        }
        ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema") => read::<FlowSchema>(object),
        ("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration") => {
            read::<PriorityLevelConfiguration>(object)
        }
        ("monitoring.coreos.com/v1", "ServiceMonitor") => read::<ServiceMonitor>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => read::<NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => read::<PodDisruptionBudget>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => read::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            read::<ClusterRoleBinding>(object)
        }
        ("rbac.authorization.k8s.io/v1", "Role") => read::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => read::<RoleBinding>(object),
        _ => vec![format!("no schema for {api_version} {kind}")],
    }
}

fn read<T: DeserializeOwned>(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let outcome = serde_ignored::deserialize::<_, _, T>(object, |path| {
        found.push(format!("unknown field {path}"));
    });
    if let Err(error) = outcome {
        found.push(error.to_string());
    }
    found
}

#[test]
fn every_manifest_fits_the_schema_of_its_kind() {
    let Some(all) = combinations() else { return };
    for (name, objects) in all {
        assert!(!objects.is_empty(), "{name}");
        for object in objects {
            assert_eq!(
                complaints(&object),
                Vec::<String>::new(),
                "{name}: {object}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let Some(base) = kustomize("base") else {
        return;
    };
    let deployment = of_kind(&base, "Deployment")[0];
    let check = |pointer: &str, value: Value, expected: &str| {
        let mut changed = deployment.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[key] = value;
        let found = complaints(&changed);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{pointer}: {found:?}"
        );
    };
    check(
        "/spec/template/spec/containers/0/readynessProbe",
        json!({}),
        "readynessProbe",
    );
    check("/spec/replicas", json!("two"), "invalid type");
    check("/apiVersion", json!("apps/v2"), "no schema for apps/v2");
}
