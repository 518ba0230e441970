//! The supervisor: it owns every task of a pipeline.
//!
//! | task | when it fails | when it is cancelled |
//! |---|---|---|
//! | source (the fleet, with one task per resource below it, or another) | the pipeline ends with the error | each resource's task ends at its next await; the picture stays as it is |
//! | fingerprints | they have no failures | dropped |
//! | Kubernetes Events, the status of our own resource | a line in the log, and again later | dropped |
//! | full-sync announcer | it has no failures | dropped |
//! | one runner per sink | that sink is closed, by a panic too, the others go on; the pipeline ends when none is left | it sends what waits, for ten seconds at most, and says goodbye, for two |
//!
//! On stop: the source first, then the sinks.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use meshsync_broker::{SinkError, Wire, run_sink};
use meshsync_informer::source::{Cluster, Intake, Source, SourceError, SourceErrorKind};
use meshsync_informer::{
    ConfigError, Connection, Controlled, Remembered, ScopeError, VerifyConfig,
};
use meshsync_model::{ClusterId, Platform, Secrets, error_chain};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::authors::Authors;
use crate::builder::{BuildError, Builder};
use crate::dispatch::Dispatcher;
use crate::fingerprints::{self, Deep, Ears, Fingerprints, Revisits};
use crate::full_sync;
use crate::handle::Handle;
use crate::kube_events::EventWriter;
use crate::leader::{self, AnyLock, Lost, Term};
use crate::memory;
#[cfg(feature = "nats")]
use crate::meshery::requests;
use crate::monitor::Role;
use crate::outlets::Outlets;

/// How long sinks may take to get rid of what waits when the pipeline stops.
const GRACE: Duration = Duration::from_secs(10);

/// A cluster that is waited for is asked again after this long, then twice that.
const REACH_AGAIN_MIN: Duration = Duration::from_millis(500);
const REACH_AGAIN_MAX: Duration = Duration::from_secs(15);

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
    /// What was published before cannot be known.
    #[error("failed to use the folder {folder} to remember in what was published")]
    State {
        /// The folder.
        folder: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Meshery understands clusters alone.
    #[error(
        "{sink} takes Meshery messages, which are about clusters, and {source_name} is none: send it to \
         jetstream://, store:, file: or stdout:"
    )]
    NotForMeshery {
        /// The sink.
        sink: String,
        /// The source.
        source_name: String,
    },
    /// The lock is to be a Lease, and nothing that is observed has any.
    #[error(
        "a Lease says who leads, and no Kubernetes cluster is observed that could have one: elect \
         with the broker (--leader-elect=broker)"
    )]
    NoLease,
    /// Another agent leads, or the lock could not be renewed: nothing more is sent.
    #[error("leads no more: {why}; start again to follow")]
    LeadershipLost {
        /// What happened.
        why: String,
    },
    /// The last sink broke or panicked. That its reader went away is no error.
    #[error("no sink is left")]
    Sink(#[source] SinkError),
    /// A source cannot be reached or identified, or cannot go on.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl RunError {
    /// Whether what is observed is what is wrong, and not what it was told. A
    /// cluster that answers and refuses to name itself is a matter of configuration.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Scope(error) => matches!(error, ScopeError::Unreachable { .. }),
            Self::Source(error) => error.kind() == SourceErrorKind::Unreachable,
            _ => false,
        }
    }
}

pub(crate) async fn run(
    builder: Builder,
    handle: Handle,
    (controlled, event_writer): (Controlled, Option<EventWriter>),
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let (give, reached) = oneshot::channel();
    #[cfg(feature = "nats")]
    let mut serve = pin!({
        let options = builder.requests.clone();
        let (handle, monitor) = (handle.clone(), handle.monitor().clone());
        async move {
            if let Some(options) = options {
                requests::serve(options, handle, monitor, reached).await;
            }
            std::future::pending::<()>().await;
        }
    });
    #[cfg(not(feature = "nats"))]
    let mut serve = pin!(async move {
        drop(reached);
        std::future::pending::<()>().await;
    });
    tokio::select! {
        result = pipeline(builder, &handle, (controlled, event_writer), give, stop) => result,
        () = &mut serve => Ok(()),
    }
}

async fn pipeline(
    mut builder: Builder,
    handle: &Handle,
    (controlled, event_writer): (Controlled, Option<EventWriter>),
    reached: oneshot::Sender<Connection>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let monitor = handle.monitor();
    let mut stop = pin!(stop);
    if builder.sinks.len() > meshsync_informer::SINKS_MAX {
        let count = builder.sinks.len();
        return Err(BuildError::TooManySinks { count }.into());
    }
    if builder.secrets == Secrets::Plain {
        tracing::warn!("values of Secrets leave this process in plain, as asked for");
    }
    let mut authors = Authors::default();
    let (source, scope, connection) = tokio::select! {
        () = &mut stop => return Ok(()),
        reached = reach(&mut builder, handle, &mut authors) => reached?,
    };
    let name = source.name();
    tracing::info!(source = %name, platform = %source.platform(), scope = %scope, "connected");
    if source.platform() != Platform::KUBERNETES {
        let outlets = monitor.outlets();
        let meshery = outlets.iter().find(|outlet| outlet.wire() == Wire::Meshery);
        if let Some(outlet) = meshery {
            return Err(RunError::NotForMeshery {
                sink: outlet.status().name().to_owned(),
                source_name: name,
            });
        }
    }
    monitor.set_cluster(name, scope.clone());
    let mut term = match builder.leader_election.take() {
        Some(election) => {
            let lock = AnyLock::new(&election.lock, connection.as_ref(), &scope);
            let lock = lock.ok_or(RunError::NoLease)?;
            tokio::select! {
                () = &mut stop => return Ok(()),
                term = leader::stand(election, lock, monitor) => Some(term),
            }
        }
        None => None,
    };
    let written = authors.write(connection.as_ref(), event_writer);
    if let Some(connection) = connection {
        // Nobody waits for it where no requests are answered.
        drop(reached.send(connection));
    }

    let mut outputs = std::mem::take(&mut builder.sinks);
    if let Some(folder) = &builder.state_dir {
        outputs = memory::keep(outputs, folder, &scope).await?;
    }
    let outlets = monitor.outlets();
    // Where nothing is remembered this is over at once.
    let recalled = tokio::select! {
        () = &mut stop => None,
        remembered = memory::recall_all(&mut outputs, &outlets, &scope) => Some(Ok(remembered)),
        how = lead(&mut term) => Some(Err(how)),
    };
    let remembered = match recalled {
        Some(Ok(remembered)) => remembered,
        Some(Err(how)) => {
            monitor.set_role(Role::Candidate, None);
            let why = how.to_string();
            return Err(RunError::LeadershipLost { why });
        }
        None => {
            if let Some(term) = term {
                term.resign().await;
                monitor.set_role(Role::Candidate, None);
            }
            return Ok(());
        }
    };
    let abandon = CancellationToken::new();
    let mut sinks = start_sinks(outputs, &outlets, &abandon);
    let lane = Lane {
        source,
        scope,
        controlled,
        remembered,
        written: Box::pin(written),
    };
    let mut lost = None;
    let until = async {
        tokio::select! {
            () = stop => {}
            how = lead(&mut term) => lost = Some(how),
        }
    };
    // Large enough to be kept off this stack.
    let result = Box::pin(observe(builder, lane, handle, &mut sinks, until)).await;

    outlets.close();
    if lost.is_none() {
        let drained = async { while sinks.ended().await.is_some() {} };
        tokio::select! {
            how = lead(&mut term) => lost = Some(how),
            _ = tokio::time::timeout(GRACE, drained) => {}
        }
    }
    // Where nothing is left, nobody is there to hear it.
    abandon.cancel();
    while sinks.ended().await.is_some() {}
    match (lost, term) {
        (Some(how), _) => {
            monitor.set_role(Role::Candidate, None);
            let why = how.to_string();
            Err(RunError::LeadershipLost { why })
        }
        (None, Some(term)) => {
            term.resign().await;
            monitor.set_role(Role::Candidate, None);
            result
        }
        (None, None) => result,
    }
}

/// Leads until that is over; for ever where nobody is elected.
async fn lead(term: &mut Option<Term>) -> Lost {
    match term {
        Some(term) => term.lost().await,
        None => std::future::pending().await,
    }
}

/// A source whose identity is known.
struct Lane {
    source: Box<dyn Source>,
    scope: ClusterId,
    controlled: Controlled,
    remembered: Vec<Remembered>,
    /// Writes into the cluster what is to be written there, and never ends.
    written: BoxFuture<'static, ()>,
}

/// Finds what to observe, and what has to be asked of it before anything starts.
async fn reach(
    builder: &mut Builder,
    handle: &Handle,
    authors: &mut Authors,
) -> Result<(Box<dyn Source>, ClusterId, Option<Connection>), RunError> {
    if builder.cluster.is_none() && !builder.sources.is_empty() {
        let mut source = builder.sources.remove(0);
        let scope = identify(&mut *source, builder.patient).await?;
        return Ok((source, scope, None));
    }
    let config = builder.cluster.take().unwrap_or_default();
    let traffic = Arc::clone(handle.monitor().board().traffic());
    let connection = config.connect_counted(traffic).await?;
    let mut wait = REACH_AGAIN_MIN;
    let scope = loop {
        let error = match builder.cluster_id.take() {
            Some(id) => break id,
            None => match connection.cluster_id().await {
                Ok(id) => break id,
                Err(error) if builder.patient => error,
                Err(error) => return Err(error.into()),
            },
        };
        // Nothing may leave under a provisional name: the Server would keep it
        // for ever under a cluster that is none.
        let error = error_chain(&error);
        tracing::warn!(error, ?wait, "waiting for the cluster");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(REACH_AGAIN_MAX);
    };
    let watch_list = builder.watch_list && connection.knows_watch_list().await;
    *authors = Authors::of(builder, handle.layers(), &connection);
    authors.begin(&connection).await;
    let cluster = Cluster::reached(connection.clone(), scope.clone())
        .taps(authors.taps())
        .watch_list(watch_list)
        .verify(builder.verify_interval.map(VerifyConfig::every));
    Ok((Box::new(cluster), scope, Some(connection)))
}

/// Asks a source who it is, until it says so where it is waited for.
async fn identify(source: &mut dyn Source, patient: bool) -> Result<ClusterId, SourceError> {
    let mut wait = REACH_AGAIN_MIN;
    loop {
        match source.identify().await {
            Ok(id) => return Ok(id),
            Err(error) if patient && error.is_retryable() => {
                let (source, error) = (source.name(), error.chain());
                tracing::warn!(source, error, ?wait, "waiting for a source");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(REACH_AGAIN_MAX);
    }
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
    lane: Lane,
    handle: &Handle,
    sinks: &mut Sinks,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let monitor = handle.monitor();
    let composer = handle.composer();
    let halt = CancellationToken::new();
    let planned = CancellationToken::new();
    let announce = {
        let announce = full_sync::announce(
            Arc::clone(monitor.board()),
            monitor.outlets(),
            lane.scope.clone(),
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
        let (scope, planned) = (lane.scope.clone(), planned.clone());
        let revisits = prints.as_ref().and_then(|prints| {
            let meshery = outlets.iter().filter(|it| it.wire() == Wire::Meshery);
            let meshery = meshery.map(Arc::clone).collect();
            let form = (builder.fidelity, builder.secrets);
            let control = handle.control().clone();
            Some(Revisits::new(prints.roots()?, control, meshery, form))
        });
        let ears = Ears {
            revisits,
            listener: builder.fingerprint_listener.take(),
            deep: Deep::new(builder.deep_hold),
            composer: composer.clone(),
        };
        async move {
            planned.cancelled().await;
            if let Some(prints) = prints {
                fingerprints::tell(prints, board, outlets, scope, ears).await;
            }
            std::future::pending::<()>().await;
        }
    };
    let outlets = monitor.outlets();
    let (secrets, fidelity) = (builder.secrets, builder.fidelity);
    let prints = monitor.fingerprint_engine();
    let watching = prints.clone();
    let deliver = move || {
        let watcher = watching.as_ref().map(Fingerprints::watcher);
        let extra = watching.as_ref().and_then(|prints| prints.extra());
        Dispatcher::new(Arc::clone(&outlets), secrets, fidelity)
            .watched_by(watcher)
            .with_extra(extra)
    };
    let board = Arc::clone(monitor.board());
    let intake = Intake::new(lane.scope, board, deliver, lane.controlled, halt.clone())
        .remembered(lane.remembered)
        .timing(builder.timing.clone())
        .pace(builder.pace.clone())
        .when_planned(move || planned.cancel());
    let mut source = lane.source.observe(intake);
    let mut announce = pin!(announce);
    let mut fingerprints = pin!(fingerprints);
    let mut written = lane.written;
    let mut stop = pin!(stop);
    let mut broken = None;
    let ended = loop {
        let some_sink = !sinks.is_empty();
        tokio::select! {
            result = &mut source => break Some(result),
            () = &mut announce => {}
            () = &mut fingerprints => {}
            () = &mut written => {}
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
        None => source.await,
    };
    result?;
    match broken.filter(|_| sinks.is_empty()) {
        Some(error) => Err(RunError::Sink(error)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
