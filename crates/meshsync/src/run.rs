//! The supervisor: it owns every task of a pipeline.
//!
//! | task | when it fails | when it is cancelled |
//! |---|---|---|
//! | one lane per source: the source (the fleet, with one task per resource below it, or another), its fingerprints, its full-sync announcer | a single one: the pipeline ends with the error; one of several ends alone, and the pipeline with the last | each resource's task ends at its next await; the picture stays as it is |
//! | one runner per sink | that sink is closed, by a panic too, the others go on; the pipeline ends when none is left | it sends what waits, for ten seconds at most, and says goodbye, for two |
//!
//! On stop: the sources first, then the sinks.

mod lanes;
mod late;
mod reach;
mod sinks;
mod start;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use meshsync_broker::{SinkError, Wire};
use meshsync_informer::source::{SourceError, SourceErrorKind};
use meshsync_informer::{ConfigError, Connection, Controlled, ScopeError};
use meshsync_model::Secrets;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::lanes::Lanes;
use self::sinks::Sinks;
use self::start::{Settings, Start};
use crate::builder::{BuildError, Builder};
use crate::handle::Handle;
use crate::kube_events::EventWriter;
use crate::leader::{self, Lost, Term};
#[cfg(feature = "nats")]
use crate::meshery::requests;
use crate::monitor::{Monitor, Role};

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
    /// Two sources are the same.
    #[error("{source_name} is the same as {other} ({scope}): name it once")]
    SourceTwice {
        /// The one that is not observed.
        source_name: String,
        /// The one that is.
        other: String,
        /// Their identity.
        scope: String,
    },
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
    (controlled, event_writer): (Vec<Controlled>, Option<EventWriter>),
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
    (controlled, event_writer): (Vec<Controlled>, Option<EventWriter>),
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
    if let Some(error) = not_for_meshery(monitor) {
        return Err(error);
    }
    let mut starts = Start::all(&mut builder, handle, controlled, (reached, event_writer));
    let settings = Arc::new(Settings::new(&mut builder, monitor));
    let is_alone = settings.is_alone;

    // A single source that cannot be reached is an error, before anything starts; and
    // who leads is decided for the first.
    let mut term = None;
    if is_alone || builder.leader_election.is_some() {
        let first = &mut starts[0];
        tokio::select! {
            () = &mut stop => return Ok(()),
            reached = first.reach(&settings) => reached?,
        }
        if let Some(election) = builder.leader_election.take() {
            let lock = first.lock(&election.lock).ok_or(RunError::NoLease)?;
            tokio::select! {
                () = &mut stop => return Ok(()),
                led = leader::stand(election, lock, monitor) => term = Some(led),
            }
        }
    }

    let outputs = std::mem::take(&mut builder.sinks);
    let outputs = late::put_off(outputs, builder.state_dir.take(), &mut starts);
    let rows = monitor.sink_rows();
    let abandon = CancellationToken::new();
    let mut sinks = Sinks::start(outputs, &rows, &abandon);
    let mut lost = None;
    let until = async {
        tokio::select! {
            () = stop => {}
            how = lead(&mut term) => lost = Some(how),
        }
    };
    // Large enough to be kept off this stack.
    let result = Box::pin(observe(starts, &settings, handle, &mut sinks, until)).await;

    for outlet in rows.iter().flat_map(|row| &row.outlets) {
        outlet.close();
    }
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

/// Meshery messages are about clusters. A sink that takes them, and has no cluster,
/// would be given nothing; one that has some is not given the rest, and that is said.
fn not_for_meshery(monitor: &Monitor) -> Option<RunError> {
    let rows = monitor.sink_rows();
    for row in rows.iter().filter(|row| row.wire == Wire::Meshery) {
        let mut others = monitor.lanes().iter().filter(|lane| !lane.is_cluster());
        let Some(other) = others.next() else { continue };
        let sink = row.status.name();
        if row.outlets.is_empty() {
            return Some(RunError::NotForMeshery {
                sink: sink.to_owned(),
                source_name: other.name().to_owned(),
            });
        }
        for source in std::iter::once(other).chain(others).map(|lane| lane.name()) {
            tracing::info!(
                sink,
                source,
                "not told to Meshery, whose messages are about clusters; every other sink is given it"
            );
        }
    }
    None
}

/// Leads until that is over; for ever where nobody is elected.
async fn lead(term: &mut Option<Term>) -> Lost {
    match term {
        Some(term) => term.lost().await,
        None => std::future::pending().await,
    }
}

/// Observes until told to stop, or the last sink or source has ended.
async fn observe(
    starts: Vec<Start>,
    settings: &Arc<Settings>,
    handle: &Handle,
    sinks: &mut Sinks,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let halt = CancellationToken::new();
    let mut lanes = Lanes::start(starts, settings, handle, &halt);
    let mut stop = pin!(stop);
    let mut broken = None;
    let mut last = Ok(());
    loop {
        let some_sink = !sinks.is_empty();
        tokio::select! {
            ended = lanes.ended() => match ended {
                // The last one counts.
                Some(result) => last = result,
                None => break,
            },
            () = &mut stop => break,
            Some(ended) = sinks.ended(), if some_sink => {
                if let Err(error @ SinkError::Broken { .. }) = ended {
                    broken = Some(error);
                }
                if sinks.is_empty() {
                    break;
                }
            }
        }
    }
    let is_over = lanes.is_empty();
    halt.cancel();
    while let Some(result) = lanes.ended().await {
        // Of several that were told to stop one that failed before is no matter.
        last = result;
    }
    if is_over || settings.is_alone {
        last?;
    }
    match broken.filter(|_| sinks.is_empty()) {
        Some(error) => Err(RunError::Sink(error)),
        None => Ok(()),
    }
}
