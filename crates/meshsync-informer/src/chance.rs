//! Randomness, which tests repeat.

/// A number from 0 to 1.
#[cfg(not(test))]
pub(crate) fn unit() -> f64 {
    rand::random()
}

#[cfg(test)]
std::thread_local! {
    static CASE: std::cell::RefCell<Option<rand::rngs::StdRng>> = const { std::cell::RefCell::new(None) };
}

/// A number from 0 to 1.
#[cfg(test)]
pub(crate) fn unit() -> f64 {
    CASE.with_borrow_mut(|case| match case {
        Some(rng) => rand::Rng::random(rng),
        None => rand::random(),
    })
}

/// Makes what follows on this thread repeatable.
#[cfg(test)]
pub(crate) fn repeat(seed: u64) {
    CASE.set(Some(rand::SeedableRng::seed_from_u64(seed)));
}
