//! Configuration, secrets and permissions.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::emit::Emit;

/// Largest ConfigMap, in bytes of data.
const CONFIG_BYTES_MAX: usize = 200_000;

impl Emit<'_> {
    /// A ConfigMap; most are small, a few are large.
    pub(super) fn config_map(&mut self, namespace: &str, name: &str) {
        let bytes = self.zipf(150, CONFIG_BYTES_MAX);
        let file = self.pick(&[
            "application.yaml",
            "config.json",
            "default.conf",
            "settings.toml",
            "dashboard.json",
        ]);
        let mut lines = String::with_capacity(bytes + 64);
        while lines.len() < bytes {
            let (key, value) = (self.between(1, 999), self.between(0, 99_999));
            lines.push_str(&format!("setting_{key} = \"{value}-{}\"\n", self.suffix(8)));
        }
        let level = self.pick(&["debug", "info", "warn"]);
        let mut metadata = json!({"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "Helm"}});
        if self.chance(0.1) {
            metadata["labels"]["design.meshery.io/id"] = self.uid().into();
        }
        self.put(
            "",
            "configmaps",
            "v1",
            "ConfigMap",
            json!({"metadata": metadata, "data": {"LOG_LEVEL": level, file: lines}}),
        );
    }

    /// The CA bundle every namespace gets.
    pub(super) fn root_ca(&mut self, namespace: &str) {
        let certificate = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            self.text(1100)
        );
        self.put("", "configmaps", "v1", "ConfigMap", json!({
            "metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": certificate},
        }));
    }

    /// A Secret; some were applied by kubectl and carry their own content in an annotation.
    pub(super) fn secret(&mut self, namespace: &str, name: &str) {
        let kind = self.pick(&[
            "Opaque",
            "kubernetes.io/tls",
            "kubernetes.io/dockerconfigjson",
            "Opaque",
        ]);
        let keys: &[&str] = match kind {
            "kubernetes.io/tls" => &["tls.crt", "tls.key"],
            "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
            _ => &["username", "password", "api-key"],
        };
        let mut data = Map::new();
        for key in keys {
            let length = if kind == "kubernetes.io/tls" {
                1200
            } else {
                24
            };
            data.insert((*key).to_owned(), STANDARD.encode(self.text(length)).into());
        }
        let data = Value::Object(data);
        let mut metadata = json!({"name": name, "namespace": namespace, "annotations": {}});
        if self.chance(0.3) {
            let applied = json!({"apiVersion": "v1", "kind": "Secret", "type": kind, "data": data, "metadata": {"name": name, "namespace": namespace, "annotations": {}}});
            metadata["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
                format!("{applied}\n").into();
        }
        self.put(
            "",
            "secrets",
            "v1",
            "Secret",
            json!({"metadata": metadata, "type": kind, "data": data}),
        );
    }

    pub(super) fn service_account(&mut self, namespace: &str, name: &str) {
        self.put(
            "",
            "serviceaccounts",
            "v1",
            "ServiceAccount",
            json!({"metadata": {"name": name, "namespace": namespace}}),
        );
    }

    /// A Role and its binding to the ServiceAccount of the same name.
    pub(super) fn role(&mut self, namespace: &str, name: &str) {
        let rules = json!([
            {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]}
        ]);
        const RBAC: &str = "rbac.authorization.k8s.io";
        const RBAC_V1: &str = "rbac.authorization.k8s.io/v1";
        self.put(
            RBAC,
            "roles",
            RBAC_V1,
            "Role",
            json!({"metadata": {"name": name, "namespace": namespace}, "rules": rules}),
        );
        self.put(
            RBAC,
            "rolebindings",
            RBAC_V1,
            "RoleBinding",
            json!({
                "metadata": {"name": name, "namespace": namespace},
                "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            }),
        );
    }

    /// A ClusterRole and its binding to a ServiceAccount.
    pub(super) fn cluster_role(&mut self, namespace: &str, name: &str) {
        const RBAC: &str = "rbac.authorization.k8s.io";
        const RBAC_V1: &str = "rbac.authorization.k8s.io/v1";
        let role = format!("{namespace}-{name}");
        self.put(RBAC, "clusterroles", RBAC_V1, "ClusterRole", json!({
            "metadata": {"name": role},
            "rules": [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
        }));
        self.put(RBAC, "clusterrolebindings", RBAC_V1, "ClusterRoleBinding", json!({
            "metadata": {"name": role}, "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }));
    }
}
