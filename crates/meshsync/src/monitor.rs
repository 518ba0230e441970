//! The status of a pipeline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use meshsync_broker::{Received, SinkStatus};
use meshsync_fingerprint::Verdict;
use meshsync_informer::source::SourceSnapshot;
use meshsync_informer::{ResourceSnapshot, StatusBoard, TrafficSnapshot};
use meshsync_model::{ClusterId, Resource, Secrets};
use tokio::sync::watch;

use crate::check::SyntheticStatus;
use crate::configuration::ConfigurationStatus;
use crate::fingerprints::Fingerprints;
use crate::kube_events::Notices;
use crate::outlets::Outlets;
use crate::status::StatusDocument;

/// A view of a pipeline's status. Cheap to clone; reading it costs the pipeline
/// nothing.
#[derive(Clone, Debug)]
pub struct Monitor {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    started: SystemTime,
    board: Arc<StatusBoard>,
    /// Replaced only before the pipeline runs.
    outlets: Mutex<Arc<Outlets>>,
    secrets: Secrets,
    /// URL of the API server and identity of the cluster, once known.
    cluster: OnceLock<(String, ClusterId)>,
    full_sync: watch::Sender<bool>,
    prints: Option<Arc<Fingerprints>>,
    /// A broker that requests come from was reached once.
    connected: watch::Sender<bool>,
    configuration: watch::Sender<ConfigurationStatus>,
    notices: Notices,
    synthetic: Mutex<Option<SyntheticStatus>>,
    leadership: watch::Sender<LeadershipSnapshot>,
}

/// What this pipeline is among others of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It runs by itself: nobody is elected.
    #[default]
    Alone,
    /// It does not know yet who leads.
    Candidate,
    /// Another one leads. It observes nothing, and is ready to take over.
    Follower,
    /// It leads.
    Leader,
}

impl Role {
    /// The name used in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Candidate => "candidate",
            Self::Follower => "follower",
            Self::Leader => "leader",
        }
    }

    /// Whether it observes.
    pub fn observes(self) -> bool {
        matches!(self, Self::Alone | Self::Leader)
    }
}

/// Who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadershipSnapshot {
    /// What this one is.
    pub role: Role,
    /// Identity of the one that leads, where it is known.
    pub leader: Option<String>,
    /// Since when, where somebody is elected.
    pub since: Option<SystemTime>,
}

/// A moment of a sink.
#[derive(Clone, Debug)]
pub struct SinkSnapshot {
    /// Its counters and state.
    pub status: Arc<SinkStatus>,
    /// Its outbox.
    pub outbox: OutboxSnapshot,
    /// Since when it lacks something, by resource; `None` stands for what is of
    /// all resources.
    pub pending_since: Vec<(Option<Arc<Resource>>, Received)>,
}

/// A moment of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxSnapshot {
    /// Bytes waiting.
    pub queued_bytes: usize,
    /// Bytes handed to the sink and not yet confirmed.
    pub in_flight_bytes: usize,
    /// Deliveries waiting.
    pub waiting: usize,
}

impl Monitor {
    pub(crate) fn new(
        outlets: Arc<Outlets>,
        secrets: Secrets,
        prints: Option<Arc<Fingerprints>>,
        notices: Notices,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                started: SystemTime::now(),
                board: Arc::new(StatusBoard::default()),
                outlets: Mutex::new(outlets),
                secrets,
                cluster: OnceLock::new(),
                full_sync: watch::Sender::new(false),
                prints,
                connected: watch::Sender::new(false),
                configuration: watch::Sender::default(),
                notices,
                synthetic: Mutex::default(),
                leadership: watch::Sender::default(),
            }),
        }
    }

    /// Every resource under observation.
    pub fn resources(&self) -> Vec<ResourceSnapshot> {
        self.shared.board.snapshot()
    }

    /// Every sink.
    pub fn sinks(&self) -> Vec<SinkSnapshot> {
        let snapshot = |outlet: &Arc<meshsync_broker::Outlet>| {
            let (queued_bytes, in_flight_bytes, waiting) = outlet.depth();
            SinkSnapshot {
                status: Arc::clone(outlet.status()),
                outbox: OutboxSnapshot {
                    queued_bytes,
                    in_flight_bytes,
                    waiting,
                },
                pending_since: outlet.pending_since(),
            }
        };
        self.outlets().iter().map(snapshot).collect()
    }

    /// URL of the API server and identity of the cluster, once known; name and
    /// identity of another source.
    pub fn cluster(&self) -> Option<(&str, &ClusterId)> {
        self.shared
            .cluster
            .get()
            .map(|(url, id)| (url.as_str(), id))
    }

    /// How its source is doing.
    pub fn source(&self) -> SourceSnapshot {
        self.shared.board.source_snapshot()
    }

    /// When this pipeline was built.
    pub fn started(&self) -> SystemTime {
        self.shared.started
    }

    /// Whether Secrets leave in plain.
    pub fn secrets(&self) -> Secrets {
        self.shared.secrets
    }

    /// Whether every sink has confirmed once that it has, in full, every resource
    /// that can be listed; a sink that is closed is not waited for.
    ///
    /// A stream of changes confirms what has been read from it: read it while
    /// waiting for this.
    pub fn is_synced(&self) -> bool {
        *self.shared.full_sync.borrow()
    }

    /// Waits until [`Monitor::is_synced`]; for ever when the pipeline ends first.
    pub async fn synced(&self) {
        let mut full_sync = self.shared.full_sync.subscribe();
        if full_sync.wait_for(|done| *done).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What is installed, as far as it was worked out; nothing without
    /// [`Builder::fingerprints`](crate::Builder::fingerprints).
    pub fn fingerprints(&self) -> Arc<[Arc<Verdict>]> {
        let prints = self.shared.prints.as_ref();
        prints.map_or_else(Arc::default, |prints| prints.verdicts())
    }

    /// Whether anybody asked for [`Monitor::fingerprints`].
    pub fn has_fingerprints(&self) -> bool {
        self.shared.prints.is_some()
    }

    pub(crate) fn fingerprint_engine(&self) -> Option<Arc<Fingerprints>> {
        self.shared.prints.clone()
    }

    /// Who leads, with [`Builder::leader_election`](crate::Builder::leader_election).
    pub fn leadership(&self) -> LeadershipSnapshot {
        self.shared.leadership.borrow().clone()
    }

    /// Waits until this agent observes.
    pub(crate) async fn observes(&self) {
        let mut leadership = self.shared.leadership.subscribe();
        if leadership
            .wait_for(|now| now.role.observes())
            .await
            .is_err()
        {
            unreachable!("the sender lives as long as `self`");
        }
    }

    /// Notes who leads; returns whether that is news.
    pub(crate) fn set_role(&self, role: Role, leader: Option<&str>) -> bool {
        if role == Role::Follower {
            // It is as ready as can be, and readiness of that kind never goes back.
            self.note_connected();
        }
        self.shared.leadership.send_if_modified(|now| {
            let news = now.role != role || now.leader.as_deref() != leader;
            if news {
                *now = LeadershipSnapshot {
                    role,
                    leader: leader.map(str::to_owned),
                    since: Some(SystemTime::now()),
                };
            }
            news
        })
    }

    /// Whether the broker that requests come from was reached at least once.
    pub fn was_connected(&self) -> bool {
        *self.shared.connected.borrow()
    }

    /// Where the configuration in force comes from; nothing where it cannot
    /// change by itself.
    pub fn configuration(&self) -> ConfigurationStatus {
        self.shared.configuration.borrow().clone()
    }

    /// The same, as it changes.
    #[cfg(feature = "config")]
    pub(crate) fn follow_configuration(&self) -> watch::Receiver<ConfigurationStatus> {
        self.shared.configuration.subscribe()
    }

    pub(crate) fn set_configuration(&self, status: ConfigurationStatus) {
        self.shared.configuration.send_replace(status);
    }

    /// Where to say what is worth a Kubernetes Event.
    pub(crate) fn notices(&self) -> &Notices {
        &self.shared.notices
    }

    /// What the synthetic tests beside this pipeline found; nothing where there
    /// are none.
    pub fn synthetic(&self) -> Option<SyntheticStatus> {
        let synthetic = self.shared.synthetic.lock();
        synthetic.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_synthetic(&self, status: SyntheticStatus) {
        let synthetic = self.shared.synthetic.lock();
        *synthetic.unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    /// How many objects there are of each design that Meshery deployed; under an
    /// empty name those that say no more than that it did.
    pub fn designs(&self) -> BTreeMap<Arc<str>, u64> {
        let mut designs = BTreeMap::new();
        for resource in self.resources() {
            for (design, count) in resource.designs {
                *designs.entry(design).or_default() += count;
            }
        }
        designs
    }

    /// Groups of which the server could not say what they serve, when it was last
    /// asked.
    pub fn unavailable_groups(&self) -> Vec<String> {
        self.shared.board.unavailable()
    }

    /// What was asked of the API server, and how its watches lived.
    pub fn traffic(&self) -> TrafficSnapshot {
        self.shared.board.traffic().snapshot()
    }

    /// The status as one document.
    pub fn document(&self) -> StatusDocument {
        StatusDocument::of(self)
    }

    pub(crate) fn note_connected(&self) {
        self.shared.connected.send_replace(true);
    }

    pub(crate) fn board(&self) -> &Arc<StatusBoard> {
        &self.shared.board
    }

    pub(crate) fn outlets(&self) -> Arc<Outlets> {
        let outlets = self.shared.outlets.lock();
        Arc::clone(&outlets.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_outlets(&self, next: Outlets) {
        let outlets = self.shared.outlets.lock();
        *outlets.unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }

    pub(crate) fn full_sync(&self) -> watch::Sender<bool> {
        self.shared.full_sync.clone()
    }

    pub(crate) fn set_cluster(&self, url: String, id: ClusterId) {
        // Set once: a pipeline runs once.
        self.shared.cluster.get_or_init(|| (url, id));
    }
}
