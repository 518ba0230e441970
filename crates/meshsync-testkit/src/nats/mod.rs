//! A real `nats-server` for a test, or a cluster of them.

mod cluster;
mod options;
mod ports;
mod server;

pub use cluster::NatsCluster;
pub use options::NatsOptions;
pub use server::{NatsServer, StartError};
