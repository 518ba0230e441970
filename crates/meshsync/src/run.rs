//! The supervisor: it owns every task of a pipeline.
//!
//! | task | when it fails | when it is cancelled |
//! |---|---|---|
//! | fleet (one task per resource below it) | the pipeline ends with the error | each resource's task ends at its next await; the picture stays as it is |
//! | fingerprints | they have no failures | dropped |
//! | full-sync announcer | it has no failures | dropped |
//! | one runner per sink | that sink is closed, by a panic too, the others go on; the pipeline ends when none is left | it sends what waits, for ten seconds at most, and says goodbye, for two |
//!
//! On stop: the fleet first, then the sinks.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use meshsync_broker::{SinkError, run_sink};
use meshsync_informer::{
    ConfigError, Connection, Controlled, Fleet, FleetConfig, RequestError, ScopeError, VerifyConfig,
};
use meshsync_model::{ClusterId, Secrets, error_chain};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::builder::{BuildError, Builder};
use crate::dispatch::Dispatcher;
use crate::fingerprints::{self, Fingerprints};
use crate::full_sync;
use crate::monitor::Monitor;
use crate::outlets::Outlets;

/// How long sinks may take to get rid of what waits when the pipeline stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why a pipeline did not run, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The description cannot work.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no usable cluster configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cluster cannot be reached or identified.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// The last sink broke or panicked. That its reader went away is no error.
    #[error("no sink is left")]
    Sink(#[source] SinkError),
    /// The cluster does not say what it serves.
    #[error("failed to discover what {url} serves: {}", .source.chain())]
    Discovery {
        /// URL of the API server.
        url: String,
        /// The last error.
        source: RequestError,
    },
}

impl RunError {
    /// Whether the cluster is what is wrong, and not what it was told. A cluster
    /// that answers and refuses to name itself is a matter of configuration.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Scope(ScopeError::Unreachable { .. }) | Self::Discovery { .. }
        )
    }
}

pub(crate) async fn run(
    mut builder: Builder,
    monitor: Monitor,
    controlled: Controlled,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let mut stop = pin!(stop);
    if builder.sinks.len() > meshsync_informer::SINKS_MAX {
        let count = builder.sinks.len();
        return Err(BuildError::TooManySinks { count }.into());
    }
    if builder.secrets == Secrets::Plain {
        tracing::warn!("values of Secrets leave this process in plain, as asked for");
    }
    let (connection, scope) = tokio::select! {
        () = &mut stop => return Ok(()),
        reached = reach(&mut builder) => reached?,
    };
    tracing::info!(cluster = %scope, url = %connection.url, "connected");
    monitor.set_cluster(connection.url.clone(), scope.clone());

    let outlets = monitor.outlets();
    let abandon = CancellationToken::new();
    let mut sinks = start_sinks(std::mem::take(&mut builder.sinks), &outlets, &abandon);
    let result = {
        let fleet = FleetConfig {
            connection,
            scope,
            controlled,
            taps: Vec::new(),
            remembered: Vec::new(),
            watch_list: builder.watch_list,
            timing: builder.timing.clone(),
            verify: builder.verify_interval.map(VerifyConfig::every),
        };
        observe(builder, fleet, &monitor, &mut sinks, stop).await
    };

    outlets.close();
    let drained =
        tokio::time::timeout(GRACE, async { while sinks.ended().await.is_some() {} }).await;
    if drained.is_err() {
        abandon.cancel();
        while sinks.ended().await.is_some() {}
    }
    result
}

/// Finds the cluster, and what has to be asked of it before anything starts.
async fn reach(builder: &mut Builder) -> Result<(Connection, ClusterId), RunError> {
    let connection = builder.cluster.connect().await?;
    let scope = match builder.cluster_id.take() {
        Some(id) => id,
        None => connection.cluster_id().await?,
    };
    builder.watch_list = builder.watch_list && connection.knows_watch_list().await;
    Ok((connection, scope))
}

/// The runners of all sinks.
#[derive(Default)]
struct Sinks {
    runners: JoinSet<Result<(), SinkError>>,
    names: HashMap<tokio::task::Id, String>,
}

impl Sinks {
    /// Waits for the next runner to end and returns how; `None` when none is
    /// left. Can be dropped and called again.
    async fn ended(&mut self) -> Option<Result<(), SinkError>> {
        let (id, result) = match self.runners.join_next_with_id().await? {
            Ok((id, result)) => (id, Ok(result)),
            Err(panic) => (panic.id(), Err(panic)),
        };
        let sink = self.names.remove(&id).unwrap_or_default();
        Some(match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let cause = error_chain(&error);
                tracing::warn!(sink, error = %cause, "a sink is closed; the others go on");
                Err(error)
            }
            Err(error) => {
                tracing::error!(sink, %error, "a sink panicked and is closed; the others go on");
                let source = error.into();
                Err(SinkError::Broken { sink, source })
            }
        })
    }

    fn is_empty(&self) -> bool {
        self.runners.is_empty()
    }
}

fn start_sinks(
    sinks: Vec<Box<dyn meshsync_broker::Sink>>,
    outlets: &Outlets,
    abandon: &CancellationToken,
) -> Sinks {
    let mut running = Sinks::default();
    for (sink, outlet) in sinks.into_iter().zip(outlets.iter()) {
        let outlet = Arc::clone(outlet);
        let abandon = abandon.clone();
        let name = outlet.status().name().to_owned();
        let runner = async move { run_sink(sink, &outlet, abandon.cancelled_owned()).await };
        let runner = running.runners.spawn(runner);
        running.names.insert(runner.id(), name);
    }
    running
}

/// Observes until told to stop, or the last sink is closed.
async fn observe(
    mut builder: Builder,
    config: FleetConfig,
    monitor: &Monitor,
    sinks: &mut Sinks,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let url = config.connection.url.clone();
    let halt = CancellationToken::new();
    let planned = CancellationToken::new();
    let announce = {
        let announce = full_sync::announce(
            Arc::clone(monitor.board()),
            monitor.outlets(),
            config.scope.clone(),
            monitor.full_sync(),
        );
        let planned = planned.clone();
        async move {
            planned.cancelled().await;
            announce.await;
            std::future::pending::<()>().await;
        }
    };
    let fingerprints = {
        let prints = monitor.fingerprint_engine();
        let (board, outlets) = (Arc::clone(monitor.board()), monitor.outlets());
        let (scope, planned) = (config.scope.clone(), planned.clone());
        let listener = builder.fingerprint_listener.take();
        async move {
            planned.cancelled().await;
            if let Some(prints) = prints {
                fingerprints::tell(prints, board, outlets, scope, listener).await;
            }
            std::future::pending::<()>().await;
        }
    };
    let fleet = Fleet::new(config, Arc::clone(monitor.board()));
    let outlets = monitor.outlets();
    let (secrets, fidelity) = (builder.secrets, builder.fidelity);
    let prints = monitor.fingerprint_engine();
    let watching = prints.clone();
    let deliver = move || {
        let watcher = watching.as_ref().map(Fingerprints::watcher);
        Dispatcher::new(Arc::clone(&outlets), secrets, fidelity).watched_by(watcher)
    };
    let fleet = fleet.run(deliver, move || planned.cancel(), halt.clone());
    let mut fleet = pin!(fleet);
    let mut announce = pin!(announce);
    let mut fingerprints = pin!(fingerprints);
    let mut stop = pin!(stop);
    let mut broken = None;
    let ended = loop {
        let some_sink = !sinks.is_empty();
        tokio::select! {
            result = &mut fleet => break Some(result),
            () = &mut announce => {}
            () = &mut fingerprints => {}
            () = &mut stop => break None,
            Some(ended) = sinks.ended(), if some_sink => {
                if let Err(error @ SinkError::Broken { .. }) = ended {
                    broken = Some(error);
                }
                if sinks.is_empty() {
                    break None;
                }
            }
        }
    };
    halt.cancel();
    let result = match ended {
        Some(result) => result,
        None => fleet.await,
    };
    result.map_err(|source| RunError::Discovery { url, source })?;
    match broken.filter(|_| sinks.is_empty()) {
        Some(error) => Err(RunError::Sink(error)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
