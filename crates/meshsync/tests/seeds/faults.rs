//! The faults, one at random.

use std::sync::atomic::Ordering;
use std::time::Duration;

use meshsync_sim::{CutStyle, Disturbance, Failure, FaultScope, Sim, WatchQuirk};
use rand::Rng;
use rand::rngs::StdRng;

use super::sinks::Handle;
use super::world::RESOURCES;

const CODES: [u16; 9] = [401, 403, 404, 410, 429, 500, 502, 503, 504];

/// Makes one fault. Some last until [`heal`].
pub(crate) async fn fault(sim: &Sim, rng: &mut StdRng, unsteady: &[Handle]) -> &'static str {
    let faults = sim.faults();
    let (group, plural, _) = RESOURCES[rng.random_range(0..RESOURCES.len())];
    let scope = FaultScope::resource(group, plural);
    match rng.random_range(0..25) {
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
                failure = failure.without_retry_after();
            }
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
        14 => {
            let failure = match rng.random_range(0..3) {
                0 => Failure::future_version(),
                1 => Failure::event(410),
                _ => Failure::event(500),
            };
            faults.fail(
                scope.verbs(&["watch"]),
                failure.times(rng.random_range(1..3)),
            );
            faults.cut_watches_of(group, plural, style(rng));
            "504 future version, or a status in the stream"
        }
        15..17 => {
            let bytes = rng.random_range(0..20_000);
            let disturbance = match rng.random_range(0..3) {
                0 => Disturbance::StallAfter { bytes },
                1 => Disturbance::Slow {
                    bytes_per_second: 100_000,
                },
                _ => Disturbance::CutAfter {
                    bytes,
                    style: style(rng),
                },
            };
            faults.disturb_some(scope, disturbance, rng.random_range(1..3));
            sim.compact();
            faults.cut_watches_of(group, plural, style(rng));
            "list or watch cut, stalled or slow after some bytes"
        }
        17..19 => {
            faults.quirk(
                [
                    WatchQuirk::ReorderedKeys,
                    WatchQuirk::DuplicatedEvents,
                    WatchQuirk::NoBookmarks,
                    WatchQuirk::NoInitialEventsEnd,
                ][rng.random_range(0..4)],
            );
            "reordered, duplicated, no bookmarks"
        }
        19..21 => {
            faults.replay_events_of(group, plural, rng.random_range(1..6));
            "replay"
        }
        21 => {
            sim.lag(scope);
            "lagging replica"
        }
        22 => {
            sim.restart().await.unwrap();
            "restart without history"
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
    [
        CutStyle::Clean,
        CutStyle::MidLine,
        CutStyle::MidUtf8,
        CutStyle::Broken,
        CutStyle::Error(410),
        CutStyle::Error(500),
    ][rng.random_range(0..6)]
}
