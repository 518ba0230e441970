//! Telling sinks when they have been given all of the cluster.

use std::sync::Arc;

use jiff::Timestamp;
use meshsync_informer::{SinkSet, StatusBoard};
use meshsync_model::wire::record;
use meshsync_model::{ClusterId, ResourceId};
use tokio::sync::watch;

use crate::outlets::Outlets;

/// Watches resources and sinks, and tells each sink once when every resource
/// that could be listed has been given to it in full. `done` becomes true when
/// all sinks have been told.
pub(crate) async fn announce(
    board: Arc<StatusBoard>,
    outlets: Arc<Outlets>,
    scope: ClusterId,
    done: watch::Sender<bool>,
) {
    let mut resources = board.changes();
    let mut sinks = outlets.changes();
    let mut told = SinkSet::NONE;
    loop {
        resources.mark_unchanged();
        sinks.mark_unchanged();
        if board.all_settled() {
            let snapshot = board.snapshot();
            let synced: Vec<ResourceId> = snapshot
                .iter()
                .filter(|resource| resource.synced)
                .map(|resource| resource.resource.id())
                .collect();
            let objects = snapshot.iter().map(|resource| resource.objects).sum();
            for (at, outlet) in outlets.of(outlets.set().without(told)) {
                if outlets.has_all(at, synced.iter()) {
                    let mut payload = Vec::new();
                    if outlet.wire() == meshsync_broker::Wire::Record {
                        let resources: Vec<ResourceId> =
                            snapshot.iter().map(|r| r.resource.id()).collect();
                        record::push_full_sync(
                            &mut payload,
                            &scope,
                            Timestamp::now(),
                            objects,
                            (&resources, &board.unavailable()),
                        );
                    }
                    outlet.synced(None, payload.into());
                    told = told.with(SinkSet::one(at));
                }
            }
        }
        if told == outlets.set() && board.all_settled() {
            for outlet in outlets.iter() {
                outlet.complete().await;
            }
            tracing::info!("every resource is in sync");
            done.send_replace(true);
            return;
        }
        let ended = tokio::select! {
            changed = resources.changed() => changed.is_err(),
            changed = sinks.changed() => changed.is_err(),
        };
        if ended {
            return;
        }
    }
}
