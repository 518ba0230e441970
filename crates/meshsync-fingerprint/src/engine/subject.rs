//! What kind of object is looked at, and what is read of it.

/// The kinds that carry evidence. Everything else is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `spec.template`.
    Workload,
    CronJob,
    Pod,
    Service,
    Account,
    Crd,
    Webhooks,
    ApiService,
    IngressClass,
    GatewayClass,
    StorageClass,
    CsiDriver,
    Csv,
    ConfigMap,
    /// A Secret in which Helm keeps a release.
    Release,
    /// An object of a group that is not built in.
    Custom,
}

impl Subject {
    pub(crate) fn of(group: &str, kind: &str) -> Option<Self> {
        Some(match (group, kind) {
            ("apps" | "extensions", "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet")
            | ("batch", "Job")
            | ("" | "v1", "ReplicationController")
            | ("apps.openshift.io", "DeploymentConfig")
            | ("argoproj.io", "Rollout") => Self::Workload,
            ("batch", "CronJob") => Self::CronJob,
            // Containers of an engine have the form of a pod's.
            ("", "Pod") | ("engine.meshsync.meshery.io", "Container") => Self::Pod,
            ("", "Service") => Self::Service,
            ("", "ServiceAccount") => Self::Account,
            ("", "ConfigMap") => Self::ConfigMap,
            ("apiextensions.k8s.io", "CustomResourceDefinition") => Self::Crd,
            (
                "admissionregistration.k8s.io",
                "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
            ) => Self::Webhooks,
            ("apiregistration.k8s.io", "APIService") => Self::ApiService,
            ("networking.k8s.io", "IngressClass") => Self::IngressClass,
            ("gateway.networking.k8s.io", "GatewayClass") => Self::GatewayClass,
            ("storage.k8s.io", "StorageClass") => Self::StorageClass,
            ("storage.k8s.io", "CSIDriver") => Self::CsiDriver,
            ("operators.coreos.com", "ClusterServiceVersion") => Self::Csv,
            _ if is_built_in(group) => return None,
            _ => Self::Custom,
        })
    }

    /// Whether it runs something.
    pub(crate) fn is_workload(self) -> bool {
        matches!(self, Self::Workload | Self::CronJob | Self::Pod | Self::Csv)
    }
}

/// Groups that every cluster has. Custom groups may end in `k8s.io` too.
fn is_built_in(group: &str) -> bool {
    !group.contains('.')
        || matches!(
            group,
            "admissionregistration.k8s.io"
                | "apiextensions.k8s.io"
                | "apiregistration.k8s.io"
                | "authentication.k8s.io"
                | "authorization.k8s.io"
                | "certificates.k8s.io"
                | "coordination.k8s.io"
                | "discovery.k8s.io"
                | "events.k8s.io"
                | "flowcontrol.apiserver.k8s.io"
                | "internal.apiserver.k8s.io"
                | "metrics.k8s.io"
                | "networking.k8s.io"
                | "node.k8s.io"
                | "rbac.authorization.k8s.io"
                | "resource.k8s.io"
                | "scheduling.k8s.io"
                | "storage.k8s.io"
                | "storagemigration.k8s.io"
        )
}
