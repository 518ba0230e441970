//! The aggregated discovery document (`apidiscovery.k8s.io/v2`), which is also the shape in
//! which the simulator keeps its resources.

use serde::{Deserialize, Serialize};

/// One `APIGroupDiscoveryList`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AggregatedList {
    pub(crate) items: Vec<DiscoveryGroup>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DiscoveryGroup {
    pub(crate) metadata: GroupName,
    pub(crate) versions: Vec<DiscoveryVersion>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct GroupName {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DiscoveryVersion {
    pub(crate) version: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<DiscoveryResource>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) freshness: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiscoveryResource {
    pub(crate) resource: String,
    #[serde(default)]
    pub(crate) response_kind: ResponseKind,
    #[serde(default)]
    pub(crate) scope: String,
    #[serde(default)]
    pub(crate) singular_resource: String,
    pub(crate) verbs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) short_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) subresources: Vec<DiscoverySubresource>,
}

impl DiscoveryResource {
    pub(crate) fn namespaced(&self) -> bool {
        self.scope == "Namespaced"
    }

    pub(crate) fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    pub(crate) fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    pub(crate) fn subresource(&self, name: &str) -> Option<&DiscoverySubresource> {
        self.subresources.iter().find(|sub| sub.subresource == name)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ResponseKind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiscoverySubresource {
    pub(crate) subresource: String,
    #[serde(default)]
    pub(crate) response_kind: ResponseKind,
    pub(crate) verbs: Vec<String>,
}
