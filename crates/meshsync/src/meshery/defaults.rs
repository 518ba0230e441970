//! What is observed where nobody says otherwise.

use meshsync_discovery::{Pattern, Selection};

/// What the original observes without its custom resource: of the 23 names in
/// its list the 21 that exist in every cluster. The other two, Grafana's and
/// Prometheus', are custom resources.
const KINDS: [&str; 21] = [
    "namespaces.v1.",
    "configmaps.v1.",
    "nodes.v1.",
    "secrets.v1.",
    "persistentvolumes.v1.",
    "persistentvolumeclaims.v1.",
    "replicasets.v1.apps",
    "pods.v1.",
    "services.v1.",
    "deployments.v1.apps",
    "statefulsets.v1.apps",
    "daemonsets.v1.apps",
    "ingresses.v1.networking.k8s.io",
    "endpoints.v1.",
    "endpointslices.v1.discovery.k8s.io",
    "cronjobs.v1.batch",
    "replicationcontrollers.v1.",
    "storageclasses.v1.storage.k8s.io",
    "clusterroles.v1.rbac.authorization.k8s.io",
    "volumeattachments.v1.storage.k8s.io",
    "apiservices.v1.apiregistration.k8s.io",
];

/// What Meshery is given by default: the 21 kinds of the original, and every
/// custom resource.
pub fn meshery_selection() -> Selection {
    Selection {
        include: patterns(KINDS).into_iter().map(Into::into).collect(),
        custom: true,
        ..Selection::default()
    }
}

/// Everything that can be listed and watched, for Meshery: the defaults of
/// [`Selection`], but marked as a choice of its own, which a list of names in
/// the custom resource does not narrow.
pub fn meshery_selection_of_everything() -> Selection {
    Selection {
        custom: true,
        ..Selection::default()
    }
}

/// Patterns of texts that are known to be some.
pub(super) fn patterns<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Pattern> {
    let parsed = texts.into_iter().map(Pattern::parse);
    parsed.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_a_pattern() {
        assert_eq!(meshery_selection().include.len(), KINDS.len());
    }
}
