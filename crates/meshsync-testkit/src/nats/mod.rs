//! A real `nats-server` for a test.

mod options;
mod ports;
mod server;

pub use options::NatsOptions;
pub use server::{NatsServer, StartError};
