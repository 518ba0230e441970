//! What is asked of an API server at once, and in which order: the simulator's log
//! of requests is the witness.

use std::time::{Duration, Instant, SystemTime};

use meshsync::{Depth, Pace, Preset, Selection};
use meshsync_sim::{Generate, LoggedRequest, Sim, SimBuilder};

use crate::support::{Running, builder};

const LATENCY: Duration = Duration::from_millis(20);

async fn cluster(builder: SimBuilder) -> Sim {
    let sim = builder
        .generate(Generate::objects(300))
        .request_log(100_000);
    sim.start().await.unwrap()
}

async fn synced(sim: &Sim, pace: Pace, selection: Selection) -> Running {
    let running = Running::start(builder(sim).pace(pace).select(selection));
    running.synced().await;
    running
}

/// First lists, in the order in which they arrived.
fn lists(sim: &Sim) -> Vec<LoggedRequest> {
    sim.requests().matching(|request| {
        let is_list = request.query.contains("limit=500") || request.query.contains("sendInitial");
        is_list && request.status == 200
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_and_definitions_come_first_presence_before_detail_and_what_is_big_last() {
    let sim = cluster(Sim::builder()).await;
    let mut pace = Pace::default();
    pace.lists_max = 1;
    let standard = Selection {
        depth: Depth {
            preset: Preset::Standard,
            rules: vec!["secrets=detail".parse().unwrap()],
            ..Depth::default()
        },
        ..Selection::default()
    };
    let running = synced(&sim, pace, standard).await;
    // Namespaces are asked for once more by themselves, for what their labels select.
    let mut order: Vec<String> = Vec::new();
    for request in lists(&sim) {
        let plural = request.resource.unwrap().plural;
        if !order.contains(&plural) {
            order.push(plural);
        }
    }
    let mut first = order[..3].to_vec();
    first.sort_unstable();
    assert_eq!(
        first,
        ["apiservices", "customresourcedefinitions", "namespaces"]
    );
    let at = |plural: &str| order.iter().position(|known| known == plural).unwrap();
    assert!(
        at("roles") < at("deployments"),
        "presence before detail: {order:?}"
    );
    assert!(at("deployments") < at("pods"), "pods are many: {order:?}");
    assert!(at("pods") < at("secrets"), "many, and whole: {order:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_lists_run_at_once_than_are_allowed() {
    let sim = cluster(Sim::builder().without_watch_list()).await;
    sim.faults().latency(LATENCY);
    let mut pace = Pace::default();
    pace.lists_max = 3;
    let running = synced(&sim, pace, Selection::default()).await;
    // No answer comes earlier: for so long each of them runs for certain.
    let starts: Vec<SystemTime> = lists(&sim).iter().map(|list| list.started).collect();
    assert!(starts.len() > 30, "{} lists", starts.len());
    for start in &starts {
        let runs = |from: &&SystemTime| *from <= start && *start < **from + LATENCY;
        let at_once = starts.iter().filter(runs).count();
        assert!(at_once <= 3, "{at_once} lists at {start:?}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_bytes_and_the_start_take_their_time() {
    let sim = cluster(Sim::builder()).await;
    // A second's worth is free, the rest takes as long as it takes at least.
    let elapsed = async |pace: Pace| {
        sim.requests().clear();
        let started = Instant::now();
        let running = synced(&sim, pace, Selection::default()).await;
        let elapsed = started.elapsed();
        let lists = lists(&sim);
        let bytes: u64 = running.monitor.resources().iter().map(|it| it.bytes).sum();
        running.stop().await;
        (elapsed, lists, bytes)
    };
    let mut requests = Pace::default();
    requests.requests_per_second = Some(40);
    let (took, lists, bytes) = elapsed(requests).await;
    let least = Duration::from_secs_f64((lists.len() as f64 - 40.0) / 40.0);
    assert!(
        lists.len() > 60 && took >= least,
        "{} lists in {took:?}",
        lists.len()
    );

    let mut slow = Pace::default();
    slow.bytes_per_second = Some(bytes / 3);
    let (took, ..) = elapsed(slow).await;
    assert!(took >= Duration::from_secs(1), "{bytes} bytes in {took:?}");

    let mut smooth = Pace::default();
    smooth.smooth_start = Duration::from_secs(1);
    let (_, lists, _) = elapsed(smooth).await;
    let starts = lists.iter().map(|list| list.started);
    let (first, last) = (starts.clone().min().unwrap(), starts.max().unwrap());
    let spread = last.duration_since(first).unwrap();
    assert!(
        spread >= Duration::from_millis(800),
        "all began within {spread:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_takes_no_more_requests_than_kinds_and_pages_and_a_few() {
    for (streams, sim) in [
        (true, Sim::builder()),
        (false, Sim::builder().without_watch_list()),
    ] {
        let sim = cluster(sim).await;
        let running = synced(&sim, Pace::default(), Selection::default()).await;
        let kinds = running.observed().len();
        let pages = match streams {
            true => 0,
            false => lists(&sim).len(),
        };
        let requests = sim.requests().all();
        let mut agents: Vec<&str> = requests.iter().map(|it| it.user_agent.as_str()).collect();
        agents.dedup();
        assert_eq!(agents, [concat!("meshsync/", env!("CARGO_PKG_VERSION"))]);
        // A server that does not stream lists is asked whether it does by the first ones, and not by
        // all.
        let tried = if streams {
            0
        } else {
            Pace::default().lists_max
        };
        assert!(
            requests.len() <= kinds + pages + tried + 20,
            "{} requests for {kinds} kinds and {pages} pages",
            requests.len()
        );
        running.stop().await;
    }
}
