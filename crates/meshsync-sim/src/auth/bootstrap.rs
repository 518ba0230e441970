//! The roles a real server brings along, as far as clients rely on them.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings>

use serde_json::{Value, json};

use crate::{
    api::GroupResource,
    store::{Store, WriteOptions},
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Creates the default ClusterRoles and their bindings, unless the cluster has them.
pub(crate) fn ensure_default_roles(store: &mut Store) {
    for (name, labels, content) in roles() {
        let mut role = content;
        role["metadata"] =
            json!({"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}});
        if let Some(label) = labels {
            role["metadata"]["labels"][label] = "true".into();
        }
        ensure(store, "clusterroles", name, role);
    }
    for (role, group) in [
        ("cluster-admin", "system:masters"),
        ("system:basic-user", "system:authenticated"),
        ("system:discovery", "system:authenticated"),
        ("system:public-info-viewer", "system:unauthenticated"),
    ] {
        let subject = |group: &str| json!({"apiGroup": GROUP, "kind": "Group", "name": group});
        let mut subjects = vec![subject(group)];
        if group == "system:unauthenticated" {
            subjects.insert(0, subject("system:authenticated"));
        }
        let binding = json!({
            "metadata": {"name": role, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": subjects,
        });
        ensure(store, "clusterrolebindings", role, binding);
    }
}

fn ensure(store: &mut Store, plural: &str, name: &str, object: Value) {
    let gr = GroupResource::new(GROUP, plural);
    if store.get(&gr, name).is_some() {
        return;
    }
    if let Err(status) = store.create(&gr, "", object, WriteOptions::default()) {
        tracing::warn!(%gr, name, %status, "default role not created");
    }
}

/// Name, label that aggregates it, and content.
fn roles() -> Vec<(&'static str, Option<&'static str>, Value)> {
    let view = "rbac.authorization.k8s.io/aggregate-to-view";
    let edit = "rbac.authorization.k8s.io/aggregate-to-edit";
    let aggregated = |label: &str| json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]}});
    let rule = |verbs: &[&str], group: &str, resources: &[&str]| json!({"verbs": verbs, "apiGroups": [group], "resources": resources});
    let paths = |paths: &[&str]| json!({"rules": [{"verbs": ["get"], "nonResourceURLs": paths}]});
    let read = &["get", "list", "watch"];
    let write = &["create", "delete", "deletecollection", "patch", "update"];
    let reviews = [
        rule(
            &["create"],
            "authorization.k8s.io",
            &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        ),
        rule(
            &["create"],
            "authentication.k8s.io",
            &["selfsubjectreviews"],
        ),
    ];
    vec![
        (
            "cluster-admin",
            None,
            json!({"rules": [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]}),
        ),
        ("system:basic-user", None, json!({"rules": reviews})),
        (
            "system:discovery",
            None,
            paths(&[
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ]),
        ),
        (
            "system:public-info-viewer",
            None,
            paths(&["/healthz", "/livez", "/readyz", "/version", "/version/"]),
        ),
        ("view", Some(edit), aggregated(view)),
        ("edit", None, aggregated(edit)),
        (
            "system:aggregate-to-view",
            Some(view),
            json!({"rules": [
                rule(read, "", &[
                    "bindings", "configmaps", "endpoints", "events", "limitranges", "namespaces", "namespaces/status",
                    "persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log", "pods/status",
                    "replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status",
                    "resourcequotas", "resourcequotas/status", "serviceaccounts", "services", "services/status",
                ]),
                rule(read, "apps", &[
                    "controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
                    "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
                    "statefulsets/scale", "statefulsets/status",
                ]),
                rule(read, "autoscaling", &["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
                rule(read, "batch", &["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
                rule(read, "discovery.k8s.io", &["endpointslices"]),
                rule(read, "networking.k8s.io", &["ingresses", "ingresses/status", "networkpolicies"]),
                rule(read, "policy", &["poddisruptionbudgets", "poddisruptionbudgets/status"]),
            ]}),
        ),
        (
            "system:aggregate-to-edit",
            Some(edit),
            json!({"rules": [
                rule(read, "", &["secrets"]),
                rule(write, "", &[
                    "configmaps", "events", "persistentvolumeclaims", "pods", "replicationcontrollers", "secrets",
                    "serviceaccounts", "services", "services/proxy",
                ]),
                rule(&["create"], "", &["serviceaccounts/token"]),
                rule(write, "apps", &["daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"]),
                rule(write, "autoscaling", &["horizontalpodautoscalers"]),
                rule(write, "batch", &["cronjobs", "jobs"]),
                rule(write, "networking.k8s.io", &["ingresses", "networkpolicies"]),
                rule(write, "policy", &["poddisruptionbudgets"]),
            ]}),
        ),
    ]
}
