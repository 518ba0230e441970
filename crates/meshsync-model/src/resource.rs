//! Names of resources, in Kubernetes' own words.

use std::fmt;

/// Group, version and kind. The group of the core API is the empty string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// API group, `""` for core.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Kind, such as `Pod`.
    pub kind: String,
}

impl Gvk {
    /// A name from its three parts.
    pub fn new(
        group: impl Into<String>,
        version: impl Into<String>,
        kind: impl Into<String>,
    ) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
        }
    }

    /// The value of `apiVersion`: `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// What identifies a resource across its versions: `deployments.apps`, `pods`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    /// API group, `""` for core.
    pub group: String,
    /// Plural name, lower case.
    pub plural: String,
}

impl ResourceId {
    /// A name from its two parts.
    pub fn new(group: impl Into<String>, plural: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            plural: plural.into(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.plural)
        } else {
            write!(f, "{}.{}", self.plural, self.group)
        }
    }
}

/// A resource as an API server serves it, at one version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Group, version and kind of its objects.
    pub gvk: Gvk,
    /// Plural name, lower case: the last part of its path.
    pub plural: String,
    /// Singular name; empty where the server does not say.
    pub singular: String,
    /// Short names such as `po`.
    pub short_names: Vec<String>,
    /// Categories such as `all`.
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether the server offers `list`.
    pub listable: bool,
    /// Whether the server offers `watch`.
    pub watchable: bool,
}

impl Resource {
    /// A listable, watchable resource without aliases.
    pub fn new(gvk: Gvk, plural: impl Into<String>, namespaced: bool) -> Self {
        Self {
            gvk,
            plural: plural.into(),
            singular: String::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced,
            listable: true,
            watchable: true,
        }
    }

    /// The resource that fingerprints are told as. No server has it.
    pub fn fingerprints() -> Self {
        let gvk = Gvk::new("meshsync.meshery.io", "v1", "Fingerprint");
        Self::new(gvk, "fingerprints", true)
    }

    /// Its identity across versions.
    pub fn id(&self) -> ResourceId {
        ResourceId::new(&self.gvk.group, &self.plural)
    }

    /// Path of the collection over all namespaces: `/apis/apps/v1/deployments`.
    pub fn collection_path(&self) -> String {
        format!("{}/{}", self.group_version_path(), self.plural)
    }

    /// Path of one object. A namespace on a cluster-scoped resource is ignored.
    pub fn object_path(&self, namespace: Option<&str>, name: &str) -> String {
        let base = self.group_version_path();
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("{base}/namespaces/{namespace}/{}/{name}", self.plural)
            }
            _ => format!("{base}/{}/{name}", self.plural),
        }
    }

    /// Whether this is the core `Secret`, whose values are redacted.
    pub fn is_secret(&self) -> bool {
        self.gvk.group.is_empty() && self.gvk.kind == "Secret"
    }

    fn group_version_path(&self) -> String {
        if self.gvk.group.is_empty() {
            format!("/api/{}", self.gvk.version)
        } else {
            format!("/apis/{}/{}", self.gvk.group, self.gvk.version)
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plural, self.gvk.version)?;
        if !self.gvk.group.is_empty() {
            write!(f, ".{}", self.gvk.group)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_api_conventions() {
        let pods = Resource::new(Gvk::new("", "v1", "Pod"), "pods", true);
        assert_eq!(pods.collection_path(), "/api/v1/pods");
        assert_eq!(
            pods.object_path(Some("a"), "b"),
            "/api/v1/namespaces/a/pods/b"
        );
        assert_eq!(pods.id().to_string(), "pods");
        let roles = Resource::new(
            Gvk::new("rbac.authorization.k8s.io", "v1", "ClusterRole"),
            "clusterroles",
            false,
        );
        assert_eq!(
            roles.object_path(Some("ignored"), "admin"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin"
        );
        assert_eq!(
            roles.to_string(),
            "clusterroles.v1.rbac.authorization.k8s.io"
        );
        assert_eq!(roles.gvk.api_version(), "rbac.authorization.k8s.io/v1");
    }
}
