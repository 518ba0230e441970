//! One source from its start to its end.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use meshsync_broker::Wire;
use meshsync_informer::source::{Intake, Source};
use meshsync_informer::{Connection, Controlled, Pace, Remembered, Timing, Traffic};
use meshsync_model::wire::meshery::Fidelity;
use meshsync_model::{ClusterId, Secrets};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::late::Memory;
use crate::authors::{Authors, Wanted};
use crate::builder::{Builder, Given};
use crate::configuration::Layers;
use crate::dispatch::Dispatcher;
use crate::fingerprints::{self, Deep, Ears, FingerprintChange, Fingerprints, Listener, Revisits};
use crate::full_sync;
use crate::handle::Handle;
use crate::kube_events::EventWriter;
use crate::lane::Lane;
use crate::leader::{AnyLock, LeaderLock};
use crate::monitor::Monitor;

/// What all sources are observed with.
pub(super) struct Settings {
    /// There is one source: what is wrong with it is an error of the pipeline.
    pub(super) is_alone: bool,
    pub(super) patient: bool,
    pub(super) watch_list: bool,
    pub(super) verify: Option<Duration>,
    pub(super) traffic: Arc<Traffic>,
    secrets: Secrets,
    fidelity: Fidelity,
    timing: Timing,
    pace: Pace,
    deep_hold: Duration,
    listener: Option<Mutex<Listener>>,
    /// What is observed, and as which source.
    scopes: Mutex<Vec<(ClusterId, String)>>,
}

impl Settings {
    pub(super) fn new(builder: &mut Builder, monitor: &Monitor) -> Self {
        let is_alone = monitor.lanes().len() == 1;
        Self {
            is_alone,
            patient: builder.patient || !is_alone,
            watch_list: builder.watch_list,
            verify: builder.verify_interval,
            traffic: Arc::clone(monitor.traffic_cell()),
            secrets: builder.secrets,
            fidelity: builder.fidelity,
            timing: builder.timing.clone(),
            pace: builder.pace.clone(),
            deep_hold: builder.deep_hold,
            listener: builder.fingerprint_listener.take().map(Mutex::new),
            scopes: Mutex::default(),
        }
    }

    /// Notes what a source is; returns what is wrong where another one is the same.
    fn enter(&self, scope: &ClusterId, name: &str) -> Option<RunError> {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let twice = scopes.iter().find(|(known, _)| known == scope);
        let twice = twice.map(|(_, other)| RunError::SourceTwice {
            source_name: name.to_owned(),
            other: other.clone(),
            scope: scope.to_string(),
        });
        if twice.is_none() {
            scopes.push((scope.clone(), name.to_owned()));
        }
        twice
    }
}

/// A source that is about to be observed.
pub(super) struct Start {
    /// Its place.
    at: usize,
    pub(super) lane: Arc<Lane>,
    pub(super) given: Option<Given>,
    controlled: Controlled,
    /// The custom resources that are to be followed.
    pub(super) wanted: Option<(Wanted, Layers)>,
    pub(super) authors: Authors,
    event_writer: Option<EventWriter>,
    /// What it is called, where that was said.
    pub(super) cluster_id: Option<ClusterId>,
    /// Where somebody waits for the connection.
    asked: Option<oneshot::Sender<Connection>>,
    pub(super) memory: Option<Memory>,
    pub(super) reached: Option<Reached>,
    remembered: Vec<Remembered>,
}

/// A source whose identity is known.
pub(super) struct Reached {
    pub(super) source: Box<dyn Source>,
    pub(super) scope: ClusterId,
    pub(super) connection: Option<Connection>,
}

impl Start {
    /// One for each source. What is about one cluster goes with the first.
    pub(super) fn all(
        builder: &mut Builder,
        handle: &Handle,
        controlled: Vec<Controlled>,
        (asked, event_writer): (oneshot::Sender<Connection>, Option<EventWriter>),
    ) -> Vec<Self> {
        let lanes = handle.monitor().lanes().iter();
        let given = builder.take_sources().into_iter();
        let each = lanes.zip(given).zip(controlled).enumerate();
        let each = each.map(|(at, ((lane, given), controlled))| Self {
            at,
            lane: Arc::clone(lane),
            given: Some(given),
            controlled,
            wanted: None,
            authors: Authors::default(),
            event_writer: None,
            cluster_id: None,
            asked: None,
            memory: None,
            reached: None,
            remembered: Vec::new(),
        });
        let mut all: Vec<Self> = each.collect();
        if let Some(first) = all.first_mut() {
            first.wanted = Some((Wanted::of(builder), handle.layers().clone()));
            first.event_writer = event_writer;
            first.cluster_id = builder.cluster_id.take();
            first.asked = Some(asked);
        }
        all
    }

    /// The lock by which it is decided who leads; `None` for a Lease where no
    /// cluster was reached.
    pub(super) fn lock(&self, lock: &LeaderLock) -> Option<AnyLock> {
        let reached = self.reached.as_ref()?;
        AnyLock::new(lock, reached.connection.as_ref(), &reached.scope)
    }

    /// Learns what was published before.
    async fn recall(&mut self) -> Result<(), RunError> {
        let scope = self.reached.as_ref().map(|reached| reached.scope.clone());
        if let (Some(memory), Some(scope)) = (self.memory.take(), scope) {
            let outlets = self.lane.outlets();
            self.remembered = memory.recall(&outlets, &scope).await?;
        }
        Ok(())
    }

    /// Reaches it and observes it until `halt`.
    pub(super) async fn run(
        mut self,
        settings: Arc<Settings>,
        handle: Handle,
        halt: CancellationToken,
    ) -> Result<(), RunError> {
        let ready = async {
            self.reach(&settings).await?;
            self.recall().await
        };
        tokio::select! {
            () = halt.cancelled() => return Ok(()),
            ready = ready => ready?,
        }
        let Some(reached) = self.reached.take() else {
            return Ok(());
        };
        if let Some(twice) = settings.enter(&reached.scope, self.lane.name()) {
            return Err(twice);
        }
        let connection = reached.connection;
        let mut written = pin!(
            self.authors
                .write(connection.as_ref(), self.event_writer.take())
        );
        if let (Some(asked), Some(connection)) = (self.asked.take(), connection) {
            // Nobody waits for it where no requests are answered.
            drop(asked.send(connection));
        }
        let lane = Arc::clone(&self.lane);
        let scope = reached.scope;
        let planned = CancellationToken::new();
        let intake = intake(
            &lane,
            &settings,
            scope.clone(),
            (self.controlled, self.remembered),
            (planned.clone(), halt),
        );
        let mut source = reached.source.observe(intake);
        let mut beside = pin!(beside(self.at, lane, settings, handle, scope, planned));
        tokio::select! {
            result = &mut source => Ok(result?),
            () = &mut beside => Ok(()),
            () = &mut written => Ok(()),
        }
    }
}

/// What a source is observed with.
fn intake(
    lane: &Lane,
    settings: &Settings,
    scope: ClusterId,
    (controlled, remembered): (Controlled, Vec<Remembered>),
    (planned, halt): (CancellationToken, CancellationToken),
) -> Intake {
    let outlets = lane.outlets();
    let (secrets, fidelity) = (settings.secrets, settings.fidelity);
    let prints = lane.prints().cloned();
    let deliver = move || {
        let watcher = prints.as_ref().map(Fingerprints::watcher);
        let extra = prints.as_ref().and_then(|prints| prints.extra());
        Dispatcher::new(Arc::clone(&outlets), secrets, fidelity)
            .watched_by(watcher)
            .with_extra(extra)
    };
    Intake::new(scope, Arc::clone(lane.board()), deliver, controlled, halt)
        .remembered(remembered)
        .timing(settings.timing.clone())
        .pace(settings.pace.clone())
        .patient(!settings.is_alone)
        .when_planned(move || planned.cancel())
}

/// What is done beside a source once it is known what is observed. Never ends.
async fn beside(
    at: usize,
    lane: Arc<Lane>,
    settings: Arc<Settings>,
    handle: Handle,
    scope: ClusterId,
    planned: CancellationToken,
) {
    planned.cancelled().await;
    let announce = full_sync::announce(
        Arc::clone(lane.board()),
        lane.outlets(),
        scope.clone(),
        lane.full_sync().clone(),
    );
    let tell = async {
        let Some(prints) = lane.prints().cloned() else {
            return;
        };
        let listening = Arc::clone(&settings);
        let hear = move |change: &FingerprintChange| {
            if let Some(listener) = &listening.listener {
                let mut listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
                (*listener)(change);
            }
        };
        let outlets = lane.outlets();
        let meshery = outlets.iter().filter(|it| it.wire() == Wire::Meshery);
        let meshery: Vec<_> = meshery.map(Arc::clone).collect();
        let revisits = prints.roots().map(|roots| {
            let form = (settings.fidelity, settings.secrets);
            Revisits::new(roots, handle.control(at).clone(), meshery, form)
        });
        let ears = Ears {
            revisits,
            listener: settings
                .listener
                .is_some()
                .then(|| Box::new(hear) as Listener),
            deep: Deep::new(settings.deep_hold),
            composer: handle.composer(at).clone(),
        };
        let board = Arc::clone(lane.board());
        fingerprints::tell(prints, board, outlets, scope, ears).await;
    };
    tokio::join!(announce, tell);
    std::future::pending::<()>().await;
}
