//! Numbers that move.

use meshsync::{Monitor, ResourceState};
use serde::Serialize;

/// What the page draws while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    pub(crate) synced: bool,
    pub(crate) objects: u64,
    /// Changes read from the API server so far.
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) resources: Resources,
    /// Deliveries that wait for sinks.
    pub(crate) waiting: usize,
}

/// How the resources are doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resources {
    pub(crate) total: usize,
    pub(crate) synced: usize,
    pub(crate) live: usize,
    /// Backing off, forbidden, or gone.
    pub(crate) troubled: usize,
}

impl Stats {
    pub(crate) fn of(monitor: &Monitor) -> Self {
        let resources = monitor.resources();
        let mut sums = Resources {
            total: resources.len(),
            ..Resources::default()
        };
        let (mut objects, mut events, mut bytes) = (0, 0, 0);
        for resource in &resources {
            sums.synced += usize::from(resource.synced);
            match resource.state {
                ResourceState::Live => sums.live += 1,
                ResourceState::Listing => {}
                _ => sums.troubled += 1,
            }
            objects += resource.objects;
            events += resource.events;
            bytes += resource.bytes;
        }
        Self {
            synced: monitor.is_synced(),
            objects,
            events,
            bytes,
            resources: sums,
            waiting: monitor.sinks().iter().map(|sink| sink.outbox.waiting).sum(),
        }
    }
}
