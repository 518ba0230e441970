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

use self::case::{Way, case, run};

/// Runs cases until one fails; says how to repeat that one.
fn prove(test: &str, way: Way, cases: u32, shrink: bool) -> Result<(), String> {
    let seed = meshsync_testkit::seed(test, 20_260);
    let config = Config {
        cases: meshsync_testkit::cases(cases),
        failure_persistence: None,
        max_shrink_iters: if shrink { 2_000 } else { 0 },
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&case(), |case| {
            run(way, &case).map_err(proptest::test_runner::TestCaseError::fail)
        })
        .map_err(|error| error.to_string())
}

#[test]
fn whatever_happens_the_changes_add_up_to_the_servers_state_with_watch_list() {
    let test = "proof::with_watch_list";
    if let Err(error) = prove(test, Way::WatchList, 6_000, true) {
        panic!("{error}");
    }
}

#[test]
fn whatever_happens_the_changes_add_up_to_the_servers_state_with_pages() {
    let test = "proof::with_pages";
    if let Err(error) = prove(test, Way::Pages, 6_000, true) {
        panic!("{error}");
    }
}
