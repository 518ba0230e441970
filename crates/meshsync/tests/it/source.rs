//! A running pipeline over any source, and what it has said so far.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshsync::model::ResourceId;
use meshsync::{Builder, Handle, Monitor, OwnedChange, RunError};
use meshsync_testkit::eventually;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Nothing here takes this long unless it is broken.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// See the [module](self).
pub(crate) struct Observed {
    pub(crate) monitor: Monitor,
    pub(crate) handle: Handle,
    changes: Arc<Mutex<Vec<OwnedChange>>>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), RunError>>,
    read: JoinHandle<()>,
}

impl Observed {
    pub(crate) fn start(builder: Builder) -> Self {
        let mut meshsync = builder.build().unwrap();
        let (monitor, handle) = (meshsync.monitor(), meshsync.handle());
        let mut stream = meshsync.changes();
        let changes: Arc<Mutex<Vec<OwnedChange>>> = Arc::default();
        let seen = Arc::clone(&changes);
        let read = tokio::spawn(async move {
            while let Some(change) = stream.next().await {
                seen.lock().unwrap().push(change);
            }
        });
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(meshsync.run(async { stopped.await.unwrap_or_default() }));
        Self {
            monitor,
            handle,
            changes,
            stop,
            run,
            read,
        }
    }

    /// Starts, and waits until everything was told.
    pub(crate) async fn synced(builder: Builder) -> Self {
        let observed = Self::start(builder);
        tokio::time::timeout(DEADLINE, observed.monitor.synced())
            .await
            .expect("everything is told");
        observed
    }

    /// What happened to objects, as `EVENT plural namespace/name`.
    pub(crate) fn events(&self) -> Vec<String> {
        let changes = self.changes.lock().unwrap();
        let objects = changes.iter().filter(|change| change.name().is_some());
        objects.map(line).collect()
    }

    /// The last state of every object that is there.
    pub(crate) fn state(&self) -> Vec<(String, serde_json::Value)> {
        let mut state = std::collections::BTreeMap::new();
        for change in self.changes.lock().unwrap().iter() {
            let Some(name) = change.name() else { continue };
            let resource = change.resource().unwrap().id();
            let key = format!("{resource} {}/{name}", change.namespace().unwrap_or("-"));
            match change.event() {
                meshsync::EventType::Deleted => state.remove(&key),
                _ => state.insert(key, change.parse().unwrap()),
            };
        }
        state.into_iter().collect()
    }

    /// Forgets what happened so far.
    pub(crate) fn forget(&self) {
        self.changes.lock().unwrap().clear();
    }

    /// Waits until just this has happened since [`forget`](Self::forget).
    pub(crate) async fn saw(&self, expected: &[&str]) {
        let whole = async || (self.events().len() >= expected.len()).then_some(());
        eventually(&format!("{expected:?}"), DEADLINE, whole).await;
        assert_eq!(self.events(), expected);
    }

    /// The same of one resource.
    pub(crate) async fn saw_of(&self, plural: &str, expected: &[&str]) {
        let of = || {
            let mut events = self.events();
            events.retain(|event| event.split(' ').nth(1) == Some(plural));
            events
        };
        let enough = async || (of().len() >= expected.len()).then_some(());
        eventually(&format!("{expected:?}"), DEADLINE, enough).await;
        assert_eq!(of(), expected);
    }

    /// Waits until the status of the source holds.
    pub(crate) async fn status(
        &self,
        what: &str,
        holds: impl Fn(&meshsync::SourceSnapshot) -> bool,
    ) -> meshsync::SourceSnapshot {
        eventually(what, DEADLINE, async || {
            Some(self.monitor.source()).filter(&holds)
        })
        .await
    }

    pub(crate) fn objects(&self, resource: &ResourceId) -> u64 {
        let resources = self.monitor.resources();
        let found = resources
            .iter()
            .find(|known| known.resource.id() == *resource);
        found.map_or(0, |known| known.objects)
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.run.await.unwrap().unwrap();
        self.read.await.unwrap();
    }
}

fn line(change: &OwnedChange) -> String {
    let plural = &change.resource().unwrap().plural;
    let namespace = change.namespace().map(|name| format!("{name}/"));
    let (event, name) = (change.event(), change.name().unwrap_or_default());
    format!("{event} {plural} {}{name}", namespace.unwrap_or_default())
}
