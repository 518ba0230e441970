//! CustomResourceDefinitions and custom objects.

use serde_json::{Value, json};

use super::{emit::Emit, products::CUSTOM, workloads::Workload};

/// A CustomResourceDefinition with one version and an open schema.
pub(super) fn definition(
    group: &str,
    version: &str,
    kind: &str,
    plural: &str,
    namespaced: bool,
) -> Value {
    let scope = if namespaced { "Namespaced" } else { "Cluster" };
    let part = |what: &str| json!({"type": "object", "description": format!("{what} of a {kind}."), "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope, "conversion": {"strategy": "None"},
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{"name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "description": format!("{kind} is the schema of the {plural} API."),
                    "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}, "spec": part("The desired state"), "status": part("The observed state")}}}}],
        },
    })
}

impl Emit<'_> {
    /// The definitions a product brings.
    pub(super) fn definitions(&mut self, namespace: &str) {
        for [group, version, kind, plural, scope, _] in
            CUSTOM.iter().filter(|row| row[5] == namespace)
        {
            let crd = definition(group, version, kind, plural, *scope == "N");
            self.put(
                "apiextensions.k8s.io",
                "customresourcedefinitions",
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                crd,
            );
        }
    }

    fn has(&self, group: &str, plural: &str) -> bool {
        self.store
            .catalog
            .preferred(&crate::api::GroupResource::new(group, plural))
            .is_some()
    }

    /// Custom objects about an application, of the kinds that are defined.
    pub(super) fn custom_objects(&mut self, workload: Workload<'_>) {
        let (name, namespace) = (workload.name, workload.namespace);
        let host = format!("{name}.{namespace}.svc.cluster.local");
        let metadata = json!({"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/name": name}});
        if self.has("monitoring.coreos.com", "servicemonitors") && self.chance(0.5) {
            self.put("monitoring.coreos.com", "servicemonitors", "monitoring.coreos.com/v1", "ServiceMonitor", json!({
                "metadata": metadata,
                "spec": {"endpoints": [{"interval": "30s", "port": "metrics"}], "selector": {"matchLabels": {"app.kubernetes.io/name": name}}},
            }));
        }
        if self.has("networking.istio.io", "virtualservices") && self.chance(0.3) {
            self.put("networking.istio.io", "virtualservices", "networking.istio.io/v1", "VirtualService", json!({
                "metadata": metadata,
                "spec": {"hosts": [host], "http": [{"retries": {"attempts": 3, "perTryTimeout": "2s"}, "route": [{"destination": {"host": host, "port": {"number": 80}}}]}]},
            }));
            self.put("networking.istio.io", "destinationrules", "networking.istio.io/v1", "DestinationRule", json!({
                "metadata": metadata, "spec": {"host": host, "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}}},
            }));
        }
        if self.has("cert-manager.io", "certificates") && self.chance(0.2) {
            let at = self.time();
            self.put("cert-manager.io", "certificates", "cert-manager.io/v1", "Certificate", json!({
                "metadata": metadata,
                "spec": {"secretName": format!("{name}-tls"), "dnsNames": [host], "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"}},
                "status": {"revision": 1, "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "Certificate is up to date", "lastTransitionTime": at}]},
            }));
        }
        if self.has("argoproj.io", "applications") && self.chance(0.1) {
            let revision = self.suffix(40);
            self.put("argoproj.io", "applications", "argoproj.io/v1alpha1", "Application", json!({
                "metadata": {"name": format!("{namespace}-{name}"), "namespace": "argo-cd"},
                "spec": {"project": "default", "destination": {"namespace": namespace, "server": "https://kubernetes.default.svc"},
                         "source": {"repoURL": "https://git.example.com/shops.git", "path": format!("{namespace}/{name}"), "targetRevision": "main"}},
                "status": {"health": {"status": "Healthy"}, "sync": {"status": "Synced", "revision": revision}},
            }));
        }
        if self.has("kafka.strimzi.io", "kafkatopics") && self.chance(0.1) {
            self.put("kafka.strimzi.io", "kafkatopics", "kafka.strimzi.io/v1", "KafkaTopic", json!({
                "metadata": {"name": format!("{namespace}.{name}"), "namespace": "kafka"}, "spec": {"partitions": 12, "replicas": 3},
            }));
        }
    }
}
