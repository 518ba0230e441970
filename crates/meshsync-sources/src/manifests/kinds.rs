//! From a kind to the resource that an API server would serve it as.

use std::collections::HashMap;
use std::sync::Arc;

use meshsync_model::{Gvk, Resource};

/// Group, kind, plural and whether objects live in namespaces, of what every
/// cluster serves. Source: the API reference of Kubernetes 1.36, and what older
/// versions served.
const BUILT_IN: &[(&str, &str, &str, bool)] = &[
    ("", "ConfigMap", "configmaps", true),
    ("", "Endpoints", "endpoints", true),
    ("", "Event", "events", true),
    ("", "LimitRange", "limitranges", true),
    ("", "Namespace", "namespaces", false),
    ("", "Node", "nodes", false),
    ("", "PersistentVolume", "persistentvolumes", false),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "Pod", "pods", true),
    ("", "PodTemplate", "podtemplates", true),
    ("", "ReplicationController", "replicationcontrollers", true),
    ("", "ResourceQuota", "resourcequotas", true),
    ("", "Secret", "secrets", true),
    ("", "Service", "services", true),
    ("", "ServiceAccount", "serviceaccounts", true),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    ),
    ("apiregistration.k8s.io", "APIService", "apiservices", false),
    ("apps", "ControllerRevision", "controllerrevisions", true),
    ("apps", "DaemonSet", "daemonsets", true),
    ("apps", "Deployment", "deployments", true),
    ("apps", "ReplicaSet", "replicasets", true),
    ("apps", "StatefulSet", "statefulsets", true),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        true,
    ),
    ("batch", "CronJob", "cronjobs", true),
    ("batch", "Job", "jobs", true),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        false,
    ),
    ("coordination.k8s.io", "Lease", "leases", true),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices", true),
    ("events.k8s.io", "Event", "events", true),
    (
        "flowcontrol.apiserver.k8s.io",
        "FlowSchema",
        "flowschemas",
        false,
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        false,
    ),
    ("networking.k8s.io", "IPAddress", "ipaddresses", false),
    ("networking.k8s.io", "Ingress", "ingresses", true),
    ("networking.k8s.io", "IngressClass", "ingressclasses", false),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        "networkpolicies",
        true,
    ),
    ("networking.k8s.io", "ServiceCIDR", "servicecidrs", false),
    ("node.k8s.io", "RuntimeClass", "runtimeclasses", false),
    (
        "policy",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        true,
    ),
    ("policy", "PodSecurityPolicy", "podsecuritypolicies", false),
    (
        "rbac.authorization.k8s.io",
        "ClusterRole",
        "clusterroles",
        false,
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    ),
    ("rbac.authorization.k8s.io", "Role", "roles", true),
    (
        "rbac.authorization.k8s.io",
        "RoleBinding",
        "rolebindings",
        true,
    ),
    ("resource.k8s.io", "DeviceClass", "deviceclasses", false),
    ("resource.k8s.io", "ResourceClaim", "resourceclaims", true),
    (
        "resource.k8s.io",
        "ResourceClaimTemplate",
        "resourceclaimtemplates",
        true,
    ),
    ("resource.k8s.io", "ResourceSlice", "resourceslices", false),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        "priorityclasses",
        false,
    ),
    ("storage.k8s.io", "CSIDriver", "csidrivers", false),
    ("storage.k8s.io", "CSINode", "csinodes", false),
    (
        "storage.k8s.io",
        "CSIStorageCapacity",
        "csistoragecapacities",
        true,
    ),
    ("storage.k8s.io", "StorageClass", "storageclasses", false),
    (
        "storage.k8s.io",
        "VolumeAttachment",
        "volumeattachments",
        false,
    ),
    (
        "storage.k8s.io",
        "VolumeAttributesClass",
        "volumeattributesclasses",
        false,
    ),
];

/// The kinds that are known: those of every cluster, and those that manifests
/// define.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    custom: HashMap<(String, String), (String, bool)>,
    /// One for all objects of a kind and version.
    resources: HashMap<Gvk, Arc<Resource>>,
}

impl Kinds {
    /// Learns the kind that a definition defines, from its `spec`.
    pub(super) fn learn(&mut self, spec: &serde_json::Value) {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let names = &spec["names"];
        if let (Some(group), Some(kind), Some(plural)) = (
            text(&spec["group"]),
            text(&names["kind"]),
            text(&names["plural"]),
        ) {
            let namespaced = spec["scope"] != "Cluster";
            let known = self
                .custom
                .insert((group, kind), (plural.clone(), namespaced));
            if known.is_some_and(|known| known != (plural, namespaced)) {
                self.resources.clear();
            }
        }
    }

    /// Whether it is known and not guessed what a kind is served as.
    pub(super) fn knows(&self, gvk: &Gvk) -> bool {
        built_in(gvk).is_some()
            || self
                .custom
                .contains_key(&(gvk.group.clone(), gvk.kind.clone()))
    }

    /// The resource of a kind. One that is not known is taken to be named as
    /// most are, and to live in namespaces.
    pub(super) fn resource(&mut self, gvk: &Gvk) -> Arc<Resource> {
        if let Some(resource) = self.resources.get(gvk) {
            return Arc::clone(resource);
        }
        let custom = self.custom.get(&(gvk.group.clone(), gvk.kind.clone()));
        let (plural, namespaced) = match (built_in(gvk), custom) {
            (Some((plural, namespaced)), _) => (plural.to_owned(), namespaced),
            (None, Some((plural, namespaced))) => (plural.clone(), *namespaced),
            (None, None) => (plural_of(&gvk.kind), true),
        };
        let resource = Arc::new(Resource::new(gvk.clone(), plural, namespaced));
        self.resources.insert(gvk.clone(), Arc::clone(&resource));
        resource
    }
}

fn built_in(gvk: &Gvk) -> Option<(&'static str, bool)> {
    // Where they were before: extensions/v1beta1 and the like.
    let group = match gvk.group.as_str() {
        "extensions" => match gvk.kind.as_str() {
            "Ingress" | "NetworkPolicy" => "networking.k8s.io",
            "PodSecurityPolicy" => "policy",
            _ => "apps",
        },
        group => group,
    };
    BUILT_IN
        .iter()
        .find(|(known, kind, ..)| *known == group && *kind == gvk.kind)
        .map(|(_, _, plural, namespaced)| (*plural, *namespaced))
}

/// As `kubebuilder` and the like name them.
fn plural_of(kind: &str) -> String {
    let kind = kind.to_lowercase();
    let before_last = kind.bytes().rev().nth(1);
    if kind.ends_with(['s', 'x', 'z']) || kind.ends_with("ch") || kind.ends_with("sh") {
        format!("{kind}es")
    } else if kind.ends_with('y') && !before_last.is_some_and(|b| b"aeiou".contains(&b)) {
        format!("{}ies", &kind[..kind.len() - 1])
    } else {
        format!("{kind}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_served_under_their_plurals() {
        let mut kinds = Kinds::default();
        let mut check = |group: &str, kind: &str, plural: &str, namespaced: bool| {
            let resource = kinds.resource(&Gvk::new(group, "v1", kind));
            assert_eq!(
                (&*resource.plural, resource.namespaced),
                (plural, namespaced)
            );
        };
        check("", "Endpoints", "endpoints", true);
        check("extensions", "Ingress", "ingresses", true);
        check("example.org", "Policy", "policies", true);
        check("example.org", "Gateway", "gateways", true);
        check("example.org", "Mesh", "meshes", true);
        kinds.learn(&serde_json::json!({
            "group": "example.org", "scope": "Cluster",
            "names": {"kind": "Sheep", "plural": "sheep"},
        }));
        let sheep = kinds.resource(&Gvk::new("example.org", "v1", "Sheep"));
        assert_eq!((&*sheep.plural, sheep.namespaced), ("sheep", false));
    }
}
