//! What the selection asks of namespaces, followed while the fleet runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshsync_discovery::{
    Catalog, Depth, NamespaceSelection, Namespaces, Preset, Selection, WatchPlan,
};
use meshsync_model::{Context, Index, Object, ObjectRef, ResourceId};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::taps::{Listener, Shared, Tap, Taps};
use crate::api::{ACCEPT_METADATA_LIST, get, read};
use crate::client::Connection;
use crate::frame::{Frame, ListFramer};

/// Changes of namespaces are taken together for this long.
const SETTLE: Duration = Duration::from_millis(200);

/// Namespaces that are gone are remembered, since forgetting one that had opted
/// out looks like one that did not: so many of them.
const GONE_MAX: usize = 1_000;

/// Pages of the first list.
const PAGE_OBJECTS_MAX: u32 = 500;

/// Follows namespaces while the selection needs it, and tells when they change.
#[derive(Debug, Default)]
pub(super) struct Followed {
    taps: Taps,
    known: Arc<Known>,
    /// When what has changed is to be put in force.
    due: Option<Instant>,
    following: bool,
}

#[derive(Debug, Default)]
struct Known {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    namespaces: Namespaces,
    gone: VecDeque<String>,
}

impl Followed {
    /// Looks at what is known.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Namespaces) -> T) -> T {
        look(&self.known.lock().namespaces)
    }

    /// Reads the namespaces once, before anything is observed that they leave out.
    pub(super) async fn begin(&mut self, connection: &Connection, selection: &Selection) {
        if !selection.follows_namespaces() {
            return;
        }
        if let Err(error) = list(&self.known, connection).await {
            tracing::warn!(
                error,
                "namespaces cannot be listed: what their labels and annotations select is not \
                 known yet; grant list and watch on namespaces"
            );
        }
    }

    /// Follows what is served now, if the selection needs it.
    pub(super) fn follow(
        &mut self,
        selection: &Selection,
        catalog: &Catalog,
        plan: &WatchPlan,
        shared: &Shared<'_>,
    ) {
        let needed = selection.follows_namespaces();
        if needed && !self.following {
            self.taps.add(self.tap());
        } else if !needed && self.following {
            self.taps.retire();
        }
        self.following = needed;
        self.taps.follow(catalog, plan, shared);
    }

    fn tap(&self) -> Tap {
        let known = Arc::clone(&self.known);
        Tap {
            resources: vec![ResourceId::new("", "namespaces")],
            namespaces: NamespaceSelection::all(),
            depth: Depth {
                preset: Preset::Presence,
                ..Depth::default()
            },
            unless_planned: false,
            listen: Box::new(move || Box::new(Told(Arc::clone(&known)))),
        }
    }

    /// Waits until changes have settled. Dropping it half-way loses nothing.
    pub(super) async fn changed(&mut self) {
        loop {
            let Some(due) = self.due else {
                self.known.changed.notified().await;
                self.due = Some(Instant::now() + SETTLE);
                continue;
            };
            tokio::time::sleep_until(due).await;
            self.due = None;
            return;
        }
    }

    /// Waits for its task to end, after it was stopped.
    pub(super) async fn ended(&mut self) {
        self.taps.ended().await;
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, namespace: &Object<'_>) -> bool {
        let mut state = self.lock();
        state.gone.retain(|gone| gone != namespace.name());
        state.namespaces.take(namespace)
    }

    /// A namespace that is gone has no objects; what was known of it may stay.
    fn forget(&self, name: &str) {
        let mut state = self.lock();
        state.gone.push_back(name.to_owned());
        if state.gone.len() > GONE_MAX
            && let Some(oldest) = state.gone.pop_front()
        {
            state.namespaces.forget(&oldest);
        }
    }
}

/// Takes every namespace there is.
async fn list(known: &Known, connection: &Connection) -> Result<(), String> {
    let mut token = String::new();
    loop {
        let path = format!("/api/v1/namespaces?limit={PAGE_OBJECTS_MAX}{token}");
        let answer = get(&connection.client, &path, ACCEPT_METADATA_LIST, None).await;
        let answer = answer.map_err(|error| error.chain())?;
        let body = read(answer, &path).await.map_err(|error| error.chain())?;
        let mut index = Index::new();
        let mut framer = ListFramer::new();
        let taken = framer.push(&body, |frame| {
            if let Frame::Whole(item) = frame
                && let Ok(object) = index.parse(item)
            {
                known.take(&object);
            }
        });
        let end = taken.and_then(|()| framer.finish());
        match end.map_err(|error| error.to_string())?.continue_token {
            Some(next) => token = format!("&continue={}", crate::task::escape(&next)),
            None => return Ok(()),
        }
    }
}

struct Told(Arc<Known>);

impl Listener for Told {
    fn state(&mut self, _: &Context<'_>, object: &Object<'_>) {
        if self.0.take(object) {
            self.0.changed.notify_one();
        }
    }

    fn gone(&mut self, object: ObjectRef<'_>) {
        self.0.forget(object.name);
    }
}
