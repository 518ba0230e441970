//! What Kubernetes serves by itself, for where no cluster can be asked.

use meshsync_model::{Gvk, Resource};

use super::{Answer, Catalog, Discovered, DiscoveredGroup, DiscoveredVersion, RootAnswer};

/// A group at its preferred version: its resources by plural, kind, and whether they live in
/// namespaces.
type Group = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str, bool)],
);

/// Group, version, plural, kind, and whether it lives in namespaces; groups in the server's
/// order. Only what every cluster from 1.31 on serves unless told otherwise. Source: the API
/// reference of Kubernetes 1.36.
const SERVED: &[Group] = &[
    (
        "",
        "v1",
        &[
            ("componentstatuses", "ComponentStatus", false),
            ("configmaps", "ConfigMap", true),
            ("endpoints", "Endpoints", true),
            ("events", "Event", true),
            ("limitranges", "LimitRange", true),
            ("namespaces", "Namespace", false),
            ("nodes", "Node", false),
            ("persistentvolumeclaims", "PersistentVolumeClaim", true),
            ("persistentvolumes", "PersistentVolume", false),
            ("pods", "Pod", true),
            ("podtemplates", "PodTemplate", true),
            ("replicationcontrollers", "ReplicationController", true),
            ("resourcequotas", "ResourceQuota", true),
            ("secrets", "Secret", true),
            ("serviceaccounts", "ServiceAccount", true),
            ("services", "Service", true),
        ],
    ),
    (
        "apiregistration.k8s.io",
        "v1",
        &[("apiservices", "APIService", false)],
    ),
    (
        "apps",
        "v1",
        &[
            ("controllerrevisions", "ControllerRevision", true),
            ("daemonsets", "DaemonSet", true),
            ("deployments", "Deployment", true),
            ("replicasets", "ReplicaSet", true),
            ("statefulsets", "StatefulSet", true),
        ],
    ),
    ("events.k8s.io", "v1", &[("events", "Event", true)]),
    (
        "autoscaling",
        "v2",
        &[("horizontalpodautoscalers", "HorizontalPodAutoscaler", true)],
    ),
    (
        "batch",
        "v1",
        &[("cronjobs", "CronJob", true), ("jobs", "Job", true)],
    ),
    (
        "certificates.k8s.io",
        "v1",
        &[(
            "certificatesigningrequests",
            "CertificateSigningRequest",
            false,
        )],
    ),
    (
        "networking.k8s.io",
        "v1",
        &[
            ("ingressclasses", "IngressClass", false),
            ("ingresses", "Ingress", true),
            ("networkpolicies", "NetworkPolicy", true),
        ],
    ),
    (
        "policy",
        "v1",
        &[("poddisruptionbudgets", "PodDisruptionBudget", true)],
    ),
    (
        "rbac.authorization.k8s.io",
        "v1",
        &[
            ("clusterrolebindings", "ClusterRoleBinding", false),
            ("clusterroles", "ClusterRole", false),
            ("rolebindings", "RoleBinding", true),
            ("roles", "Role", true),
        ],
    ),
    (
        "storage.k8s.io",
        "v1",
        &[
            ("csidrivers", "CSIDriver", false),
            ("csinodes", "CSINode", false),
            ("csistoragecapacities", "CSIStorageCapacity", true),
            ("storageclasses", "StorageClass", false),
            ("volumeattachments", "VolumeAttachment", false),
        ],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        &[
            (
                "mutatingwebhookconfigurations",
                "MutatingWebhookConfiguration",
                false,
            ),
            (
                "validatingadmissionpolicies",
                "ValidatingAdmissionPolicy",
                false,
            ),
            (
                "validatingadmissionpolicybindings",
                "ValidatingAdmissionPolicyBinding",
                false,
            ),
            (
                "validatingwebhookconfigurations",
                "ValidatingWebhookConfiguration",
                false,
            ),
        ],
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        &[(
            "customresourcedefinitions",
            "CustomResourceDefinition",
            false,
        )],
    ),
    (
        "scheduling.k8s.io",
        "v1",
        &[("priorityclasses", "PriorityClass", false)],
    ),
    ("coordination.k8s.io", "v1", &[("leases", "Lease", true)]),
    (
        "node.k8s.io",
        "v1",
        &[("runtimeclasses", "RuntimeClass", false)],
    ),
    (
        "discovery.k8s.io",
        "v1",
        &[("endpointslices", "EndpointSlice", true)],
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        "v1",
        &[
            ("flowschemas", "FlowSchema", false),
            (
                "prioritylevelconfigurations",
                "PriorityLevelConfiguration",
                false,
            ),
        ],
    ),
];

impl Catalog {
    /// What Kubernetes serves by itself, without anything installed: for where no cluster can be
    /// asked. Custom resources are not in it.
    pub fn of_kubernetes() -> Self {
        let group = |(name, version, resources): &Group| {
            let resource = |(plural, kind, namespaced): &(&str, &str, bool)| {
                let mut resource =
                    Resource::new(Gvk::new(*name, *version, *kind), *plural, *namespaced);
                resource.singular = kind.to_lowercase();
                resource.watchable = *plural != "componentstatuses";
                resource
            };
            DiscoveredGroup {
                name: (*name).to_owned(),
                versions: vec![DiscoveredVersion {
                    version: (*version).to_owned(),
                    answer: Answer::Served(resources.iter().map(resource).collect()),
                }],
            }
        };
        let (core, named): (Vec<_>, Vec<_>) = SERVED.iter().partition(|(name, ..)| name.is_empty());
        let of = |groups: Vec<_>| RootAnswer::Complete(groups.into_iter().map(group).collect());
        Self::update(
            None,
            Discovered {
                core: of(core),
                named: of(named),
            },
        )
    }
}
