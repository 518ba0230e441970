//! One rule of a role, and what it allows.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>

use serde::{Deserialize, Serialize};

use super::{Attributes, Object};

/// A `PolicyRule`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) api_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) non_resource_urls: Vec<String>,
}

impl Rule {
    /// Everything there is.
    pub(crate) fn everything() -> [Self; 2] {
        let all = || vec!["*".to_owned()];
        [
            Self {
                verbs: all(),
                api_groups: all(),
                resources: all(),
                ..Self::default()
            },
            Self {
                verbs: all(),
                non_resource_urls: all(),
                ..Self::default()
            },
        ]
    }

    /// Whether the rule allows what is asked for.
    pub(crate) fn allows(&self, wanted: &Attributes) -> bool {
        if !has(&self.verbs, &wanted.verb) {
            return false;
        }
        match &wanted.object {
            Object::Resource {
                group,
                resource,
                subresource,
                name,
                ..
            } => {
                has(&self.api_groups, group)
                    && self.names_resource(resource, subresource)
                    && (self.resource_names.is_empty() || self.resource_names.contains(name))
            }
            Object::Path(path) => self.non_resource_urls.iter().any(|url| {
                url == path
                    || url
                        .strip_suffix('*')
                        .is_some_and(|start| path.starts_with(start))
            }),
        }
    }

    fn names_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources.iter().any(|rule| {
            if rule == "*" {
                return true;
            }
            match rule.split_once('/') {
                None => subresource.is_empty() && rule == resource,
                Some((parent, sub)) => {
                    !subresource.is_empty()
                        && sub == subresource
                        && (parent == "*" || parent == resource)
                }
            }
        })
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `rule` is a rule as JSON, `wanted` is `verb group/resource/subresource/name` or `verb /path`.
    fn check(rule: &str, wanted: &str, expected: bool) {
        let rule: Rule = serde_json::from_str(rule).unwrap();
        let (verb, object) = wanted.split_once(' ').unwrap();
        let object = if object.starts_with('/') {
            Object::Path(object.to_owned())
        } else {
            let parts: Vec<&str> = object.split('|').collect();
            Object::Resource {
                group: parts[0].to_owned(),
                resource: parts[1].to_owned(),
                subresource: parts[2].to_owned(),
                namespace: String::new(),
                name: parts[3].to_owned(),
            }
        };
        let verb = verb.to_owned();
        assert_eq!(
            rule.allows(&Attributes { verb, object }),
            expected,
            "{rule:?} {wanted}"
        );
    }

    #[test]
    fn rules_allow_what_the_documentation_says() {
        let pods = r#"{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}"#;
        check(pods, "get |pods||a", true);
        check(pods, "watch |pods||", false);
        check(pods, "get apps|pods||a", false);
        check(pods, "get |pods|log|a", false);
        let log = r#"{"verbs":["get"],"apiGroups":[""],"resources":["pods/log"]}"#;
        check(log, "get |pods|log|a", true);
        check(log, "get |pods||a", false);
        let scale = r#"{"verbs":["get"],"apiGroups":["*"],"resources":["*/scale"]}"#;
        check(scale, "get apps|deployments|scale|a", true);
        check(scale, "get apps|deployments|status|a", false);
        let named =
            r#"{"verbs":["*"],"apiGroups":[""],"resources":["configmaps"],"resourceNames":["a"]}"#;
        check(named, "update |configmaps||a", true);
        check(named, "update |configmaps||b", false);
        check(named, "list |configmaps||", false);
        let all = r#"{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}"#;
        check(all, "patch x.io|things|status|a", true);
        check(all, "get /metrics", false);
        let urls = r#"{"verbs":["get"],"nonResourceURLs":["/healthz/*","/version"]}"#;
        check(urls, "get /version", true);
        check(urls, "get /versions", false);
        check(urls, "get /healthz/etcd", true);
        check(urls, "post /version", false);
        check(urls, "get |pods||a", false);
    }
}
