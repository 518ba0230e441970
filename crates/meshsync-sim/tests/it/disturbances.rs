//! Every fault that can be asked for, as a client sees it.

use std::time::Duration;

use meshsync_sim::{CutStyle, Disturbance, Failure, FaultScope, Generate, Sim, WatchQuirk};
use serde_json::Value;

use super::client::{Call, End, Watch, config_map, get, names, within};

const PATH: &str = "/api/v1/namespaces/default/configmaps";

fn config_maps() -> FaultScope {
    FaultScope::resource("", "configmaps")
}

async fn watch(sim: &Sim) -> Watch {
    Watch::open(sim, &format!("{PATH}?watch=1")).await
}

#[tokio::test]
async fn watches_are_cut_in_every_style() {
    let sim = Sim::builder().start().await.unwrap();
    let check = async |style, expected: End| {
        let mut watch = watch(&sim).await;
        sim.faults().cut_watches(style);
        assert_eq!(watch.end().await, expected, "{style:?}");
    };
    check(CutStyle::Clean, End::Clean).await;
    check(CutStyle::Broken, End::Broken(0)).await;
    check(CutStyle::MidLine, End::Broken(44)).await;
    check(CutStyle::MidUtf8, End::Broken(53)).await;
    let mut expired = watch(&sim).await;
    sim.faults().cut_watches(CutStyle::Error(410));
    let event = expired.event().await;
    assert_eq!(
        (&event["type"], &event["object"]["code"]),
        (&"ERROR".into(), &410.into())
    );
    assert_eq!(expired.end().await, End::Clean);
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_character_leaves_half_of_it() {
    let sim = Sim::builder().start().await.unwrap();
    let mut watch = watch(&sim).await;
    sim.faults().cut_watches(CutStyle::MidUtf8);
    assert_eq!(watch.end().await, End::Broken(53));
    let rest = watch.rest();
    let error = std::str::from_utf8(&rest).unwrap_err();
    assert_eq!(
        (error.valid_up_to(), error.error_len()),
        (rest.len() - 1, None)
    );
}

#[tokio::test]
async fn bodies_end_early_stall_or_trickle() {
    let sim = Sim::builder()
        .generate(Generate::objects(500))
        .start()
        .await
        .unwrap();
    let whole = get(&sim, "/api/v1/pods").await.body;
    let pods = FaultScope::resource("", "pods").verbs(&["list"]);
    for bytes in [0, 1, 70_000, whole.len() as u64 - 1] {
        let cut = |style| Disturbance::CutAfter { bytes, style };
        sim.faults()
            .disturb_some(pods.clone(), cut(CutStyle::Broken), 1);
        let mut broken = Watch::of(Call::new("GET", "/api/v1/pods").open(&sim).await);
        assert_eq!(broken.end().await, End::Broken(bytes as usize));
    }
    let clean = Disturbance::CutAfter {
        bytes: 10,
        style: CutStyle::Clean,
    };
    sim.faults().disturb_some(pods.clone(), clean, 1);
    let short = get(&sim, "/api/v1/pods").await.body;
    assert_eq!(short, whole[..10]);
    sim.faults()
        .disturb(pods.clone(), Disturbance::StallAfter { bytes: 1_000 });
    let mut stalled = Watch::of(Call::new("GET", "/api/v1/pods").open(&sim).await);
    let early = tokio::time::timeout(Duration::from_millis(50), stalled.end()).await;
    assert!(early.is_err() && stalled.rest().len() <= 1_000);
    sim.faults().heal("", "pods");
    within("the rest", async {
        assert!(stalled.line().await.is_ok());
    })
    .await;
    assert_eq!(get(&sim, "/api/v1/pods").await.body, whole);
    let slow = Disturbance::Slow {
        bytes_per_second: 40_000_000,
    };
    sim.faults().disturb(pods, slow);
    assert_eq!(get(&sim, "/api/v1/pods").await.body, whole);
}

#[tokio::test]
async fn a_slow_watch_sends_lines_in_pieces() {
    let sim = Sim::builder().start().await.unwrap();
    let slow = Disturbance::Slow {
        bytes_per_second: 4_000,
    };
    sim.faults().disturb(config_maps().verbs(&["watch"]), slow);
    let mut watch = watch(&sim).await;
    sim.apply(config_map("a", "1")).unwrap();
    let pieces = watch.frames_of_a_line().await;
    assert!(pieces > 1, "{pieces}");
}

#[tokio::test]
async fn too_many_requests_with_and_without_a_time_to_wait() {
    let sim = Sim::builder().start().await.unwrap();
    for (failure, header, details) in [
        (Failure::status(429), "1", Some(1)),
        (Failure::status(429).retry_after(30), "30", Some(30)),
        (Failure::status(429).without_retry_after(), "", None),
    ] {
        sim.faults().fail(config_maps(), failure.times(1));
        let answer = get(&sim, PATH).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, header));
        let body = answer.json();
        assert_eq!(body["details"]["retryAfterSeconds"].as_u64(), details);
    }
}

#[tokio::test]
async fn an_expired_watch_is_told_in_its_stream() {
    let sim = Sim::builder().start().await.unwrap();
    sim.faults().fail(
        config_maps().verbs(&["watch", "list"]),
        Failure::event(410).times(2),
    );
    let mut expired = watch(&sim).await;
    assert_eq!(expired.event().await["object"]["reason"], "Expired");
    assert_eq!(expired.end().await, End::Clean);
    assert_eq!(get(&sim, PATH).await.status, 410);
    sim.faults()
        .fail(config_maps(), Failure::future_version().times(1));
    let future = get(&sim, &format!("{PATH}?resourceVersion=3")).await;
    let cause = &future.json()["details"]["causes"][0];
    assert_eq!(
        (future.status, &cause["reason"]),
        (504, &"ResourceVersionTooLarge".into())
    );
}

#[tokio::test]
async fn a_token_is_refused_until_the_new_one_is_used() {
    let sim = Sim::builder().token("old").start().await.unwrap();
    let status = async |token: &str| {
        Call::new("GET", PATH)
            .header("authorization", &format!("Bearer {token}"))
            .send(&sim)
            .await
            .status
    };
    assert_eq!(status("old").await, 200);
    sim.faults().require_token(Some("new"));
    assert_eq!((status("old").await, status("new").await), (401, 200));
}

#[tokio::test]
async fn watches_misbehave_as_told() {
    let sim = Sim::builder()
        .bookmark_interval(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let faults = sim.faults();
    let mut watch = watch(&sim).await;
    faults.quirk(WatchQuirk::ReorderedKeys);
    sim.apply(config_map("a", "1")).unwrap();
    let line = watch.line().await.unwrap();
    assert!(line.starts_with(br#"{"object":{"kind":"ConfigMap""#));
    assert!(line.ends_with(br#"},"type":"ADDED"}"#));
    faults.no_quirk(WatchQuirk::ReorderedKeys);

    faults.quirk(WatchQuirk::DuplicatedEvents);
    sim.apply(config_map("b", "1")).unwrap();
    assert_eq!(watch.change().await, "ADDED b");
    assert_eq!(watch.change().await, "ADDED b");
    faults.no_quirk(WatchQuirk::DuplicatedEvents);

    sim.apply(config_map("a", "2")).unwrap();
    assert_eq!(watch.change().await, "MODIFIED a");
    faults.replay_events(2);
    assert_eq!(watch.change().await, "ADDED b");
    assert_eq!(watch.change().await, "MODIFIED a");

    faults.quirk(WatchQuirk::NoBookmarks);
    let initial =
        "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut silent = Watch::open(&sim, &format!("{PATH}?{initial}")).await;
    assert_eq!(silent.event().await["type"], "ADDED");
    assert_eq!(silent.event().await["type"], "ADDED");
    assert_eq!(silent.event().await["type"], "BOOKMARK", "the initial end");
    let later = tokio::time::timeout(Duration::from_millis(100), silent.line()).await;
    assert!(later.is_err(), "no bookmark");
    faults.quirk(WatchQuirk::NoInitialEventsEnd);
    let mut endless = Watch::open(&sim, &format!("{PATH}?{initial}")).await;
    assert_eq!(endless.event().await["type"], "ADDED");
    assert_eq!(endless.event().await["type"], "ADDED");
    let end = tokio::time::timeout(Duration::from_millis(100), endless.line()).await;
    assert!(end.is_err(), "the initial events do not end");
}

#[tokio::test]
async fn a_restored_cluster_is_at_an_older_version_with_older_objects() {
    let sim = Sim::builder()
        .version_wait(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    sim.apply(config_map("kept", "1")).unwrap();
    let backup = sim.backup();
    let before = sim.resource_version();
    sim.apply(config_map("kept", "2")).unwrap();
    let lost = sim.apply(config_map("lost", "1")).unwrap();
    let mut open = watch(&sim).await;
    within("restore", sim.restore(&backup)).await.unwrap();
    assert!(matches!(open.end().await, End::Broken(_)));
    assert_eq!(sim.resource_version(), before);
    let list = get(&sim, PATH).await.json();
    assert_eq!(names(&list), ["kept"]);
    assert_eq!(list["items"][0]["data"]["value"], "1");
    let future = lost.resource_version;
    let list = get(
        &sim,
        &format!("{PATH}?resourceVersion={future}&resourceVersionMatch=NotOlderThan"),
    )
    .await;
    assert_eq!(list.status, 504);
    // A watch from the future says nothing until that version has passed, as the watch cache does.
    let mut silent = Watch::open(&sim, &format!("{PATH}?watch=1&resourceVersion={future}")).await;
    sim.apply(config_map("unseen", "1")).unwrap();
    while sim.resource_version() < future {
        sim.apply(config_map("unseen", &sim.resource_version().to_string()))
            .unwrap();
    }
    sim.apply(config_map("seen", "1")).unwrap();
    assert_eq!(silent.change().await, "ADDED seen");
}

#[tokio::test]
async fn a_restarted_server_has_forgotten_every_version() {
    let sim = Sim::builder().start().await.unwrap();
    let old = sim.apply(config_map("a", "1")).unwrap().resource_version;
    sim.apply(config_map("b", "1")).unwrap();
    sim.apply(config_map("c", "1")).unwrap();
    let page = get(&sim, &format!("{PATH}?limit=1")).await.json();
    let token = page["metadata"]["continue"].as_str().unwrap().to_owned();
    sim.apply(config_map("d", "1")).unwrap();
    let mut open = watch(&sim).await;
    within("restart", sim.restart()).await.unwrap();
    assert!(matches!(open.end().await, End::Broken(_)));
    let mut late = Watch::open(&sim, &format!("{PATH}?watch=1&resourceVersion={old}")).await;
    assert_eq!(late.event().await["object"]["code"], 410);
    let exact = format!("{PATH}?resourceVersion={old}&resourceVersionMatch=Exact");
    assert_eq!(get(&sim, &exact).await.status, 410);
    let next = get(&sim, &format!("{PATH}?limit=1&continue={token}")).await;
    assert_eq!(next.status, 410);
    assert_eq!(names(&get(&sim, PATH).await.json()).len(), 4);
}

#[tokio::test]
async fn a_replica_that_lags_shows_an_older_state() {
    let sim = Sim::builder()
        .version_wait(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    sim.apply(config_map("old", "1")).unwrap();
    sim.lag(config_maps());
    let then = sim.resource_version();
    sim.apply(config_map("new", "1")).unwrap();
    let now = sim.resource_version();
    let list = async |query: &str| get(&sim, &format!("{PATH}?{query}")).await;
    let stale = list("resourceVersion=0").await.json();
    assert_eq!(names(&stale), ["old"]);
    assert_eq!(stale["metadata"]["resourceVersion"], then.to_string());
    assert_eq!(names(&list("").await.json()), ["new", "old"], "consistent");
    let exact = list(&format!("resourceVersion={now}&resourceVersionMatch=Exact")).await;
    assert_eq!(exact.status, 504, "it waits for the version");
    let newer = format!("resourceVersion={now}&resourceVersionMatch=NotOlderThan");
    assert_eq!(list(&newer).await.status, 504);
    let object = get(&sim, &format!("{PATH}/new?resourceVersion=0")).await;
    assert_eq!(object.status, 404);
    assert_eq!(get(&sim, &format!("{PATH}/new")).await.status, 200);
    let mut any = Watch::open(&sim, &format!("{PATH}?watch=1&resourceVersion=0")).await;
    assert_eq!(any.change().await, "ADDED old");
    let mut from = Watch::open(&sim, &format!("{PATH}?watch=1&resourceVersion={then}")).await;
    for watch in [&mut any, &mut from] {
        let early = tokio::time::timeout(Duration::from_millis(20), watch.line()).await;
        assert!(early.is_err(), "held back");
    }
    sim.faults().catch_up();
    assert_eq!(any.change().await, "ADDED new");
    assert_eq!(from.change().await, "ADDED new");
    assert_eq!(list(&newer).await.status, 200);
    assert_eq!(
        names(&list("resourceVersion=0").await.json()),
        ["new", "old"]
    );
}

#[tokio::test]
async fn a_version_that_comes_in_time_is_waited_for() {
    let sim = Sim::builder()
        .version_wait(super::client::DEADLINE)
        .start()
        .await
        .unwrap();
    let next = sim.resource_version() + 1;
    let path = format!("{PATH}?resourceVersion={next}");
    let (list, written) = tokio::join!(get(&sim, &path), async {
        meshsync_testkit::eventually("the request arrived", super::client::DEADLINE, async || {
            sim.waiting_for_version() == 1
        })
        .await;
        sim.apply(config_map("a", "1"))
    });
    written.unwrap();
    assert_eq!((list.status, names(&list.json())), (200, vec!["a"]));
}

#[tokio::test]
async fn managed_fields_are_dropped_for_those_who_ask_where_that_is_known() {
    let builder = || Sim::builder().generate(Generate::objects(60));
    let new = builder().drop_managed_fields().start().await.unwrap();
    let old = builder().start().await.unwrap();
    let pods = async |sim: &Sim, accept: &str| {
        let call = Call::new("GET", "/api/v1/pods").header("accept", accept);
        call.send(sim).await.json()
    };
    let drop = "application/json;drop=metadata.managedFields";
    let has = |list: &Value| {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["metadata"].get("managedFields").is_some())
    };
    let mut whole = pods(&new, "application/json").await;
    let without = pods(&new, drop).await;
    assert!(has(&whole) && !has(&without) && has(&pods(&old, drop).await));
    for item in whole["items"].as_array_mut().unwrap() {
        item["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("managedFields");
    }
    assert_eq!(whole, without);
}
