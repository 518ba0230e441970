//! A cluster, once.

use std::sync::{Arc, Mutex, PoisonError};

use meshsync::model::{Index, Secrets};
use meshsync::{Batch, BoxFuture, Endpoints, EventType, Published, Sink, SinkError, Wire};
use meshsync_fingerprint::Engine;

use crate::cli::ClusterArgs;
use crate::failure::Failure;
use crate::{config, pipeline, settings, signals};

/// Gives the engine everything a cluster has.
pub(super) async fn observe(
    engine: Engine,
    args: &ClusterArgs,
    secrets: Secrets,
) -> Result<Engine, Failure> {
    let stop = signals::stop_token(None)?;
    let file = config::read(None)?;
    settings::one_source(args, &file)?;
    let engine = Arc::new(Mutex::new(Some(engine)));
    let sink = EngineSink {
        engine: Arc::clone(&engine),
        index: Index::new(),
    };
    let meshsync = settings::cluster(args, &file)?
        .secrets(secrets)
        .sink(sink)
        .build()
        .map_err(Failure::configuration)?;
    let monitor = meshsync.monitor();
    let complete = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let synced = {
        let (monitor, stop, complete) = (monitor.clone(), stop.clone(), Arc::clone(&complete));
        async move {
            monitor.synced().await;
            complete.store(true, std::sync::atomic::Ordering::Relaxed);
            stop.cancel();
            std::future::pending::<()>().await;
        }
    };
    let endpoints = Endpoints {
        probes: None,
        admin: None,
        ..Endpoints::default()
    };
    tokio::select! {
        result = pipeline::run(meshsync, endpoints, None, stop) => result?,
        () = synced => {}
    }
    if !complete.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Failure::interrupted("stopped before everything was seen"));
    }
    let taken = engine.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or_else(|| Failure::other(anyhow::anyhow!("the engine is gone")))
}

/// Gives an engine what arrives.
struct EngineSink {
    engine: Arc<Mutex<Option<Engine>>>,
    index: Index,
}

impl Sink for EngineSink {
    fn name(&self) -> String {
        "fingerprint:".to_owned()
    }

    fn wire(&self) -> Wire {
        Wire::Object
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engine.as_mut() {
            for delivery in &batch.deliveries {
                let (Some(resource), Some(key)) = (&delivery.resource, &delivery.key) else {
                    continue;
                };
                let (group, kind) = (&resource.gvk.group, &resource.gvk.kind);
                if delivery.event == EventType::Deleted {
                    engine.remove(group, kind, key.namespace.as_deref(), &key.name);
                } else if let Ok(object) = self.index.parse(&delivery.payload) {
                    engine.apply(group, kind, &object);
                }
            }
        }
        Box::pin(std::future::ready(Ok(Published::default())))
    }
}
