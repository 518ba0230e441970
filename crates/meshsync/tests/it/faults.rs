//! What goes wrong on the way from the server.

use meshsync::{ResourceState, Selection};
use meshsync_sim::{CutStyle, Failure, FaultScope, Generate, Sim};

use crate::support::{Running, config_map, only};

async fn sim() -> Sim {
    Sim::builder()
        .generate(Generate {
            objects: 200,
            ..Generate::default()
        })
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_position_is_relisted_and_deletes_in_the_gap_are_reported() {
    let sim = sim().await;
    let running = Running::of(&sim, only(&["configmaps"]));
    for name in ["stays", "goes", "reborn"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    running.synced().await;
    running.equals(&sim, "before the gap").await;
    sim.stop_listener().await;
    sim.delete("", "configmaps", Some("default"), "goes")
        .unwrap();
    sim.delete("", "configmaps", Some("default"), "reborn")
        .unwrap();
    sim.apply(config_map("reborn", "2")).unwrap();
    sim.apply(config_map("new", "1")).unwrap();
    sim.compact();
    sim.start_listener().await.unwrap();
    running.equals(&sim, "after the gap").await;
    running
        .sees("both lives of the reborn are shown", |replica| {
            let of = |what: &str| replica.log.iter().position(|line| line == what);
            let deleted = of("DELETED configmaps default/reborn");
            let added = replica
                .log
                .iter()
                .rposition(|line| line == "ADDED configmaps default/reborn");
            deleted.is_some() && added > deleted
        })
        .await;
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    assert_eq!(
        (replica.deleted, replica.partial),
        (2, 2),
        "a relist knows identities only"
    );
    let gone = replica
        .payloads
        .iter()
        .find(|d| d.event == meshsync::EventType::Deleted)
        .unwrap();
    let record: serde_json::Value = serde_json::from_slice(&gone.payload).unwrap();
    assert!(
        record["scope"]
            .as_str()
            .is_some_and(|scope| !scope.is_empty())
    );
    assert_eq!(record["object"]["apiVersion"], "v1");
    assert_eq!(record["object"]["kind"], "ConfigMap");
    assert!(record["object"]["metadata"]["uid"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_are_cut_resume_without_a_list() {
    let sim = sim().await;
    let running = Running::of(&sim, only(&["configmaps"]));
    running.synced().await;
    for style in [CutStyle::Clean, CutStyle::MidLine, CutStyle::Broken] {
        sim.requests().clear();
        sim.faults().cut_watches(style);
        sim.apply(config_map("a", &format!("{style:?}"))).unwrap();
        running.equals(&sim, &format!("after {style:?}")).await;
        running
            .sees("the watch is back", |_| {
                sim.requests().count(|r| r.is_watch()) > 0
            })
            .await;
        let lists = sim.requests().count(|r| {
            r.query.contains("sendInitialEvents")
                // One of a single object asks how new the server's state is.
                || (!r.is_watch() && r.path.contains("configmaps") && r.query != "limit=1")
        });
        assert_eq!(lists, 0, "{style:?}");
    }
    let replica = running.stop().await;
    assert_eq!(replica.lock().unwrap().deleted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_or_broken_resource_affects_itself_alone_and_comes_back() {
    let sim = sim().await;
    sim.faults()
        .fail(FaultScope::resource("", "secrets"), Failure::status(403));
    sim.faults()
        .fail(FaultScope::resource("", "services"), Failure::status(500));
    sim.faults().fail(
        FaultScope::resource("apps", "deployments"),
        Failure::status(404),
    );
    let running = Running::of(&sim, Selection::default());
    running.synced().await;
    assert_eq!(running.resource("secrets").state, ResourceState::Forbidden);
    assert_eq!(
        running.resource("services").state,
        ResourceState::BackingOff
    );
    assert_eq!(
        running.resource("deployments.apps").state,
        ResourceState::Gone
    );
    let error = running.resource("secrets").last_error.unwrap();
    assert!(
        error.contains("403") && error.contains("grant get, list and watch"),
        "{error}"
    );
    assert_eq!(running.resource("pods").state, ResourceState::Live);
    sim.apply(config_map("live", "1")).unwrap();
    running
        .sees("others go on", |r| {
            r.log.iter().any(|l| l.contains("default/live"))
        })
        .await;
    sim.faults().heal_all();
    running
        .sees("the broken one is back", |_| {
            running.resource("services").state == ResourceState::Live
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_breaks_off_deletes_nothing() {
    let sim = sim().await;
    let running = Running::of(&sim, only(&["configmaps", "pods"]));
    running.synced().await;
    running.equals(&sim, "before").await;
    // Every position is lost, and lists fail for a while.
    sim.faults().fail(
        FaultScope::default().verbs(&["list", "watch"]),
        Failure::status(503).times(6),
    );
    sim.compact();
    sim.faults().cut_watches(CutStyle::MidLine);
    sim.apply(config_map("after", "1")).unwrap();
    running.equals(&sim, "after").await;
    let replica = running.stop().await;
    assert_eq!(replica.lock().unwrap().deleted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_with_cuts_and_compaction_ends_in_the_clusters_state() {
    let sim = sim().await;
    let running = Running::of(&sim, Selection::default());
    running.synced().await;
    let churn = sim.churn_seeded(
        400.0,
        meshsync_testkit::seed(
            "churn_with_cuts_and_compaction_ends_in_the_clusters_state",
            7,
        ),
    );
    for round in 0..12 {
        let before = sim.resource_version();
        running
            .sees("churn goes on", |_| sim.resource_version() > before + 20)
            .await;
        match round % 4 {
            0 => sim.faults().cut_watches(CutStyle::MidLine),
            1 => sim.compact(),
            2 => {
                sim.compact();
                sim.faults().cut_watches(CutStyle::Broken);
            }
            _ => {
                sim.stop_listener().await;
                sim.start_listener().await.unwrap();
            }
        }
    }
    churn.stop().await;
    running.equals(&sim, "after churn").await;
    running.stop().await;
}
