use std::time::Duration;

use meshsync_sim::{Failure, FaultScope, Sim};

use super::client::{Call, Watch, config_map, get};

#[tokio::test]
async fn forced_statuses_last_as_long_as_told() {
    let sim = Sim::builder().start().await.unwrap();
    let pods = FaultScope::resource("", "pods");
    for code in [404, 429, 500, 503] {
        sim.faults().fail(pods.clone(), Failure::status(code));
        let answer = get(&sim, "/api/v1/pods").await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_u64()),
            (code, Some(u64::from(code)))
        );
        assert_eq!(
            answer.header("retry-after"),
            if code == 429 { "1" } else { "" }
        );
        assert_eq!(get(&sim, "/api/v1/secrets").await.status, 200);
        sim.faults().heal("", "pods");
    }
    sim.faults()
        .fail(pods.clone(), Failure::status(503).retry_after(7).times(2));
    assert_eq!(get(&sim, "/api/v1/pods").await.header("retry-after"), "7");
    assert_eq!(get(&sim, "/api/v1/pods").await.status, 503);
    assert_eq!(get(&sim, "/api/v1/pods").await.status, 200);
    sim.faults()
        .fail(FaultScope::default(), Failure::status(500));
    assert_eq!(get(&sim, "/apis/apps/v1/deployments").await.status, 500);
    sim.faults().heal_all();
    assert_eq!(get(&sim, "/apis/apps/v1/deployments").await.status, 200);
}

#[tokio::test]
async fn malformed_objects_are_served_as_they_are() {
    let sim = Sim::builder().start().await.unwrap();
    let path = "/api/v1/namespaces/default/configmaps";
    let mut watch = Watch::open(&sim, &format!("{path}?watch=1")).await;
    let huge = format!(
        r#"{{"metadata":{{"name":"huge"}},"data":{{"x":"{}"}}}}"#,
        "y".repeat(5 * 1024 * 1024)
    );
    let bodies: [&[u8]; 5] = [
        br#"{"metadata":{"name":"cut"#,
        br#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b","labels":5}}"#,
        b"{\"metadata\":{\"name\":\"\xff\xfe\"}}",
        b"null",
        huge.as_bytes(),
    ];
    for (at, body) in bodies.iter().enumerate() {
        let name = format!("raw{at}");
        sim.put_raw("", "configmaps", Some("default"), &name, body.to_vec())
            .unwrap();
        let expected = [br#"{"type":"ADDED","object":"#, *body, b"}"].concat();
        assert_eq!(watch.line().await.unwrap(), expected);
        assert_eq!(
            &get(&sim, &format!("{path}/{name}"))
                .await
                .body
                .trim_ascii_end(),
            body
        );
    }
    let list = get(&sim, path).await.body;
    for body in bodies {
        assert!(
            list.windows(body.len().min(64))
                .any(|window| window == &body[..body.len().min(64)])
        );
    }
    sim.delete("", "configmaps", Some("default"), "raw0")
        .unwrap();
    assert!(
        watch
            .line()
            .await
            .unwrap()
            .starts_with(br#"{"type":"DELETED","object":{"metadata":{"name":"cut"#)
    );
    sim.apply(config_map("raw1", "repaired")).unwrap();
    assert_eq!(watch.change().await, "MODIFIED raw1");
}

#[tokio::test]
async fn stalled_streams_go_on_when_resumed() {
    let sim = Sim::builder().start().await.unwrap();
    let mut watch = Watch::open(&sim, "/api/v1/configmaps?watch=1").await;
    sim.faults().stall();
    sim.apply(config_map("a", "1")).unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), watch.line()).await;
    assert!(early.is_err(), "nothing is sent while stalled");
    sim.faults().resume();
    assert_eq!(watch.change().await, "ADDED a");
    sim.faults().pace(Some(50_000_000));
    assert_eq!(get(&sim, "/api/v1/configmaps").await.status, 200);
}

#[tokio::test]
async fn requests_are_logged_with_their_answers() {
    let sim = Sim::builder().request_log(3).start().await.unwrap();
    let call = Call::new("GET", "/api/v1/pods?limit=1")
        .header("user-agent", "tests/1")
        .header("accept", "application/json");
    call.send(&sim).await;
    get(&sim, "/nothing").await;
    Watch::open(&sim, "/api/v1/pods?watch=1").await;
    let log = sim.requests().all();
    assert_eq!(
        (log[0].path.as_str(), log[0].query.as_str(), log[0].status),
        ("/api/v1/pods", "limit=1", 200)
    );
    assert_eq!(
        (log[0].user_agent.as_str(), log[0].accept.as_str()),
        ("tests/1", "application/json")
    );
    assert_eq!((log[1].status, log[2].is_watch()), (404, true));
    let pods = Some(meshsync_sim::GroupResource::new("", "pods"));
    assert_eq!(
        (&log[0].verb, &log[0].resource),
        (&"list".to_owned(), &pods)
    );
    assert_eq!(log[0].query_value("limit"), Some("1"));
    assert_eq!((log[1].verb.as_str(), &log[1].resource), ("get", &None));
    assert!(log[0].bytes > 50 && log[0].took.is_some() && log[0].started <= log[2].started);
    assert_eq!(log[0].user, "system:anonymous");
    let path = "/api/v1/namespaces/default/pods/none/status";
    get(&sim, path).await;
    let last = sim.requests().matching(|request| request.status == 404);
    let last = last.last().unwrap();
    assert_eq!(
        (
            last.namespace.as_str(),
            last.name.as_str(),
            last.subresource.as_str()
        ),
        ("default", "none", "status")
    );
    get(&sim, "/version").await;
    assert_eq!(
        (
            sim.requests().all().len(),
            sim.requests().count(|r| r.path == "/version")
        ),
        (3, 1)
    );
    sim.requests().clear();
    assert!(sim.requests().all().is_empty());
}
