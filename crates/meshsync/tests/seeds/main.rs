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

use self::process::{Panics, resident_kib};
use self::run::{Stats, run};

/// Seeds in one run of this test; `MESHSYNC_SEEDS` names another number.
const SEEDS: u64 = 200;

/// Faults of one seed, at least.
const FAULTS: usize = 50;

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
                    let result = std::panic::catch_unwind(AssertUnwindSafe(|| run(seed, FAULTS)));
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
    assert!(total.faults >= seeds * FAULTS as u64, "{total}");
    let (early_kib, late_kib) = (early_kib.into_inner(), resident_kib());
    assert!(
        late_kib < early_kib + GROWTH_KIB_MAX,
        "resident: {early_kib} KiB after a quarter of the seeds, {late_kib} KiB after all"
    );
}
