//! What the long form of a randomised test changes: its seed and its number of cases.

use std::env;
use std::time::Duration;

use crate::skip::say;

/// Names the seed of randomised tests, so that a failure can be repeated.
pub const SEED_ENV: &str = "MESHSYNC_SEED";

/// Names how many cases a property test runs, instead of its own number.
pub const CASES_ENV: &str = "MESHSYNC_CASES";

/// The seed of a test: what [`SEED_ENV`] says, else the test's own. Prints it.
///
/// # Panics
///
/// When the variable is no number.
pub fn seed(test: &str, own: u64) -> u64 {
    let seed = number(SEED_ENV).unwrap_or(own);
    say(&format!("seed: {test}: {SEED_ENV}={seed}"));
    seed
}

/// The number of cases of a property test: what [`CASES_ENV`] says, else the test's own.
///
/// # Panics
///
/// When the variable is no number.
pub fn cases(own: u32) -> u32 {
    number(CASES_ENV).map_or(own, |cases| u32::try_from(cases).unwrap_or(u32::MAX))
}

/// Names how many seeds a test that runs many of them tries.
pub const SEEDS_ENV: &str = "MESHSYNC_SEEDS";

/// The number of seeds of a test: what [`SEEDS_ENV`] says, else the test's own.
///
/// # Panics
///
/// When the variable is no number.
pub fn seeds(own: u64) -> u64 {
    number(SEEDS_ENV).unwrap_or(own)
}

/// Names how many objects a cluster has in tests of size.
pub const OBJECTS_ENV: &str = "MESHSYNC_OBJECTS";

/// The size of a cluster: what [`OBJECTS_ENV`] says, else the test's own.
///
/// # Panics
///
/// When the variable is no number.
pub fn objects(own: usize) -> usize {
    number(OBJECTS_ENV).map_or(own, |objects| {
        usize::try_from(objects).unwrap_or(usize::MAX)
    })
}

/// Names how long an outage lasts at least, in seconds, in tests of one.
pub const OUTAGE_ENV: &str = "MESHSYNC_OUTAGE_SECONDS";

/// How long an outage lasts at least: what [`OUTAGE_ENV`] says, else no longer than it
/// takes to be noticed.
///
/// # Panics
///
/// When the variable is no number.
pub fn outage() -> Duration {
    Duration::from_secs(number(OUTAGE_ENV).unwrap_or(0))
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok().filter(|text| !text.is_empty())?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable}={text:?} is no whole number"),
    }
}
