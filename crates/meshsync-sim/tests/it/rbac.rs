//! Tokens, and the roles stored in the cluster.

use std::time::Duration;

use meshsync_sim::{Sim, User};
use serde_json::{Value, json};

use super::client::{Answer, Call, Watch};

const RBAC: &str = "rbac.authorization.k8s.io/v1";

async fn as_user(sim: &Sim, token: &str, method: &'static str, path: &str) -> Answer {
    Call::new(method, path)
        .header("authorization", &format!("Bearer {token}"))
        .send(sim)
        .await
}

async fn post(sim: &Sim, token: &str, path: &str, body: Value) -> Value {
    let answer = Call::new("POST", path)
        .header("authorization", &format!("Bearer {token}"))
        .json(&body)
        .send(sim)
        .await;
    assert_eq!(answer.status, 201, "{path}");
    answer.json()
}

fn role(kind: &str, name: &str, rules: Value) -> Value {
    let mut role =
        json!({"apiVersion": RBAC, "kind": kind, "metadata": {"name": name}, "rules": rules});
    if kind == "Role" {
        role["metadata"]["namespace"] = "shop".into();
    }
    role
}

fn binding(kind: &str, name: &str, role: (&str, &str), subject: Value) -> Value {
    let mut binding = json!({
        "apiVersion": RBAC, "kind": kind, "metadata": {"name": name}, "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
    });
    if kind == "RoleBinding" {
        binding["metadata"]["namespace"] = "shop".into();
    }
    binding
}

/// A cluster in which `viewer` reads pods everywhere, and ServiceAccount `shop/reader` reads
/// ConfigMaps of `shop` and one Secret of it.
async fn cluster() -> Sim {
    let sim = Sim::builder()
        .rbac()
        .user("viewer-token", User::new("viewer"))
        .user("reader-token", User::service_account("shop", "reader"))
        .user("admin-token", User::admin())
        .start()
        .await
        .unwrap();
    let read = |resources: &[&str]| json!({"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": resources});
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": "shop"}}),
        role("ClusterRole", "pods", json!([read(&["pods"])])),
        binding(
            "ClusterRoleBinding",
            "pods",
            ("ClusterRole", "pods"),
            json!({"kind": "User", "name": "viewer"}),
        ),
        role(
            "Role",
            "configs",
            json!([
                read(&["configmaps"]),
                {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["ours"]}
            ]),
        ),
        binding(
            "RoleBinding",
            "configs",
            ("Role", "configs"),
            json!({"kind": "ServiceAccount", "name": "reader"}),
        ),
    ] {
        sim.apply(object).unwrap();
    }
    sim
}

#[tokio::test]
async fn roles_and_bindings_of_the_cluster_are_enforced() {
    let sim = cluster().await;
    let check = async |token: &str, method, path: &str, status: u16, message: &str| {
        let answer = as_user(&sim, token, method, path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        if !message.is_empty() {
            assert_eq!(answer.json()["message"], message);
        }
    };
    check("viewer-token", "GET", "/api/v1/pods", 200, "").await;
    check(
        "viewer-token",
        "GET",
        "/api/v1/namespaces/shop/pods",
        200,
        "",
    )
    .await;
    check(
        "viewer-token",
        "GET",
        "/api/v1/secrets",
        403,
        "secrets is forbidden: User \"viewer\" cannot list resource \"secrets\" in API group \"\" at the cluster scope",
    )
    .await;
    check(
        "viewer-token",
        "GET",
        "/apis/apps/v1/namespaces/shop/deployments/web/scale",
        403,
        "deployments.apps \"web\" is forbidden: User \"viewer\" cannot get resource \"deployments/scale\" in API group \"apps\" in the namespace \"shop\"",
    )
    .await;
    check(
        "viewer-token",
        "GET",
        "/metrics",
        403,
        "forbidden: User \"viewer\" cannot get path \"/metrics\"",
    )
    .await;
    check("viewer-token", "GET", "/apis", 200, "").await;
    let configs = "/api/v1/namespaces/shop/configmaps";
    check("reader-token", "GET", configs, 200, "").await;
    check("reader-token", "GET", "/api/v1/configmaps", 403, "").await;
    check(
        "reader-token",
        "DELETE",
        &format!("{configs}/a"),
        403,
        "configmaps \"a\" is forbidden: User \"system:serviceaccount:shop:reader\" cannot delete resource \"configmaps\" in API group \"\" in the namespace \"shop\"",
    )
    .await;
    let secrets = "/api/v1/namespaces/shop/secrets";
    check("reader-token", "GET", &format!("{secrets}/ours"), 404, "").await;
    check("reader-token", "GET", &format!("{secrets}/theirs"), 403, "").await;
    check(
        "admin-token",
        "GET",
        "/apis/batch/v1/job",
        404,
        "the server could not find the requested resource",
    )
    .await;
    check("wrong", "GET", "/api/v1/pods", 401, "Unauthorized").await;
    let nobody = Call::new("GET", "/api/v1/pods").send(&sim).await;
    assert_eq!(
        nobody.json()["message"],
        "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" at the cluster scope"
    );
    assert_eq!(Call::new("GET", "/version").send(&sim).await.status, 200);
}

#[tokio::test]
async fn a_changed_binding_counts_at_once_and_open_watches_go_on() {
    let sim = cluster().await;
    let path = "/api/v1/configmaps?watch=1";
    assert_eq!(as_user(&sim, "reader-token", "GET", path).await.status, 403);
    sim.apply(binding(
        "ClusterRoleBinding",
        "reader-views",
        ("ClusterRole", "view"),
        json!({"kind": "Group", "name": "system:serviceaccounts:shop"}),
    ))
    .unwrap();
    let response = Call::new("GET", path)
        .header("authorization", "Bearer reader-token")
        .open(&sim)
        .await;
    assert_eq!(response.status(), 200, "view aggregates what it allows");
    let mut watch = Watch::of(response);
    sim.delete(
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
        None,
        "reader-views",
    )
    .unwrap();
    assert_eq!(
        as_user(&sim, "reader-token", "GET", "/api/v1/configmaps")
            .await
            .status,
        403
    );
    sim.apply(super::client::config_map("seen", "1")).unwrap();
    assert_eq!(watch.change().await, "ADDED seen");
}

#[tokio::test]
async fn a_binding_to_a_role_that_is_missing_is_named() {
    let sim = cluster().await;
    sim.apply(binding(
        "ClusterRoleBinding",
        "broken",
        ("ClusterRole", "gone"),
        json!({"kind": "User", "name": "viewer"}),
    ))
    .unwrap();
    let answer = as_user(&sim, "viewer-token", "GET", "/api/v1/nodes").await;
    assert_eq!(
        answer.json()["message"],
        "nodes is forbidden: User \"viewer\" cannot list resource \"nodes\" in API group \"\" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found"
    );
}

#[tokio::test]
async fn reviews_and_requests_agree() {
    let sim = cluster().await;
    let access = |attributes: Value| {
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        })
    };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let pods = json!({"verb": "list", "resource": "pods"});
    let allowed = post(&sim, "viewer-token", path, access(pods.clone())).await;
    assert_eq!(
        allowed["status"],
        json!({
            "allowed": true,
            "reason": "RBAC: allowed by ClusterRoleBinding \"pods\" of ClusterRole \"pods\" to User \"viewer\"",
        })
    );
    let denied = post(&sim, "reader-token", path, access(pods)).await;
    assert_eq!(denied["status"], json!({"allowed": false}));
    let rules = post(
        &sim,
        "reader-token",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "shop"}}),
    )
    .await;
    let resources = rules["status"]["resourceRules"].as_array().unwrap();
    assert!(resources.contains(&json!({
        "verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["ours"],
    })));
    assert_eq!(rules["status"]["incomplete"], false);
    let whoami = post(
        &sim,
        "reader-token",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}),
    )
    .await;
    assert_eq!(
        whoami["status"]["userInfo"]["username"],
        "system:serviceaccount:shop:reader"
    );
    assert!(
        sim.object("authorization.k8s.io", "selfsubjectaccessreviews", None, "")
            .is_none(),
        "reviews are not stored"
    );
}

#[tokio::test]
async fn a_service_account_gets_tokens_that_can_be_rotated() {
    let sim = cluster().await;
    let path = "/api/v1/namespaces/shop/serviceaccounts/reader/token";
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}});
    let answer = post(&sim, "admin-token", path, request).await;
    assert_eq!(answer["spec"]["expirationSeconds"], 7200);
    let token = answer["status"]["token"].as_str().unwrap();
    let configs = "/api/v1/namespaces/shop/configmaps";
    assert_eq!(as_user(&sim, token, "GET", configs).await.status, 200);
    let next = sim.users().rotate(token).unwrap();
    assert_eq!(as_user(&sim, token, "GET", configs).await.status, 401);
    assert_eq!(as_user(&sim, &next, "GET", configs).await.status, 200);
    let short = sim
        .users()
        .issue_for(User::service_account("shop", "reader"), Duration::ZERO);
    assert_eq!(as_user(&sim, &short, "GET", configs).await.status, 401);
    assert_eq!(
        as_user(&sim, "reader-token", "POST", path).await.status,
        403
    );
}

#[tokio::test]
async fn impersonation_needs_permission() {
    let sim = cluster().await;
    let as_reader = async |token: &str| {
        Call::new("GET", "/api/v1/namespaces/shop/configmaps")
            .header("authorization", &format!("Bearer {token}"))
            .header("impersonate-user", "system:serviceaccount:shop:reader")
            .send(&sim)
            .await
            .status
    };
    assert_eq!(
        (
            as_reader("admin-token").await,
            as_reader("viewer-token").await
        ),
        (200, 403)
    );
    let users: Vec<String> = sim.requests().all().into_iter().map(|r| r.user).collect();
    assert_eq!(users, ["system:serviceaccount:shop:reader", ""]);
}
