//! The proof of the engine: a task as it ships, against a model of a server and
//! sinks that refuse now and then, in virtual time.
//!
//! Whatever happens in a [`case`], once it is over every sink holds just what the
//! server has; and at no time was a sink told something that makes no sense, such
//! as the delete of an object that exists. [`mutants`] shows that the proof
//! notices it when the engine has a defect.

mod answer;
mod case;
mod mutants;
mod server;
mod sinks;
mod verify;

use proptest::test_runner::{Config, RngSeed, TestRunner};

use self::case::{Checks, Way, case, run};
use crate::mutation;

/// Runs cases until one fails; says how to repeat that one.
fn prove(test: &str, way: Way, checks: Checks, cases: u32) -> Result<(), String> {
    // Other cases with checks than without.
    let own = 20_260 + u64::from(matches!(checks, Checks::Often));
    let seed = meshsync_testkit::seed(test, own);
    let config = Config {
        cases: meshsync_testkit::cases(cases),
        failure_persistence: None,
        // A defect that was put in needs no smallest example.
        max_shrink_iters: if mutation::is_any() { 0 } else { 2_000 },
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&case(), |case| {
            run(way, checks, &case).map_err(proptest::test_runner::TestCaseError::fail)
        })
        .map_err(|error| error.to_string())
}

fn check(test: &str, way: Way) {
    for checks in [Checks::Never, Checks::Often] {
        if let Err(error) = prove(test, way, checks, 3_000) {
            panic!("{error}");
        }
    }
}

#[test]
fn whatever_happens_the_changes_add_up_to_the_servers_state_with_watch_list() {
    check("proof::with_watch_list", Way::WatchList);
}

#[test]
fn whatever_happens_the_changes_add_up_to_the_servers_state_with_pages() {
    check("proof::with_pages", Way::Pages);
}
