//! Permissions, as Roles and bindings to apply.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use meshsync_model::Resource;

/// Where a permission counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Everywhere, and what is of cluster scope.
    Cluster,
    /// In one namespace.
    Namespace(String),
}

/// Who is permitted something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A ServiceAccount.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Anybody else by name.
    User(String),
}

impl Subject {
    /// By the name that an API server gives somebody.
    pub fn of_user(name: &str) -> Self {
        let account = name
            .strip_prefix("system:serviceaccount:")
            .and_then(|account| account.split_once(':'));
        match account {
            Some((namespace, name)) => Self::ServiceAccount {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            None => Self::User(name.to_owned()),
        }
    }
}

/// What is to be permitted; each thing once, in order.
///
/// Its text is YAML for `kubectl apply -f -`: a ClusterRole or Role per place,
/// and a binding of each.
///
/// ```
/// use meshsync_discovery::{Grants, Place};
/// use meshsync_model::{Gvk, Resource};
///
/// let pods = Resource::new(Gvk::new("", "v1", "Pod"), "pods", true);
/// let mut grants = Grants::default();
/// grants.observe(Place::Namespace("shop".to_owned()), &pods);
/// assert!(grants.rules_yaml(&Place::Namespace("shop".to_owned())).contains("\"pods\""));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    rules: BTreeMap<Place, BTreeSet<Grant>>,
}

/// One verb on one resource, or on one object of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// API group; empty for the core one.
    pub group: String,
    /// Name of the resource in paths, such as `pods` or `pods/log`.
    pub plural: String,
    /// Name of the one object.
    pub name: Option<String>,
    /// What may be done.
    pub verb: &'static str,
}

/// A rule as Kubernetes writes it: what has the same group, verbs and names
/// shares one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: String,
    name: Option<String>,
    verbs: Vec<&'static str>,
}

impl Grants {
    /// What observing a resource takes: `list`, and `watch` where it can be watched.
    pub fn observe(&mut self, place: Place, resource: &Resource) {
        self.verb(&place, resource, "list");
        if resource.watchable {
            self.verb(&place, resource, "watch");
        }
    }

    /// What looking at single objects takes: after a list that could not be read in
    /// full, and in checks.
    pub fn look_at(&mut self, place: Place, resource: &Resource) {
        self.verb(&place, resource, "get");
    }

    /// A verb on a resource by its names, or on the one object `name`.
    pub fn allow(
        &mut self,
        place: Place,
        verb: &'static str,
        (group, plural): (&str, &str),
        name: Option<&str>,
    ) {
        self.rules.entry(place).or_default().insert(Grant {
            group: group.to_owned(),
            plural: plural.to_owned(),
            name: name.map(str::to_owned),
            verb,
        });
    }

    /// All of another one too.
    pub fn extend(&mut self, other: &Self) {
        for (place, grants) in &other.rules {
            let own = self.rules.entry(place.clone()).or_default();
            own.extend(grants.iter().cloned());
        }
    }

    /// Whether nothing is to be permitted.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Everything that is to be permitted, and where.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, &Grant)> {
        let rules = self.rules.iter();
        rules.flat_map(|(place, grants)| grants.iter().map(move |grant| (place, grant)))
    }

    /// The places something is to be permitted in.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.rules.keys()
    }

    /// The `rules` of one place, as a YAML list.
    pub fn rules_yaml(&self, place: &Place) -> String {
        let mut text = String::new();
        for (key, plurals) in self.merged(place) {
            let plurals: Vec<&str> = plurals.iter().map(String::as_str).collect();
            text.push_str(&format!("- apiGroups: {}\n", list(&[&key.group])));
            text.push_str(&format!("  resources: {}\n", list(&plurals)));
            if let Some(name) = &key.name {
                text.push_str(&format!("  resourceNames: {}\n", list(&[name])));
            }
            text.push_str(&format!("  verbs: {}\n", list(&key.verbs)));
        }
        text
    }

    /// Roles called `name` in every place, and their bindings to `subject`.
    pub fn manifests<'a>(&'a self, name: &'a str, subject: &'a Subject) -> Manifests<'a> {
        Manifests {
            grants: self,
            name,
            subject,
        }
    }

    fn verb(&mut self, place: &Place, resource: &Resource, verb: &'static str) {
        let names = (resource.gvk.group.as_str(), resource.plural.as_str());
        self.allow(place.clone(), verb, names, None);
    }

    fn merged(&self, place: &Place) -> BTreeMap<Key, BTreeSet<String>> {
        let mut verbs: BTreeMap<(&str, &str, Option<&str>), Vec<&'static str>> = BTreeMap::new();
        for grant in self.rules.get(place).into_iter().flatten() {
            let of = (
                grant.group.as_str(),
                grant.plural.as_str(),
                grant.name.as_deref(),
            );
            verbs.entry(of).or_default().push(grant.verb);
        }
        let mut merged: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
        for ((group, plural, name), verbs) in verbs {
            let key = Key {
                group: group.to_owned(),
                name: name.map(str::to_owned),
                verbs,
            };
            merged.entry(key).or_default().insert(plural.to_owned());
        }
        merged
    }
}

/// Roles and bindings as text; see [`Grants::manifests`].
#[derive(Debug)]
pub struct Manifests<'a> {
    grants: &'a Grants,
    name: &'a str,
    subject: &'a Subject,
}

const GROUP: &str = "rbac.authorization.k8s.io";

impl fmt::Display for Manifests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = quote(self.name);
        for (at, place) in self.grants.places().enumerate() {
            let (role, metadata) = match place {
                Place::Cluster => ("ClusterRole", format!("metadata:\n  name: {name}\n")),
                Place::Namespace(namespace) => (
                    "Role",
                    format!(
                        "metadata:\n  name: {name}\n  namespace: {}\n",
                        quote(namespace)
                    ),
                ),
            };
            if at > 0 {
                f.write_str("---\n")?;
            }
            write!(
                f,
                "apiVersion: {GROUP}/v1\nkind: {role}\n{metadata}rules:\n"
            )?;
            for line in self.grants.rules_yaml(place).lines() {
                writeln!(f, "  {line}")?;
            }
            write!(
                f,
                "---\napiVersion: {GROUP}/v1\nkind: {role}Binding\n{metadata}roleRef:\n  \
                 apiGroup: {GROUP}\n  kind: {role}\n  name: {name}\nsubjects:\n"
            )?;
            match self.subject {
                Subject::ServiceAccount { namespace, name } => write!(
                    f,
                    "  - kind: ServiceAccount\n    name: {}\n    namespace: {}\n",
                    quote(name),
                    quote(namespace)
                )?,
                Subject::User(name) => write!(
                    f,
                    "  - apiGroup: {GROUP}\n    kind: User\n    name: {}\n",
                    quote(name)
                )?,
            }
        }
        Ok(())
    }
}

/// YAML takes what JSON quotes.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use meshsync_model::Gvk;

    use super::*;

    #[test]
    fn resources_that_need_the_same_share_a_rule() {
        let resource =
            |group: &str, plural: &str| Resource::new(Gvk::new(group, "v1", "Kind"), plural, true);
        let mut grants = Grants::default();
        for plural in ["services", "pods"] {
            grants.observe(Place::Cluster, &resource("", plural));
        }
        grants.observe(Place::Cluster, &resource("apps", "deployments"));
        grants.allow(
            Place::Cluster,
            "get",
            ("", "namespaces"),
            Some("kube-system"),
        );
        let subject = Subject::of_user("system:serviceaccount:shop:agent");
        assert_eq!(
            grants.manifests("meshsync", &subject).to_string(),
            r#"apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: "meshsync"
rules:
  - apiGroups: [""]
    resources: ["pods", "services"]
    verbs: ["list", "watch"]
  - apiGroups: [""]
    resources: ["namespaces"]
    resourceNames: ["kube-system"]
    verbs: ["get"]
  - apiGroups: ["apps"]
    resources: ["deployments"]
    verbs: ["list", "watch"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: "meshsync"
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: "meshsync"
subjects:
  - kind: ServiceAccount
    name: "agent"
    namespace: "shop"
"#
        );
    }

    #[test]
    fn in_a_namespace_it_is_a_role_and_text_is_quoted() {
        let pods = Resource::new(Gvk::new("", "v1", "Pod"), "pods", true);
        let mut grants = Grants::default();
        grants.observe(Place::Namespace("shop".to_owned()), &pods);
        let subject = Subject::of_user("jane \"x\"");
        let text = grants.manifests("m", &subject).to_string();
        for line in [
            "kind: Role",
            "kind: RoleBinding",
            "  namespace: \"shop\"",
            "    name: \"jane \\\"x\\\"\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
