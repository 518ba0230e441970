//! The rows of sinks of a pipeline: one row for each source.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use meshsync_broker::{Outlet, Sink, SinkState, SinkStatus, Wire};
use meshsync_informer::{Room, SinkSet};
use meshsync_model::ResourceId;
use tokio::sync::watch;

/// A sink, and its outlets: one for each source that gives to it.
#[derive(Debug)]
pub(crate) struct SinkRow {
    pub(crate) status: Arc<SinkStatus>,
    pub(crate) wire: Wire,
    pub(crate) outlets: Vec<Arc<Outlet>>,
}

/// Lays an outlet from each source to each sink that takes what it has: Meshery
/// messages are about clusters. `clusters` says of each source whether it is one.
pub(crate) fn lay(
    sinks: &[Box<dyn Sink>],
    clusters: &[bool],
    outbox_bytes: usize,
) -> (Vec<SinkRow>, Vec<Outlets>) {
    let mut rows = Vec::new();
    let mut lanes: Vec<Vec<Arc<Outlet>>> = vec![Vec::new(); clusters.len()];
    for sink in sinks {
        let (wire, status) = (sink.wire(), Arc::new(SinkStatus::new(sink.name())));
        let mut outlets = Vec::new();
        for (lane, is_cluster) in lanes.iter_mut().zip(clusters) {
            if wire == Wire::Meshery && !is_cluster {
                continue;
            }
            let outlet = Arc::new(Outlet::new(outbox_bytes, wire, Arc::clone(&status)));
            outlets.push(Arc::clone(&outlet));
            lane.push(outlet);
        }
        rows.push(SinkRow {
            status,
            wire,
            outlets,
        });
    }
    (rows, lanes.into_iter().map(Outlets::new).collect())
}

/// Every sink's outlet, and which resources each has been given in full.
#[derive(Debug)]
pub(crate) struct Outlets {
    outlets: Vec<Arc<Outlet>>,
    synced: Mutex<Vec<HashSet<ResourceId>>>,
    /// Counts changes of `synced`.
    changes: watch::Sender<u64>,
}

impl Outlets {
    fn new(outlets: Vec<Arc<Outlet>>) -> Self {
        Self {
            synced: Mutex::new(vec![HashSet::new(); outlets.len()]),
            outlets,
            changes: watch::Sender::new(0),
        }
    }

    pub(crate) fn set(&self) -> SinkSet {
        SinkSet::first(self.outlets.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Outlet>> {
        self.outlets.iter()
    }

    /// The outlets of a set, with their places.
    pub(crate) fn of(&self, set: SinkSet) -> impl Iterator<Item = (usize, &Arc<Outlet>)> {
        self.outlets
            .iter()
            .enumerate()
            .filter(move |(at, _)| set.contains(*at))
    }

    pub(crate) fn note_synced(&self, resource: &ResourceId, sinks: SinkSet) {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, resources) in synced.iter_mut().enumerate() {
            if sinks.contains(at) {
                resources.insert(resource.clone());
            }
        }
        drop(synced);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Whether sink `at` has been given these resources in full.
    pub(crate) fn has_all<'a>(
        &self,
        at: usize,
        mut resources: impl Iterator<Item = &'a ResourceId>,
    ) -> bool {
        let synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        synced
            .get(at)
            .is_some_and(|own| resources.all(|resource| own.contains(resource)))
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// Waiting for room in all outlets.
#[derive(Debug)]
pub(crate) struct OutletRoom {
    outlets: Arc<Outlets>,
    again: Vec<watch::Receiver<u64>>,
    losses: Vec<watch::Receiver<u64>>,
}

impl OutletRoom {
    pub(crate) fn new(outlets: Arc<Outlets>) -> Self {
        let again = outlets.iter().map(|outlet| outlet.room_changes()).collect();
        let losses = outlets.iter().map(|outlet| outlet.losses()).collect();
        Self {
            outlets,
            again,
            losses,
        }
    }
}

impl Room for OutletRoom {
    async fn free(&mut self) {
        for outlet in self.outlets.iter() {
            outlet.room_or_away().await;
        }
    }

    fn reachable(&self) -> SinkSet {
        let up = self.outlets.iter().enumerate();
        // A closed one takes whatever it is offered: its debts are let go.
        up.filter(|(_, outlet)| outlet.status().state() != SinkState::Away)
            .fold(SinkSet::NONE, |set, (at, _)| set.with(SinkSet::one(at)))
    }

    fn lost(&mut self) -> SinkSet {
        let mut lost = SinkSet::NONE;
        for (at, losses) in self.losses.iter_mut().enumerate() {
            if losses.has_changed().unwrap_or(false) {
                losses.mark_unchanged();
                lost = lost.with(SinkSet::one(at));
            }
        }
        lost
    }

    async fn again(&mut self) {
        let changed = self.again.iter_mut().map(|again| {
            Box::pin(async move {
                if again.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            })
        });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            std::future::pending::<()>().await;
        } else {
            futures::future::select_all(changed).await;
        }
    }
}
