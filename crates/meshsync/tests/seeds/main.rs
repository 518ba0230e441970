//! Many small clusters, each with a pipeline of its own, through every fault the
//! simulator has, under churn.
//!
//! A run of one seed makes fifty faults or more, one after the other and some at
//! once. At its end every sink holds just what the cluster does, by digest; no
//! outbox was ever larger than it may be, nothing panicked, and no task is left.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod faults;
mod process;
mod run;
mod sinks;
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::process::{Panics, resident_kib};
use self::run::{Seed, Stats, run};
use self::sinks::Spoil;

/// Seeds in one run of this test; `MESHSYNC_SEEDS` names another number.
const SEEDS: u64 = 200;

/// Faults of one seed, at least.
const FAULTS: u64 = 50;

/// Nothing takes this long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(180);

/// Most of a seed's time is spent waiting for back-offs and time-outs, so that
/// more seeds than cores run at once.
const THREADS: usize = 12;

/// What the process may grow by between the first quarter of the seeds and the
/// last. A pipeline that were not freed would take about 4 MiB of it each.
const GROWTH_KIB_MAX: u64 = 48 << 10;

#[test]
fn whatever_the_faults_every_sink_ends_with_the_clusters_state() {
    let first = meshsync_testkit::seed("seeds", 1_000);
    let seeds = meshsync_testkit::seeds(SEEDS);
    let panics = Panics::watch();
    let next = AtomicU64::new(0);
    let failures: Mutex<Vec<String>> = Mutex::default();
    let total: Mutex<Stats> = Mutex::default();
    let early_kib = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= seeds || !failures.lock().unwrap().is_empty() {
                        return;
                    }
                    if at == seeds / 4 {
                        early_kib.store(resident_kib(), Ordering::Relaxed);
                    }
                    let seed = first + at;
                    let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
                        run(Seed {
                            seed,
                            faults: FAULTS,
                            deadline: DEADLINE,
                            spoil: None,
                        })
                    }));
                    match result {
                        Ok(Ok(stats)) => total.lock().unwrap().add(&stats),
                        Ok(Err(error)) => failures
                            .lock()
                            .unwrap()
                            .push(format!("seed {seed}: {error}")),
                        Err(_) => failures
                            .lock()
                            .unwrap()
                            .push(format!("seed {seed} panicked")),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{}\nto repeat one: MESHSYNC_SEED=<seed> MESHSYNC_SEEDS=1",
        failures.join("\n")
    );
    assert_eq!(panics.seen(), Vec::<String>::new());
    let total = total.into_inner().unwrap();
    println!("{seeds} seeds: {total}");
    assert!(total.faults >= seeds * FAULTS, "{total}");
    let (early_kib, late_kib) = (early_kib.into_inner(), resident_kib());
    assert!(
        late_kib < early_kib + GROWTH_KIB_MAX,
        "resident: {early_kib} KiB after a quarter of the seeds, {late_kib} KiB after all"
    );
}

/// The comparison is itself tested: with a sink that is given something else than
/// it was sent, a seed fails.
#[test]
fn a_way_to_a_sink_with_a_defect_is_noticed() {
    for spoil in [
        Spoil::LoseDeletes,
        Spoil::LoseLaterStates,
        Spoil::OutOfOrder,
    ] {
        let noticed = (0..5).any(|seed| {
            run(Seed {
                seed,
                faults: FAULTS,
                deadline: Duration::from_secs(5),
                spoil: Some(spoil),
            })
            .is_err()
        });
        assert!(noticed, "{spoil:?} goes unnoticed");
    }
}
