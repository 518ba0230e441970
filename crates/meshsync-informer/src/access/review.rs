//! Questions about ourselves to an API server:
//! <https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access>.
//! Every authenticated user may ask them (`system:basic-user`).

use std::collections::BTreeSet;

use kube::Client;
use meshsync_model::Resource;
use serde::Deserialize;

use super::rules::Rules;
use crate::api::{ACCEPT_METADATA_LIST, RequestError, ask, get, read};

/// Namespaces on a page.
const PAGE_MAX: usize = 500;

/// More namespaces than this are not looked at one by one.
const NAMESPACES_MAX: usize = 5_000;

/// What we may do in a namespace; `None` where the server does not say.
pub(super) async fn rules(client: &Client, namespace: &str) -> Option<Rules> {
    const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let body = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    });
    let answer = ask(client, PATH, body.to_string()).await;
    answer.ok().and_then(|document| Rules::parse(&document))
}

/// Whether we may list a resource, and watch it where it can be; everywhere, or in
/// one namespace. No where the server does not say.
pub(super) async fn may_observe(
    client: &Client,
    resource: &Resource,
    namespace: Option<&str>,
) -> bool {
    may(client, resource, namespace, "list").await
        && (!resource.watchable || may(client, resource, namespace, "watch").await)
}

async fn may(client: &Client, resource: &Resource, namespace: Option<&str>, verb: &str) -> bool {
    const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        allowed: bool,
    }
    let body = serde_json::json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "namespace": namespace.unwrap_or_default(), "verb": verb,
            "group": resource.gvk.group, "version": resource.gvk.version,
            "resource": resource.plural,
        }},
    });
    match ask(client, PATH, body.to_string()).await {
        Ok(answer) => {
            serde_json::from_slice::<Review>(&answer).is_ok_and(|review| review.status.allowed)
        }
        Err(error) => {
            tracing::debug!(%resource, error = %error.chain(), "nobody says what is permitted");
            false
        }
    }
}

/// Every namespace there is; `None` where that is not for us to know.
pub(super) async fn namespaces(client: &Client) -> Option<BTreeSet<String>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct List {
        metadata: ListMeta,
        items: Vec<Item>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct ListMeta {
        r#continue: String,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Item {
        metadata: ItemMeta,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct ItemMeta {
        name: String,
    }
    let mut names = BTreeSet::new();
    let mut token = String::new();
    loop {
        let url = match token.as_str() {
            "" => format!("/api/v1/namespaces?limit={PAGE_MAX}"),
            token => format!(
                "/api/v1/namespaces?limit={PAGE_MAX}&continue={}",
                crate::task::escape(token)
            ),
        };
        let response = get(client, &url, ACCEPT_METADATA_LIST, None).await.ok()?;
        let body = read(response, &url).await.ok()?;
        let list: List = serde_json::from_slice(&body).ok()?;
        names.extend(list.items.into_iter().map(|item| item.metadata.name));
        if list.metadata.r#continue.is_empty() {
            return Some(names);
        }
        if names.len() >= NAMESPACES_MAX {
            tracing::warn!(
                namespaces = names.len(),
                "too many namespaces to look at one by one; some are left out"
            );
            return None;
        }
        token = list.metadata.r#continue;
    }
}

/// Who the API server takes us for; `None` where it does not say (before 1.28).
pub(crate) async fn whoami(client: &Client) -> Option<String> {
    const PATH: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        user_info: UserInfo,
    }
    #[derive(Deserialize)]
    struct UserInfo {
        username: String,
    }
    let body = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;
    let answer: Result<_, RequestError> = ask(client, PATH, body.to_owned()).await;
    let review = serde_json::from_slice::<Review>(&answer.ok()?).ok()?;
    Some(review.status.user_info.username)
}
