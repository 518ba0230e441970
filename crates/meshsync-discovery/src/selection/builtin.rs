//! The groups that are Kubernetes' own.

/// Groups a Kubernetes API server serves by itself, deprecated ones and those of
/// the usual metrics servers included. Source: the API reference and the
/// deprecation guide of Kubernetes 1.16 to 1.36.
///
/// The suffix `.k8s.io` alone says nothing: `gateway.networking.k8s.io` and
/// others of that form come with custom resource definitions.
const BUILTIN: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "auditregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "custom.metrics.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "external.metrics.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "metrics.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "settings.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Whether resources of a group are custom: defined in the cluster, or served by
/// an extension of the API server.
pub(super) fn is_custom(group: &str) -> bool {
    !BUILTIN.contains(&group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_does_not_make_a_group_builtin() {
        assert!(is_custom("gateway.networking.k8s.io"));
        assert!(is_custom("meshery.io"));
        assert!(!is_custom("networking.k8s.io") && !is_custom(""));
    }
}
