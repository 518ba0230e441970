//! The names the original has built in. Most of them are no names of resources.

use meshsync_discovery::Pattern;

/// All 71, in the original's order. 21 are plural names that exist; most others
/// are singular, some at versions long gone, some of nothing at all. Meshery's
/// lists of what to observe and what not are written in these names.
const NAMES: [&str; 71] = [
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
    "ingressclass.v1.networking.k8s.io",
    "endpoints.v1.",
    "endpointslices.v1.discovery.k8s.io",
    "container.v1.core",
    "job.v1.batch",
    "service.apis",
    "csidriver.v1.storage.k8s.io",
    "csinode.v1.storage.k8s.io",
    "csistoragecapacity.v1.storage.k8s.io",
    "volume.v1.",
    "volumeattributesclass.v1alpha1.storage.k8s.io",
    "clustertrustbundle.v1alpha1.certificates.k8s.io",
    "controllerrevision.v1.apps",
    "customresourcedefinition.v1.apiextensions.k8s.io",
    "event.v1.events.k8s.io",
    "limitrange.v1.",
    "horizontalpodautoscaler.v2.autoscaling",
    "mutatingwebhookconfiguration.v1.admissionregistration.k8s.io",
    "podschedulingcontext.v1alpha2.resource.k8s.io",
    "podtemplate.v1.",
    "poddisruptionbudget.v1.policy",
    "priorityclass.v1.scheduling.k8s.io",
    "resourceclaim.v1alpha2.resource.k8s.io",
    "resourceclaimtemplate.v1alpha2.resource.k8s.io",
    "resourceclass.v1alpha2.resource.k8s.io",
    "validatingwebhookconfiguration.v1.admissionregistration.k8s.io",
    "validatingadmissionpolicy.v1beta1.admissionregistration.k8s.io",
    "validatingadmissionpolicybinding.v1beta1.admissionregistration.k8s.io",
    "binding.v1.",
    "certificatesigningrequest.v1.certificates.k8s.io",
    "clusterrolebinding.v1.rbac.authorization.k8s.io",
    "componentstatus.v1.",
    "flowschema.v1.flowcontrol.apiserver.k8s.io",
    "ipaddress.v1alpha1.networking.k8s.io",
    "lease.v1.coordination.k8s.io",
    "localsubjectaccessreview.v1.authorization.k8s.io",
    "node.v1.",
    "networkpolicy.v1.networking.k8s.io",
    "prioritylevelconfiguration.v1.flowcontrol.apiserver.k8s.io",
    "resourcequota.v1.",
    "role.v1.rbac.authorization.k8s.io",
    "rolebinding.v1.rbac.authorization.k8s.io",
    "runtimeclass.v1.node.k8s.io",
    "selfsubjectaccessreview.v1.authorization.k8s.io",
    "selfsubjectreview.v1.authentication.k8s.io",
    "selfsubjectrulesreview.v1.authorization.k8s.io",
    "serviceaccount.v1.",
    "servicecidr.v1alpha1.networking.k8s.io",
    "storageversion.v1alpha1.internal.apiserver.k8s.io",
    "subjectaccessreview.v1.authorization.k8s.io",
    "tokenrequest.v1.authentication.k8s.io",
    "tokenreview.v1.authentication.k8s.io",
    "cronjobs.v1.batch",
    "replicationcontrollers.v1.",
    "storageclasses.v1.storage.k8s.io",
    "clusterroles.v1.rbac.authorization.k8s.io",
    "volumeattachments.v1.storage.k8s.io",
    "apiservices.v1.apiregistration.k8s.io",
];

/// Names no server has anything to list under.
const NOTHING: [&str; 12] = [
    "binding.v1.",
    "container.v1.core",
    "localsubjectaccessreview.v1.authorization.k8s.io",
    "selfsubjectaccessreview.v1.authorization.k8s.io",
    "selfsubjectreview.v1.authentication.k8s.io",
    "selfsubjectrulesreview.v1.authorization.k8s.io",
    "service.apis",
    "storageversion.v1alpha1.internal.apiserver.k8s.io",
    "subjectaccessreview.v1.authorization.k8s.io",
    "tokenrequest.v1.authentication.k8s.io",
    "tokenreview.v1.authentication.k8s.io",
    "volume.v1.",
];

/// Left out unless somebody names them: they say what happened, or little.
const NOISE: [&str; 3] = [
    "componentstatus.v1.",
    "event.v1.events.k8s.io",
    "lease.v1.coordination.k8s.io",
];

/// What a legacy name stands for: the resource of that singular or plural name,
/// at the version the server prefers. `None` for any other name.
pub(super) fn pattern(name: &str) -> Option<Pattern> {
    if !NAMES.contains(&name) || NOTHING.contains(&name) {
        return None;
    }
    let (resource, rest) = name.split_once('.')?;
    let (_version, group) = rest.split_once('.')?;
    Pattern::parse(&format!("{resource}.{group}")).ok()
}

/// Whether it is a legacy name of nothing.
pub(super) fn is_nothing(name: &str) -> bool {
    NOTHING.contains(&name)
}

/// What a list of exceptions is taken from: everything the names stand for.
pub(super) fn everything() -> Vec<Pattern> {
    let names = NAMES.iter().filter(|name| !NOISE.contains(name));
    names.filter_map(|name| pattern(name)).collect()
}

#[cfg(test)]
mod tests {
    use meshsync_model::{Gvk, Resource};

    use super::*;

    fn check(name: &str, gvk: Gvk, plural: &str, singular: &str) {
        let mut resource = Resource::new(gvk, plural, true);
        singular.clone_into(&mut resource.singular);
        assert!(pattern(name).unwrap().matches(&resource), "{name}");
    }

    #[test]
    fn singular_names_and_versions_that_are_gone_find_the_real_resource() {
        check(
            "job.v1.batch",
            Gvk::new("batch", "v1", "Job"),
            "jobs",
            "job",
        );
        check(
            "ipaddress.v1alpha1.networking.k8s.io",
            Gvk::new("networking.k8s.io", "v1", "IPAddress"),
            "ipaddresses",
            "ipaddress",
        );
        check(
            "limitrange.v1.",
            Gvk::new("", "v1", "LimitRange"),
            "limitranges",
            "limitrange",
        );
    }

    #[test]
    fn names_of_nothing_stand_for_nothing() {
        for name in NOTHING {
            assert!(NAMES.contains(&name) && pattern(name).is_none(), "{name}");
        }
        assert_eq!(pattern("pods.v1.shop"), None);
        assert_eq!(
            everything().len(),
            NAMES.len() - NOTHING.len() - NOISE.len()
        );
    }
}
