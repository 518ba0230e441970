//! What checks of a resource against the server found.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use meshsync_model::Resource;
use tokio::sync::Semaphore;

/// So many objects that differ are named.
const NAMES_MAX: usize = 20;

/// So many resources are checked at a time.
const CHECKS_MAX: usize = 2;

/// Whether and how often what is known is checked against the server.
#[derive(Clone, Debug)]
pub struct VerifyConfig {
    /// From one check of a resource to the next, a quarter more or less.
    pub(crate) interval: Duration,
    /// Whoever checks has one of these: two resources at a time.
    pub(crate) turn: Arc<Semaphore>,
}

impl VerifyConfig {
    /// Checks every resource about once per `interval`, two at a time.
    pub fn every(interval: Duration) -> Self {
        Self {
            interval,
            turn: Arc::new(Semaphore::new(CHECKS_MAX)),
        }
    }
}

/// What one check of a resource found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// When it was complete.
    pub at: SystemTime,
    /// How many objects the server showed.
    pub objects: u64,
    /// Objects the server has that were not known.
    pub missing: u64,
    /// Objects that were known and the server does not have.
    pub extra: u64,
    /// Objects that were known in another state.
    pub other: u64,
    /// The first of them, with what is wrong.
    pub names: Vec<String>,
}

impl Verified {
    pub(crate) fn new(objects: u64) -> Self {
        Self {
            at: SystemTime::now(),
            objects,
            missing: 0,
            extra: 0,
            other: 0,
            names: Vec::new(),
        }
    }

    /// How many objects differed.
    pub fn drift(&self) -> u64 {
        self.missing + self.extra + self.other
    }

    pub(crate) fn name(
        &mut self,
        namespace: Option<&str>,
        name: &str,
        what: &str,
        resource: &Resource,
    ) {
        if self.names.len() >= NAMES_MAX {
            return;
        }
        let object = match namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        };
        tracing::warn!(%resource, object, what, "drift");
        self.names.push(format!("{object}: {what}"));
    }
}
