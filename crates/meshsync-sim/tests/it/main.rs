//! The simulator as its clients see it.

mod capture;
mod client;
mod custom_resources;
mod discovery;
mod errors;
mod faults;
mod generated;
mod kubectl;
mod lists;
mod server;
mod watches;
mod writes;
