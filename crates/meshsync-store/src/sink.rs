//! The store as a sink: `store:PATH`.

use std::path::PathBuf;

use meshsync_broker::{Batch, BoxFuture, Delivery, Published, Sink, SinkError, Wire};
use meshsync_model::wire::head::RecordHead;
use meshsync_model::{EventType, Resource, ResourceId};
use serde::Deserialize;

use crate::store::{Change, put, remove, set_meta, sweep, sweep_unobserved};
use crate::{Store, StoreError};

/// Keeps a store equal to what it is given. `store:PATH`
///
/// A batch is one transaction. At a `SYNCED` of a resource, what this run was not
/// given of it is removed: it went while nobody looked. So is at a full sync what is
/// of a resource of its scope that is not observed any more.
#[derive(Debug)]
pub struct StoreSink {
    path: PathBuf,
    /// Taken by the blocking task that is writing.
    open: Option<Writer>,
}

#[derive(Debug)]
struct Writer {
    store: Store,
    /// Number of this run.
    run: i64,
}

impl StoreSink {
    /// A sink that will write to `path`, and make it where there is nothing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            open: None,
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let deliveries = batch.deliveries.clone();
        let (path, open) = (self.path.clone(), self.open.take());
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = match open {
                Some(writer) => writer,
                None => Writer::open(path)?,
            };
            writer.take(&deliveries)?;
            Ok::<_, StoreError>(writer)
        });
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            let path = self.path.display();
            SinkError::unavailable(
                format!("failed to write {path}: check the path, its permissions and the space"),
                error,
            )
        };
        match writing.await {
            Ok(Ok(writer)) => {
                self.open = Some(writer);
                Ok(Published::default())
            }
            Ok(Err(error)) => Err(failed(error.into())),
            Err(error) => Err(failed(error.into())),
        }
    }
}

impl Writer {
    fn open(path: PathBuf) -> Result<Self, StoreError> {
        let mut store = Store::open(path)?;
        let last = store.meta("run")?;
        let run = last.and_then(|run| run.parse().ok()).unwrap_or(0) + 1;
        store.write(|tx| {
            set_meta(tx, "run", &i64::to_string(&run))?;
            // What a replica knew of a stream is true no more.
            tx.execute("DELETE FROM meta WHERE key LIKE 'stream%'", [])
        })?;
        Ok(Self { store, run })
    }

    fn take(&mut self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let run = self.run;
        self.store.write(|tx| {
            for delivery in deliveries.iter().filter(|d| !d.payload.is_empty()) {
                let Ok(record) = RecordHead::peek(&delivery.payload) else {
                    continue;
                };
                let scope = &*record.scope;
                match (&delivery.key, &delivery.resource) {
                    (Some(key), _) if delivery.event == EventType::Deleted => {
                        remove(tx, scope, key)?;
                    }
                    (Some(key), _) => {
                        let record = &delivery.payload;
                        let mark = 0;
                        let change = Change {
                            scope,
                            key,
                            record,
                            mark,
                        };
                        put(tx, &change, run)?;
                    }
                    (None, Some(resource)) if delivery.event == EventType::Synced => {
                        let gone = sweep(tx, scope, &resource.id(), run)?;
                        if gone > 0 {
                            tracing::info!(%resource, objects = gone, "gone while nobody looked");
                        }
                    }
                    (None, Some(_)) => {}
                    (None, None) => {
                        let Ok(all) = serde_json::from_slice::<FullSync>(&delivery.payload) else {
                            continue;
                        };
                        let is_kept = |id: &ResourceId| all.keeps(id);
                        let gone = sweep_unobserved(tx, scope, is_kept, run)?;
                        if gone > 0 {
                            tracing::info!(
                                scope,
                                objects = gone,
                                "of resources not observed any more"
                            );
                        }
                        set_meta(tx, "complete", &record.observed)?;
                    }
                }
            }
            Ok(())
        })
    }
}

/// What a full sync says beside its head.
#[derive(Deserialize)]
struct FullSync {
    /// What is observed, whether it may be or not.
    resources: Vec<String>,
    /// Groups of which it is not known what is in them.
    unavailable: Vec<String>,
}

impl FullSync {
    fn keeps(&self, id: &ResourceId) -> bool {
        let is_unknown = self.unavailable.contains(&id.group);
        // Fingerprints are no resource of the source.
        let is_ours = *id == Resource::fingerprints().id();
        is_unknown || is_ours || self.resources.contains(&id.to_string())
    }
}

impl Sink for StoreSink {
    fn name(&self) -> String {
        format!("store:{}", self.path.display())
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.send(batch))
    }
}
