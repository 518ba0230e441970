//! Questions about permissions and identities that the server answers without storing anything.

use serde_json::{Value, json};

use super::{Attributes, Authorizer, User, Users};
use crate::{
    api::{GroupResource, Status},
    store::Store,
};

/// Answers a review; `None` when the resource is none.
pub(crate) fn review(
    store: &Store,
    authorizer: &Authorizer,
    users: &Users,
    user: &User,
    gr: &GroupResource,
    body: &Value,
) -> Option<Result<Value, Status>> {
    let spec = &body["spec"];
    let status = match (gr.group.as_str(), gr.plural.as_str()) {
        ("authorization.k8s.io", "selfsubjectaccessreviews") => {
            access(store, authorizer, user, spec)
        }
        ("authorization.k8s.io", "subjectaccessreviews" | "localsubjectaccessreviews") => {
            access(store, authorizer, &subject(spec), spec)
        }
        ("authorization.k8s.io", "selfsubjectrulesreviews") => {
            Ok(rules(store, authorizer, user, spec))
        }
        ("authentication.k8s.io", "selfsubjectreviews") => Ok(json!({"userInfo": info(user)})),
        ("authentication.k8s.io", "tokenreviews") => Ok(token(users, spec)),
        _ => return None,
    };
    Some(status.map(|status| {
        let mut answer = body.clone();
        answer["metadata"] = json!({});
        answer["status"] = status;
        answer
    }))
}

fn access(
    store: &Store,
    authorizer: &Authorizer,
    user: &User,
    spec: &Value,
) -> Result<Value, Status> {
    let wanted = Attributes::of_review(spec).ok_or_else(|| {
        Status::invalid(
            "SelfSubjectAccessReview.authorization.k8s.io",
            "",
            "spec.resourceAttributes",
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )
    })?;
    let decision = authorizer.decide(store, user, &wanted);
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    Ok(status)
}

/// The user a review is about, who need not exist.
fn subject(spec: &Value) -> User {
    let groups = spec["groups"].as_array().into_iter().flatten();
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: groups
            .filter_map(|group| group.as_str().map(str::to_owned))
            .collect(),
    }
}

fn rules(store: &Store, authorizer: &Authorizer, user: &User, spec: &Value) -> Value {
    let namespace = spec["namespace"].as_str().unwrap_or_default();
    let rules = authorizer.rules(store, user, namespace);
    let (paths, resources): (Vec<_>, Vec<_>) = rules
        .into_iter()
        .partition(|rule| !rule.non_resource_urls.is_empty());
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
}

fn token(users: &Users, spec: &Value) -> Value {
    match users.who(spec["token"].as_str().unwrap_or_default()) {
        Some(user) => {
            json!({"authenticated": true, "user": info(&user), "audiences": spec["audiences"]})
        }
        None => json!({"user": {}, "error": "[invalid bearer token, token lookup failed]"}),
    }
}

fn info(user: &User) -> Value {
    json!({"username": user.name, "groups": user.groups})
}
