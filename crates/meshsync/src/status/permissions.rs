//! What is not seen for want of permission, and what would change that.

use std::collections::BTreeSet;

use meshsync_discovery::{Grants, Place, Subject};
use meshsync_informer::{Access, NotSeen, ResourceSnapshot};
use meshsync_model::Resource;
use serde::{Deserialize, Serialize};

/// Name of the roles that would fix it.
const ROLE: &str = "meshsync-missing";

/// So many namespaces a status names for each resource.
const NAMESPACES_MAX: usize = 100;

/// What is missing, in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PermissionsStatus {
    /// Who the API server takes us for, where it says so.
    pub user: Option<String>,
    /// How many resources are not seen in full.
    pub resources: usize,
    /// Roles and bindings that are missing, in YAML for `kubectl apply`.
    pub fix: String,
}

/// What is seen of one resource, where that is not everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccessStatus {
    /// The namespaces in which it is observed, each by a watch of its own; 100 at
    /// most.
    pub namespaces: Vec<String>,
    /// What is not seen, in words.
    pub not_seen: String,
    /// The rules that are missing, by place; 100 places at most.
    pub rules: Vec<MissingRules>,
}

/// The rules that are missing in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MissingRules {
    /// `Role` or `ClusterRole`.
    pub kind: String,
    /// Namespace of a Role.
    pub namespace: Option<String>,
    /// Its rules, in YAML.
    pub rules: String,
}

impl PermissionsStatus {
    pub(super) fn of(resources: &[ResourceSnapshot], user: Option<String>) -> Option<Self> {
        let mut missing = Grants::default();
        let mut count = 0;
        for resource in resources {
            if let Some(access) = &resource.access {
                let grants = access.missing(&resource.resource);
                count += usize::from(!grants.is_empty());
                missing.extend(&grants);
            }
        }
        if missing.is_empty() {
            return None;
        }
        let subject = Subject::of_user(user.as_deref().unwrap_or("WHO-MESHSYNC-RUNS-AS"));
        Some(Self {
            user,
            resources: count,
            fix: missing.manifests(ROLE, &subject).to_string(),
        })
    }
}

impl AccessStatus {
    pub(super) fn of(access: &Access, resource: &Resource) -> Self {
        let missing = access.missing(resource);
        let rules = missing.places().take(NAMESPACES_MAX).map(|place| {
            let (kind, namespace) = match place {
                Place::Cluster => ("ClusterRole", None),
                Place::Namespace(name) => ("Role", Some(name.clone())),
            };
            MissingRules {
                kind: kind.to_owned(),
                namespace,
                rules: missing.rules_yaml(place),
            }
        });
        Self {
            not_seen: match &access.not_seen {
                NotSeen::Nothing => "nothing".to_owned(),
                NotSeen::Namespaces(names) => format!("namespaces {}", first(names).join(", ")),
                NotSeen::TheRest if access.namespaces.is_empty() => "all of it".to_owned(),
                NotSeen::TheRest => "all other namespaces".to_owned(),
            },
            namespaces: first(&access.namespaces),
            rules: rules.collect(),
        }
    }
}

fn first(names: &BTreeSet<String>) -> Vec<String> {
    names.iter().take(NAMESPACES_MAX).cloned().collect()
}
