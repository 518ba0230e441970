use meshsync_sim::{Failure, FaultScope, Sim};
use serde_json::{Value, json};

use super::client::{Answer, Call, config_map, get};

fn check(answer: &Answer, code: u16, message: &str, details: Option<Value>) {
    let body = answer.json();
    assert_eq!(
        (answer.status, body["code"].as_u64()),
        (code, Some(u64::from(code))),
        "{body}"
    );
    assert_eq!(body["message"], message);
    assert_eq!(body["status"], "Failure");
    assert_eq!(body.get("details"), details.as_ref());
}

#[tokio::test]
async fn failures_are_worded_as_a_real_server_words_them() {
    let sim = Sim::builder().start().await.unwrap();
    check(
        &get(&sim, "/apis/batch/v1/job").await,
        404,
        "the server could not find the requested resource",
        Some(json!({})),
    );
    check(
        &get(&sim, "/api/v1/namespaces/default/pods/none").await,
        404,
        "pods \"none\" not found",
        Some(json!({"name": "none", "kind": "pods"})),
    );
    check(
        &Call::new("PUT", "/api/v1/pods")
            .json(&json!({}))
            .send(&sim)
            .await,
        405,
        "the server does not allow this method on the requested resource",
        Some(json!({})),
    );
    check(
        &get(&sim, "/api/v1/pods?limit=5&continue=abc").await,
        400,
        "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value",
        None,
    );
    let too_large = get(
        &sim,
        "/api/v1/pods?resourceVersion=999999999&resourceVersionMatch=NotOlderThan",
    )
    .await;
    assert_eq!(too_large.header("retry-after"), "1");
    let message = format!(
        "Timeout: Too large resource version: 999999999, current: {}",
        sim.resource_version()
    );
    let details = json!({
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1,
    });
    check(&too_large, 504, &message, Some(details));
}

#[tokio::test]
async fn a_token_is_required_and_can_change() {
    let sim = Sim::builder().token("first").start().await.unwrap();
    check(&get(&sim, "/api/v1/pods").await, 401, "Unauthorized", None);
    let bearer = async |token: &str| {
        Call::new("GET", "/api/v1/pods")
            .header("authorization", &format!("Bearer {token}"))
            .send(&sim)
            .await
            .status
    };
    assert_eq!(bearer("first").await, 200);
    assert!(sim.kubeconfig().contains("first"));
    sim.faults().require_token(Some("second"));
    assert_eq!((bearer("first").await, bearer("second").await), (401, 200));
    sim.faults().require_token(None);
    assert_eq!(get(&sim, "/api/v1/pods").await.status, 200);
}

#[tokio::test]
async fn a_forbidden_resource_says_who_may_not_do_what() {
    let sim = Sim::builder().start().await.unwrap();
    sim.faults().fail(
        FaultScope::resource("", "secrets").verbs(&["list", "watch"]),
        Failure::status(403),
    );
    check(
        &get(&sim, "/api/v1/secrets").await,
        403,
        "secrets is forbidden: User \"system:anonymous\" cannot list resource \"secrets\" in API group \"\" at the cluster scope",
        Some(json!({"kind": "secrets"})),
    );
    assert_eq!(get(&sim, "/api/v1/secrets?watch=1").await.status, 403);
    assert_eq!(
        get(&sim, "/api/v1/namespaces/default/secrets/x")
            .await
            .status,
        404,
        "get is still allowed"
    );
    sim.faults().heal("", "secrets");
    assert_eq!(get(&sim, "/api/v1/secrets").await.status, 200);
}

#[tokio::test]
async fn nonsense_is_refused_without_harm() {
    let sim = Sim::builder().start().await.unwrap();
    let path = "/api/v1/namespaces/default/configmaps";
    for body in [
        "",
        "nonsense",
        "[]",
        "3",
        "null",
        r#"{"metadata":3}"#,
        r#"{"kind":"Pod"}"#,
    ] {
        let answer = Call::new("POST", path)
            .body("application/json", body)
            .send(&sim)
            .await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let labels = Call::new("POST", path)
        .json(&json!({"metadata": {"name": "x", "labels": 3}}))
        .send(&sim)
        .await;
    assert_eq!(labels.status, 400);
    sim.apply(config_map("a", "1")).unwrap();
    let put = Call::new("PUT", format!("{path}/a"))
        .body("application/json", "[]")
        .send(&sim)
        .await;
    assert_eq!(put.status, 400);
    assert_eq!(get(&sim, "/").await.status, 404);
    assert_eq!(get(&sim, "/api/v1/pods?limit=x").await.status, 400);
}
