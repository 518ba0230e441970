//! The resources an ordinary Kubernetes 1.36 serves without any CustomResourceDefinition.

use super::{
    Catalog, DiscoveryGroup, DiscoveryResource, DiscoverySubresource, DiscoveryVersion, GroupName,
    ResponseKind,
};

/// Verbs by the code used in [`TABLE`].
const VERBS: &[(&str, &[&str])] = &[
    (
        "all",
        &[
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ],
    ),
    ("create", &["create"]),
    ("get", &["get"]),
    ("gpu", &["get", "patch", "update"]),
    (
        "one",
        &[
            "create", "delete", "get", "list", "patch", "update", "watch",
        ],
    ),
    ("read", &["get", "list"]),
    ("update", &["update"]),
];

/// `group versions plural Kind scope(C/N) short-names verbs categories subresources`; `-` is none.
///
/// Groups stand in the order a server lists them, resources in alphabetical order within a group.
/// A Kubernetes 1.36 server answers the same in `/api` and `/apis`.
const TABLE: &str = "
- v1 bindings Binding N - create - -
- v1 componentstatuses ComponentStatus C cs read - -
- v1 configmaps ConfigMap N cm all - -
- v1 endpoints Endpoints N ep all - -
- v1 events Event N ev all - -
- v1 limitranges LimitRange N limits all - -
- v1 namespaces Namespace C ns one - finalize,status
- v1 nodes Node C no all - status
- v1 persistentvolumeclaims PersistentVolumeClaim N pvc all - status
- v1 persistentvolumes PersistentVolume C pv all - status
- v1 pods Pod N po all all binding,eviction,log,status
- v1 podtemplates PodTemplate N - all - -
- v1 replicationcontrollers ReplicationController N rc all all scale,status
- v1 resourcequotas ResourceQuota N quota all - status
- v1 secrets Secret N - all - -
- v1 serviceaccounts ServiceAccount N sa all - token
- v1 services Service N svc all all status
apiregistration.k8s.io v1 apiservices APIService C - all api-extensions status
apps v1 controllerrevisions ControllerRevision N - all - -
apps v1 daemonsets DaemonSet N ds all all status
apps v1 deployments Deployment N deploy all all scale,status
apps v1 replicasets ReplicaSet N rs all all scale,status
apps v1 statefulsets StatefulSet N sts all all scale,status
events.k8s.io v1 events Event N ev all - -
authentication.k8s.io v1 selfsubjectreviews SelfSubjectReview C - create - -
authentication.k8s.io v1 tokenreviews TokenReview C - create - -
authorization.k8s.io v1 localsubjectaccessreviews LocalSubjectAccessReview N - create - -
authorization.k8s.io v1 selfsubjectaccessreviews SelfSubjectAccessReview C - create - -
authorization.k8s.io v1 selfsubjectrulesreviews SelfSubjectRulesReview C - create - -
authorization.k8s.io v1 subjectaccessreviews SubjectAccessReview C - create - -
autoscaling v2,v1 horizontalpodautoscalers HorizontalPodAutoscaler N hpa all all status
batch v1 cronjobs CronJob N cj all all status
batch v1 jobs Job N - all all status
certificates.k8s.io v1 certificatesigningrequests CertificateSigningRequest C csr all - approval,status
networking.k8s.io v1 ingressclasses IngressClass C - all - -
networking.k8s.io v1 ingresses Ingress N ing all - status
networking.k8s.io v1 ipaddresses IPAddress C ip all - -
networking.k8s.io v1 networkpolicies NetworkPolicy N netpol all - -
networking.k8s.io v1 servicecidrs ServiceCIDR C - all - status
policy v1 poddisruptionbudgets PodDisruptionBudget N pdb all - status
rbac.authorization.k8s.io v1 clusterrolebindings ClusterRoleBinding C - all - -
rbac.authorization.k8s.io v1 clusterroles ClusterRole C - all - -
rbac.authorization.k8s.io v1 rolebindings RoleBinding N - all - -
rbac.authorization.k8s.io v1 roles Role N - all - -
storage.k8s.io v1 csidrivers CSIDriver C - all - -
storage.k8s.io v1 csinodes CSINode C - all - -
storage.k8s.io v1 csistoragecapacities CSIStorageCapacity N - all - -
storage.k8s.io v1 storageclasses StorageClass C sc all - -
storage.k8s.io v1 volumeattachments VolumeAttachment C - all - status
storage.k8s.io v1 volumeattributesclasses VolumeAttributesClass C vac all - -
admissionregistration.k8s.io v1 mutatingadmissionpolicies MutatingAdmissionPolicy C - all api-extensions -
admissionregistration.k8s.io v1 mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding C - all api-extensions -
admissionregistration.k8s.io v1 mutatingwebhookconfigurations MutatingWebhookConfiguration C - all api-extensions -
admissionregistration.k8s.io v1 validatingadmissionpolicies ValidatingAdmissionPolicy C - all api-extensions status
admissionregistration.k8s.io v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding C - all api-extensions -
admissionregistration.k8s.io v1 validatingwebhookconfigurations ValidatingWebhookConfiguration C - all api-extensions -
apiextensions.k8s.io v1 customresourcedefinitions CustomResourceDefinition C crd,crds all api-extensions status
scheduling.k8s.io v1 priorityclasses PriorityClass C pc all - -
coordination.k8s.io v1 leases Lease N - all - -
node.k8s.io v1 runtimeclasses RuntimeClass C - all - -
discovery.k8s.io v1 endpointslices EndpointSlice N - all - -
resource.k8s.io v1 deviceclasses DeviceClass C - all - -
resource.k8s.io v1 resourceclaims ResourceClaim N - all - status
resource.k8s.io v1 resourceclaimtemplates ResourceClaimTemplate N - all - -
resource.k8s.io v1 resourceslices ResourceSlice C - all - -
flowcontrol.apiserver.k8s.io v1 flowschemas FlowSchema C - all - status
flowcontrol.apiserver.k8s.io v1 prioritylevelconfigurations PriorityLevelConfiguration C - all - status
";

/// Subresources whose object is of another kind than their parent: `(name, group, version, kind, verbs)`.
const FOREIGN: &[(&str, &str, &str, &str, &str)] = &[
    ("binding", "", "", "Binding", "create"),
    ("eviction", "policy", "v1", "Eviction", "create"),
    ("scale", "autoscaling", "v1", "Scale", "gpu"),
    (
        "token",
        "authentication.k8s.io",
        "v1",
        "TokenRequest",
        "create",
    ),
];

/// The catalog of a cluster without custom resources.
pub(crate) fn builtin_catalog() -> Catalog {
    let mut groups: Vec<DiscoveryGroup> = Vec::new();
    for row in TABLE.lines().filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = row
            .split(' ')
            .map(|c| if c == "-" { "" } else { c })
            .collect();
        let [
            group,
            versions,
            plural,
            kind,
            scope,
            short,
            verb_code,
            categories,
            subs,
        ] = columns[..]
        else {
            continue;
        };
        if groups.last().is_none_or(|last| last.metadata.name != group) {
            let metadata = GroupName {
                name: group.to_owned(),
            };
            groups.push(DiscoveryGroup {
                metadata,
                versions: Vec::new(),
            });
        }
        let resource = DiscoveryResource {
            resource: plural.to_owned(),
            response_kind: response_kind("", "", kind),
            scope: if scope == "N" {
                "Namespaced"
            } else {
                "Cluster"
            }
            .to_owned(),
            singular_resource: kind.to_lowercase(),
            verbs: verbs(verb_code),
            short_names: words(short),
            categories: words(categories),
            subresources: words(subs)
                .iter()
                .map(|name| subresource(name, kind))
                .collect(),
        };
        let Some(last) = groups.last_mut() else {
            continue;
        };
        for version in words(versions) {
            match last.versions.iter_mut().find(|v| v.version == version) {
                Some(known) => known.resources.push(resource.clone()),
                None => last.versions.push(DiscoveryVersion {
                    version,
                    resources: vec![resource.clone()],
                    freshness: "Current".to_owned(),
                }),
            }
        }
    }
    let core = groups.remove(0);
    Catalog::new(core, groups)
}

fn words(list: &str) -> Vec<String> {
    list.split(',')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn verbs(code: &str) -> Vec<String> {
    let row = VERBS.iter().find(|(name, _)| *name == code);
    row.map(|(_, verbs)| verbs.iter().map(|verb| (*verb).to_owned()).collect())
        .unwrap_or_default()
}

fn response_kind(group: &str, version: &str, kind: &str) -> ResponseKind {
    ResponseKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    }
}

fn subresource(name: &str, parent_kind: &str) -> DiscoverySubresource {
    let foreign = FOREIGN.iter().find(|row| row.0 == name);
    let (response_kind, code) = match foreign {
        Some((_, group, version, kind, code)) => (response_kind(group, version, kind), *code),
        None => (
            response_kind("", "", parent_kind),
            match name {
                "finalize" => "update",
                "log" => "get",
                _ => "gpu",
            },
        ),
    };
    DiscoverySubresource {
        subresource: name.to_owned(),
        response_kind,
        verbs: verbs(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_complete() {
        let rows = TABLE.lines().filter(|line| !line.is_empty());
        assert!(rows.clone().all(|row| row.split(' ').count() == 9));
        let catalog = builtin_catalog();
        assert_eq!(
            catalog.resources().count(),
            rows.count() + 1,
            "autoscaling is served in two versions"
        );
        assert!(
            catalog
                .resources()
                .all(|(_, _, resource)| !resource.verbs.is_empty())
        );
    }
}
