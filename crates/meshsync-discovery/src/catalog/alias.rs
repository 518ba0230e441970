//! Groups that serve the same objects under two names.

/// One set of objects that two groups serve.
pub(super) struct Alias {
    /// Plural name in both groups.
    pub(super) plural: &'static str,
    /// The group to observe it in.
    pub(super) keep: &'static str,
    /// The group that is left out while the other one is served.
    pub(super) drop: &'static str,
}

const fn alias(plural: &'static str, keep: &'static str, drop: &'static str) -> Alias {
    Alias { plural, keep, drop }
}

/// Every pair Kubernetes stores once and serves twice.
///
/// Source: the `AddCohabitatingResources` calls in Kubernetes'
/// `pkg/kubeapiserver/default_storage_factory_builder.go`. One of them is missing here:
/// `extensions` `replicationcontrollers` had a scale subresource and no objects.
///
/// `endpoints` and `endpointslices.discovery.k8s.io` are not a pair: different objects, with their
/// own names and uids.
pub(super) const ALIASES: &[Alias] = &[
    // events.k8s.io/v1 since 1.19. Core is kept: older tools, the original among them, speak it.
    alias("events", "", "events.k8s.io"),
    // extensions/v1beta1 stopped serving these in 1.16:
    // https://kubernetes.io/docs/reference/using-api/deprecation-guide/#v1-16
    alias("daemonsets", "apps", "extensions"),
    alias("deployments", "apps", "extensions"),
    alias("networkpolicies", "networking.k8s.io", "extensions"),
    alias("podsecuritypolicies", "policy", "extensions"),
    alias("replicasets", "apps", "extensions"),
    // and this one in 1.22:
    // https://kubernetes.io/docs/reference/using-api/deprecation-guide/#ingress-v122
    alias("ingresses", "networking.k8s.io", "extensions"),
];
