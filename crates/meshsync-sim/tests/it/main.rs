//! The simulator as its clients see it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, like the tests themselves"
)]

mod capture;
mod client;
mod custom_resources;
mod discovery;
mod disturbances;
mod errors;
mod faults;

mod generated;
mod kubectl;
mod lists;
mod rbac;
mod server;
mod watches;
mod writes;
