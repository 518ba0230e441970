//! The faults, one at random.

use std::sync::atomic::Ordering;
use std::time::Duration;

use meshsync_sim::{CutStyle, Failure, FaultScope, Sim};
use rand::Rng;
use rand::rngs::StdRng;

use super::sinks::Handle;
use super::world::RESOURCES;

const CODES: [u16; 9] = [401, 403, 404, 410, 429, 500, 502, 503, 504];

/// Makes one fault. Some last until [`heal`].
pub(crate) async fn fault(sim: &Sim, rng: &mut StdRng, unsteady: &[Handle]) -> &'static str {
    let faults = sim.faults();
    let (group, plural, _) = RESOURCES[rng.random_range(0..RESOURCES.len())];
    match rng.random_range(0..15) {
        0 => {
            faults.cut_watches(style(rng));
            "cut"
        }
        1 => {
            faults.cut_watches_of(group, plural, style(rng));
            "cut of one"
        }
        2 => {
            sim.compact();
            "compact"
        }
        3 => {
            sim.compact();
            faults.cut_watches(style(rng));
            "compact and cut: 410"
        }
        4 => {
            sim.stop_listener().await;
            if rng.random() {
                sim.compact();
            }
            sim.start_listener().await.unwrap();
            "restart"
        }
        5..9 => {
            let code = CODES[rng.random_range(0..CODES.len())];
            let mut failure = Failure::status(code).times(rng.random_range(1..4));
            if code == 429 && rng.random() {
                failure.retry_after = None;
            }
            let scope = FaultScope::resource(group, plural);
            faults.fail(scope.verbs(&["list", "watch"]), failure);
            faults.cut_watches_of(group, plural, style(rng));
            "status"
        }
        9 => {
            faults.stall();
            "stall"
        }
        10 => {
            faults.pace(Some(rng.random_range(2_000..50_000)));
            "pace"
        }
        11 => {
            faults.latency(Duration::from_millis(rng.random_range(1..20)));
            "latency"
        }
        12 => {
            if rng.random() {
                faults.refuse_watch_list();
            } else {
                faults.allow_watch_list();
            }
            "watch list"
        }
        13 => {
            faults.require_token(Some("another"));
            faults.cut_watches(style(rng));
            "401 to all"
        }
        _ => {
            let sink = &unsteady[rng.random_range(0..unsteady.len())];
            sink.refuse
                .fetch_add(rng.random_range(1..3), Ordering::Relaxed);
            "sink"
        }
    }
}

/// Everything works again.
pub(crate) fn heal(sim: &Sim) {
    sim.faults().heal_all();
    sim.faults().require_token(None);
}

fn style(rng: &mut StdRng) -> CutStyle {
    [CutStyle::Clean, CutStyle::MidLine, CutStyle::Broken][rng.random_range(0..3)]
}
