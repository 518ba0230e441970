//! Malformed input from the server is reported, and everything else goes on.

use meshsync::{ResourceState, Selection};
use meshsync_sim::Sim;

use crate::support::{Running, builder, config_map, only};

fn raw(name: &str, rest: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"default","uid":"raw-{name}","resourceVersion":"1"{rest}"#
    )
}

/// Stores malformed objects in one resource, and good ones beside them.
fn spoil(sim: &Sim) {
    let put = |name: &str, bytes: Vec<u8>| {
        sim.put_raw("", "configmaps", Some("default"), name, bytes)
            .unwrap();
    };
    put(
        "truncated",
        raw("truncated", r#","labels":{"a":"#).into_bytes(),
    );
    put(
        "wrong-type",
        br#"{"metadata":{"name":5,"namespace":"default"}}"#.to_vec(),
    );
    put(
        "no-name",
        br#"{"metadata":{"namespace":"default"},"data":{}}"#.to_vec(),
    );
    let mut utf8 = raw("utf8", r#"},"data":{"a":""#).into_bytes();
    utf8.extend_from_slice(&[0xff, 0xfe]);
    utf8.extend_from_slice(br#""}}"#);
    put("utf8", utf8);
    let huge = format!(r#"}},"data":{{"a":"{}"}}}}"#, "x".repeat(17 << 20));
    put("huge", raw("huge", &huge).into_bytes());
    // Odd, but readable.
    put(
        "odd-labels",
        raw("odd-labels", r#","labels":7},"data":null}"#).into_bytes(),
    );
    let large = format!(r#"}},"data":{{"a":"{}"}}}}"#, "x".repeat(5 << 20));
    put("large", raw("large", &large).into_bytes());
    sim.apply(config_map("good", "1")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_reported_in_initial_lists_and_the_rest_arrives() {
    let sim = Sim::builder().start().await.unwrap();
    spoil(&sim);
    let running = Running::of(&sim, Selection::default());
    running.synced().await;
    let names = ["good", "odd-labels", "large"];
    running
        .sees("the readable objects arrive", |replica| {
            names.iter().all(|name| {
                let key = (
                    "configmaps".to_owned(),
                    "default".to_owned(),
                    (*name).to_owned(),
                );
                replica.live.contains_key(&key)
            })
        })
        .await;
    let status = running.resource("configmaps");
    assert_eq!(status.state, ResourceState::Live);
    assert_eq!(status.malformed, 5, "{:?}", status.last_error);
    assert!(status.last_error.is_some());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_reported_in_watches_and_the_rest_goes_on() {
    let sim = Sim::builder().start().await.unwrap();
    let running = Running::of(&sim, only(&["configmaps", "secrets"]));
    running.synced().await;
    spoil(&sim);
    sim.apply(config_map("after", "1")).unwrap();
    running
        .sees("what follows arrives", |r| {
            r.log.iter().any(|l| l.ends_with("default/after"))
        })
        .await;
    assert_eq!(running.resource("configmaps").malformed, 5);
    assert_eq!(running.resource("secrets").malformed, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_read_does_not_stop_other_resources() {
    let sim = Sim::builder().start().await.unwrap();
    sim.put_raw(
        "",
        "configmaps",
        Some("default"),
        "bad",
        &b"{\"metadata\":{\"name\":\"bad"[..],
    )
    .unwrap();
    sim.faults().refuse_watch_list();
    let running = Running::start(builder(&sim).watch_list(false));
    running.synced().await;
    let status = running.resource("configmaps");
    assert_eq!(status.state, ResourceState::BackingOff);
    assert!(status.malformed > 0 && status.last_error.is_some());
    assert_eq!(running.resource("namespaces").state, ResourceState::Live);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_spec_is_an_object_like_any_other() {
    let sim = Sim::builder().start().await.unwrap();
    let deployment = r#"{"metadata":{"name":"n","namespace":"default","uid":"u","resourceVersion":"1"},"spec":null,"status":null}"#;
    sim.put_raw("apps", "deployments", Some("default"), "n", deployment)
        .unwrap();
    let running = Running::start_with(builder(&sim), meshsync::Wire::Meshery);
    running.synced().await;
    running
        .sees("it arrives without spec and status", |replica| {
            replica.live.values().any(|message| {
                let object = &message["Object"];
                object["kind"] == "Deployment"
                    && object.get("spec").is_none()
                    && object.get("status").is_none()
            })
        })
        .await;
    running.stop().await;
}
