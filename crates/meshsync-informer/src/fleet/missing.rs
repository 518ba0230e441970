//! Resources that discovery no longer names, until their own requests say that
//! they are gone.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use kube::Client;
use meshsync_model::{Resource, ResourceId};
use tokio::task::JoinSet;

use crate::api::{ACCEPT_METADATA_LIST, RequestError, get};
use crate::status::StatusBoard;

/// What the server says of a resource that its discovery does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probed {
    /// Nothing yet.
    Asking,
    /// That there is none.
    Gone,
    /// Anything else: that it is forbidden, that something is broken, or that it
    /// is there after all.
    Stale,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Missing {
    resources: HashMap<ResourceId, Probed>,
    asking: JoinSet<(ResourceId, Probed)>,
}

impl Missing {
    /// Only these are missing now.
    pub(super) fn keep(&mut self, missing: &[Resource]) {
        self.resources
            .retain(|id, _| missing.iter().any(|resource| resource.id() == *id));
    }

    pub(super) fn is_gone(&self, id: &ResourceId) -> bool {
        self.resources.get(id) == Some(&Probed::Gone)
    }

    /// Whether nobody knows what became of it.
    pub(super) fn is_stale(&self, id: &ResourceId) -> bool {
        self.resources.get(id) == Some(&Probed::Stale)
    }

    /// Asks the server for the resource itself. Returns whether it is asked for
    /// the first time.
    pub(super) fn ask(
        &mut self,
        client: &Client,
        resource: &Resource,
        board: &Arc<StatusBoard>,
    ) -> bool {
        let id = resource.id();
        let before = self.resources.get(&id).copied();
        if before == Some(Probed::Asking) {
            return false;
        }
        if before.is_none() {
            self.resources.insert(id.clone(), Probed::Asking);
        }
        let (client, board) = (client.clone(), Arc::clone(board));
        let path = format!("{}?limit=1", resource.collection_path());
        self.asking.spawn(async move {
            let (probed, error) = match get(&client, &path, ACCEPT_METADATA_LIST, None).await {
                Err(RequestError::Refused { refusal, .. })
                    if refusal.code == StatusCode::NOT_FOUND.as_u16() =>
                {
                    return (id, Probed::Gone);
                }
                Ok(_) => (Probed::Stale, "it is served all the same".to_owned()),
                Err(error) => (Probed::Stale, error.chain()),
            };
            board.note_missing(&id, &error);
            (id, probed)
        });
        before.is_none()
    }

    /// Waits for the next answer; a resource that is gone. `None` when nothing was
    /// asked. Dropping it half-way loses nothing.
    pub(super) async fn probed(&mut self) -> Option<Option<ResourceId>> {
        let (id, probed) = self.asking.join_next().await?.ok()?;
        // It may be named again meanwhile.
        let known = self.resources.get_mut(&id)?;
        *known = probed;
        Some((probed == Probed::Gone).then_some(id))
    }
}
