//! Access by Kubernetes' own permissions.

use meshsync_sim::{Sim, User};
use serde_json::json;

use crate::support::Page;

#[tokio::test]
async fn kubernetes_says_who_may_see_the_page() {
    let sim = Sim::builder().tls().rbac().start().await.unwrap();
    let agent = User::service_account("default", "agent");
    let binding = |name: &str, role: &str, subject: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": subject}],
        })
    };
    let role = |name: &str, rules: serde_json::Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name}, "rules": rules,
        })
    };
    for object in [
        role(
            "observe",
            json!([
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
                {"nonResourceURLs": ["*"], "verbs": ["get"]},
            ]),
        ),
        // What `system:auth-delegator` allows.
        role(
            "ask",
            json!([
                {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
                {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
            ]),
        ),
        role(
            "look",
            json!([{"nonResourceURLs": ["/meshsync/web"], "verbs": ["get"]}]),
        ),
        binding("observe", "observe", "agent"),
        binding("ask", "ask", "agent"),
        binding("look", "look", "viewer"),
    ] {
        sim.apply(object).unwrap();
    }
    let page = Page::run(&sim.kubeconfig_as(agent), &["--web-kubernetes"]).await;
    let headers = |user| format!("authorization: Bearer {}\r\n", sim.users().issue(user));
    let viewer = headers(User::service_account("default", "viewer"));
    let stranger = headers(User::service_account("default", "stranger"));
    page.synced(&viewer).await;
    for path in ["/api/v1/overview", "/status", "/api/v1/stream", "/nothing"] {
        for (headers, status) in [
            ("", 401),
            ("authorization: Bearer made-up\r\n", 401),
            (stranger.as_str(), 403),
        ] {
            let answer = page.get(path, headers).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (status, ""),
                "{path} {headers}"
            );
        }
    }
    assert_eq!(page.get("/status", &viewer).await.status, 200);
    assert_eq!(page.get("/", "").await.status, 200);
}
