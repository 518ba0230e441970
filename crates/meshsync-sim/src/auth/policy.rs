//! Roles and bindings as they stand in the cluster, read once per change.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, de::DeserializeOwned};

use super::{User, rules::Rule};
use crate::{api::GroupResource, store::Store};

const GROUP: &str = "rbac.authorization.k8s.io";
/// The resources a policy is made of.
pub(super) const RESOURCES: [&str; 4] = [
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
];

/// How many roles may aggregate one another in a row; `admin`, `edit` and `view` are three.
const AGGREGATION_DEPTH_MAX: usize = 8;

/// All roles and bindings.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// By namespace (empty for ClusterRoles) and name.
    roles: HashMap<(String, String), Vec<Rule>>,
    cluster_bindings: Vec<Binding>,
    /// By namespace.
    bindings: HashMap<String, Vec<Binding>>,
}

/// A binding that applies to a user, and the rules it gives; `None` when its role is missing.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub(super) binding: &'a Binding,
    pub(super) subject: &'a Subject,
    pub(super) rules: Option<&'a [Rule]>,
}

#[derive(Debug)]
pub(super) struct Binding {
    /// Empty for a ClusterRoleBinding.
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) role: RoleRef,
    subjects: Vec<Subject>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoleRef {
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredRole {
    #[serde(default)]
    rules: Option<Vec<Rule>>,
    #[serde(default)]
    aggregation_rule: Option<Aggregation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Aggregation {
    #[serde(default)]
    cluster_role_selectors: Vec<Selector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Deserialize)]
struct Expression {
    key: String,
    operator: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredBinding {
    role_ref: RoleRef,
    #[serde(default)]
    subjects: Option<Vec<Subject>>,
}

impl Policy {
    /// Reads every role and binding; malformed ones give nothing.
    pub(super) fn read(store: &Store) -> Self {
        let mut policy = Self::default();
        let [cluster_roles, cluster_bindings, roles, bindings] = RESOURCES;
        for (namespace, name, role) in stored::<StoredRole>(store, roles) {
            policy
                .roles
                .insert((namespace, name), role.rules.unwrap_or_default());
        }
        for (name, rules) in cluster_roles_of(store, cluster_roles) {
            policy.roles.insert((String::new(), name), rules);
        }
        let binding = |namespace: String, name: String, stored: StoredBinding| Binding {
            namespace,
            name,
            role: stored.role_ref,
            subjects: stored.subjects.unwrap_or_default(),
        };
        for (namespace, name, found) in stored::<StoredBinding>(store, cluster_bindings) {
            policy
                .cluster_bindings
                .push(binding(namespace, name, found));
        }
        for (namespace, name, found) in stored::<StoredBinding>(store, bindings) {
            policy
                .bindings
                .entry(namespace.clone())
                .or_default()
                .push(binding(namespace, name, found));
        }
        policy
    }

    /// What a user is given in a namespace (empty for the cluster scope), bindings of the cluster
    /// first, as the server asks them.
    pub(super) fn grants<'a>(
        &'a self,
        user: &'a User,
        namespace: &str,
    ) -> impl Iterator<Item = Grant<'a>> {
        let local = self.bindings.get(namespace).into_iter().flatten();
        self.cluster_bindings
            .iter()
            .chain(local)
            .filter_map(move |binding| {
                let subject = binding
                    .subjects
                    .iter()
                    .find(|subject| subject.is(user, &binding.namespace))?;
                let namespace = match binding.role.kind.as_str() {
                    "Role" => binding.namespace.clone(),
                    _ => String::new(),
                };
                let role = (namespace, binding.role.name.clone());
                Some(Grant {
                    binding,
                    subject,
                    rules: self.roles.get(&role).map(Vec::as_slice),
                })
            })
    }
}

impl Subject {
    fn is(&self, user: &User, binding_namespace: &str) -> bool {
        match self.kind.as_str() {
            "User" => self.name == "*" || self.name == user.name,
            "Group" => user.groups.contains(&self.name),
            "ServiceAccount" => {
                let namespace = self.namespace_or(binding_namespace);
                !namespace.is_empty()
                    && user.as_service_account() == Some((namespace, self.name.as_str()))
            }
            _ => false,
        }
    }

    pub(super) fn namespace_or<'a>(&'a self, binding_namespace: &'a str) -> &'a str {
        if self.namespace.is_empty() {
            binding_namespace
        } else {
            &self.namespace
        }
    }
}

impl Selector {
    fn selects<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let labels = self
            .match_labels
            .iter()
            .all(|(key, value)| label(key) == Some(value));
        labels
            && self.match_expressions.iter().all(|wanted| {
                let found = label(&wanted.key);
                let listed =
                    || found.is_some_and(|found| wanted.values.iter().any(|value| value == found));
                match wanted.operator.as_str() {
                    "In" => listed(),
                    "NotIn" => !listed(),
                    "Exists" => found.is_some(),
                    "DoesNotExist" => found.is_none(),
                    _ => false,
                }
            })
    }
}

/// Namespace, name and content of every object of a resource that can be read as `T`.
fn stored<T: DeserializeOwned>(store: &Store, plural: &str) -> Vec<(String, String, T)> {
    let Ok(table) = store.table(&GroupResource::new(GROUP, plural)) else {
        return Vec::new();
    };
    table
        .objects
        .values()
        .filter_map(|object| {
            let content = serde_json::from_slice(&object.body).ok()?;
            Some((
                object.namespace.to_string(),
                object.name.to_string(),
                content,
            ))
        })
        .collect()
}

/// ClusterRoles with what they aggregate. A controller writes that into the role; doing it while
/// reading is never late. A role may aggregate another that aggregates, hence the rounds.
fn cluster_roles_of(store: &Store, plural: &str) -> HashMap<String, Vec<Rule>> {
    let mut rules = HashMap::new();
    let mut aggregating = Vec::new();
    for (_, name, role) in stored::<StoredRole>(store, plural) {
        rules.insert(name.clone(), role.rules.unwrap_or_default());
        if let Some(aggregation) = role.aggregation_rule {
            aggregating.push((name, aggregation.cluster_role_selectors));
        }
    }
    let Ok(table) = store.table(&GroupResource::new(GROUP, plural)) else {
        return rules;
    };
    for _ in 0..AGGREGATION_DEPTH_MAX {
        let mut grew = false;
        for (name, selectors) in &aggregating {
            let selected = table.objects.values().filter(|object| {
                selectors
                    .iter()
                    .any(|selector| selector.selects(|key| object.label(key)))
            });
            let found: Vec<Rule> = selected
                .filter_map(|object| rules.get(&*object.name))
                .flatten()
                .cloned()
                .collect();
            if let Some(own) = rules.get_mut(name) {
                let known = own.len();
                for rule in found {
                    if !own.contains(&rule) {
                        own.push(rule);
                    }
                }
                grew |= own.len() > known;
            }
        }
        if !grew {
            break;
        }
    }
    rules
}

/// Tells two states of the four resources apart.
pub(super) fn fingerprint(store: &Store) -> [(u64, u64); 4] {
    RESOURCES.map(|plural| {
        store
            .table(&GroupResource::new(GROUP, plural))
            .map_or((0, 0), |table| (table.incarnation, table.next_sequence()))
    })
}
