//! What a `SelfSubjectRulesReview` says.

use meshsync_model::Resource;
use serde::Deserialize;

/// What we may do in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Rules {
    resource_rules: Vec<Rule>,
    /// Some authoriser cannot say in advance what it allows: then only asking for
    /// the thing itself tells.
    pub(super) incomplete: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Review {
    status: Rules,
}

impl Rules {
    pub(super) fn parse(document: &[u8]) -> Option<Self> {
        let review = serde_json::from_slice::<Review>(document).ok()?;
        Some(review.status)
    }

    /// Whether all of a resource's objects may be listed, and watched where they
    /// can be.
    pub(super) fn permit(&self, resource: &Resource) -> bool {
        self.permit_verb(resource, "list")
            && (!resource.watchable || self.permit_verb(resource, "watch"))
    }

    fn permit_verb(&self, resource: &Resource, verb: &str) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|it| it == "*" || it == wanted);
        self.resource_rules.iter().any(|rule| {
            // A rule for objects by name does not permit a list of all of them.
            rule.resource_names.is_empty()
                && has(&rule.verbs, verb)
                && has(&rule.api_groups, &resource.gvk.group)
                && has(&rule.resources, &resource.plural)
        })
    }
}

#[cfg(test)]
mod tests {
    use meshsync_model::Gvk;

    use super::*;

    fn check(rule: &str, (group, plural): (&str, &str), expected: bool) {
        let document = format!(r#"{{"status":{{"resourceRules":[{rule}],"incomplete":false}}}}"#);
        let rules = Rules::parse(document.as_bytes()).unwrap();
        let resource = Resource::new(Gvk::new(group, "v1", "Kind"), plural, true);
        assert_eq!(rules.permit(&resource), expected, "{rule} {group} {plural}");
    }

    #[test]
    fn list_and_watch_of_all_objects_is_what_it_takes() {
        let pods = r#"{"verbs":["list","watch"],"apiGroups":[""],"resources":["pods"]}"#;
        check(pods, ("", "pods"), true);
        check(pods, ("", "services"), false);
        check(pods, ("metrics.k8s.io", "pods"), false);
        let list = r#"{"verbs":["list","get"],"apiGroups":[""],"resources":["pods"]}"#;
        check(list, ("", "pods"), false);
        let all = r#"{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}"#;
        check(all, ("apps", "deployments"), true);
        let named = r#"{"verbs":["list","watch"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}"#;
        check(named, ("", "pods"), false);
        let log = r#"{"verbs":["list","watch"],"apiGroups":[""],"resources":["pods/log"]}"#;
        check(log, ("", "pods"), false);
    }

    #[test]
    fn what_is_no_review_is_none() {
        assert_eq!(Rules::parse(b"not found"), None);
    }
}
