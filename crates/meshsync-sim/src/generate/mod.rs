//! Generated clusters: varied, realistic in size, and the same for the same seed.

mod apps;
mod churn;
mod cluster;
mod config;
mod custom;
mod emit;
mod managed_fields;
mod network;
mod pods;
mod products;
mod sizes;
mod workloads;

pub use churn::Churn;
pub(crate) use churn::churn;
pub use cluster::Generate;
pub(crate) use cluster::generate;
pub use sizes::Sizes;
