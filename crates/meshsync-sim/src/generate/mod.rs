//! Generated clusters.
mod churn;
mod cluster;
pub use churn::Churn;
pub(crate) use churn::churn;
pub use cluster::Generate;
pub(crate) use cluster::generate;
