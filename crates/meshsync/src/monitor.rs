//! The status of a pipeline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use meshsync_broker::{Received, SinkStatus};
use meshsync_fingerprint::Verdict;
use meshsync_informer::source::SourceSnapshot;
use meshsync_informer::{ResourceSnapshot, Traffic, TrafficSnapshot};
use meshsync_model::{ClusterId, Resource, Secrets};
use tokio::sync::watch;

use crate::check::SyntheticStatus;
use crate::configuration::ConfigurationStatus;
use crate::kube_events::Notices;
use crate::lane::Lane;
use crate::outlets::{Outlets, SinkRow};
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
    /// One for each source, the cluster first; at least one.
    lanes: Vec<Arc<Lane>>,
    /// Replaced only before the pipeline runs.
    sinks: Mutex<Arc<[SinkRow]>>,
    secrets: Secrets,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
        lanes: Vec<Arc<Lane>>,
        sinks: Vec<SinkRow>,
        secrets: Secrets,
        notices: Notices,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                started: SystemTime::now(),
                lanes,
                sinks: Mutex::new(sinks.into()),
                secrets,
                connected: watch::Sender::new(false),
                configuration: watch::Sender::default(),
                notices,
                synthetic: Mutex::default(),
                leadership: watch::Sender::default(),
            }),
        }
    }

    /// Every resource under observation, source by source.
    pub fn resources(&self) -> Vec<ResourceSnapshot> {
        let lanes = self.lanes().iter();
        lanes.flat_map(|lane| lane.board().snapshot()).collect()
    }

    /// Every sink.
    pub fn sinks(&self) -> Vec<SinkSnapshot> {
        let snapshot = |row: &SinkRow| {
            let mut outbox = OutboxSnapshot::default();
            let mut pending_since = Vec::new();
            for outlet in &row.outlets {
                let (queued_bytes, in_flight_bytes, waiting) = outlet.depth();
                outbox.queued_bytes += queued_bytes;
                outbox.in_flight_bytes += in_flight_bytes;
                outbox.waiting += waiting;
                pending_since.extend(outlet.pending_since());
            }
            SinkSnapshot {
                status: Arc::clone(&row.status),
                outbox,
                pending_since,
            }
        };
        self.sink_rows().iter().map(snapshot).collect()
    }

    /// URL of the API server and identity of the cluster, once known; name and
    /// identity of another source where no cluster is observed. Of several sources
    /// those of the first.
    pub fn cluster(&self) -> Option<(&str, &ClusterId)> {
        self.lanes().first().and_then(|lane| lane.identity())
    }

    /// How its source is doing; the first, where there are several.
    pub fn source(&self) -> SourceSnapshot {
        let mut sources = self.sources();
        sources.swap_remove(0)
    }

    /// How each source is doing: the cluster first, then as they were given.
    pub fn sources(&self) -> Vec<SourceSnapshot> {
        let lanes = self.lanes().iter();
        lanes.map(|lane| lane.board().source_snapshot()).collect()
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
        self.lanes().iter().all(|lane| lane.is_synced())
    }

    /// Whether [`Monitor::is_synced`], but for sources that were found in trouble
    /// before they were told in full: of several sources one that is away does not
    /// keep the others from being of use. At least one has been told in full. Once
    /// this holds it holds for good.
    pub fn is_ready(&self) -> bool {
        let lanes = self.lanes();
        if lanes.len() == 1 {
            return self.is_synced();
        }
        let is_settled = lanes.iter().all(|lane| lane.is_synced_or_excused());
        is_settled && lanes.iter().any(|lane| lane.is_synced())
    }

    /// Waits until [`Monitor::is_synced`]; for ever when the pipeline ends first.
    pub async fn synced(&self) {
        for lane in self.lanes() {
            let mut full_sync = lane.full_sync().subscribe();
            if full_sync.wait_for(|done| *done).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What is installed, as far as it was worked out; nothing without
    /// [`Builder::fingerprints`](crate::Builder::fingerprints).
    pub fn fingerprints(&self) -> Arc<[Arc<Verdict>]> {
        let mut prints = self.lanes().iter().filter_map(|lane| lane.prints());
        match (prints.next(), prints.next()) {
            (None, _) => Arc::default(),
            (Some(one), None) => one.verdicts(),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(prints);
                let all = all.map(|prints| prints.verdicts());
                all.flat_map(|verdicts| verdicts.to_vec()).collect()
            }
        }
    }

    /// Whether anybody asked for [`Monitor::fingerprints`].
    pub fn has_fingerprints(&self) -> bool {
        self.lanes().iter().any(|lane| lane.prints().is_some())
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
        let lanes = self.lanes().iter();
        lanes.flat_map(|lane| lane.board().unavailable()).collect()
    }

    /// What was asked of the API server, and how its watches lived; of all of them
    /// where there are several.
    pub fn traffic(&self) -> TrafficSnapshot {
        self.traffic_cell().snapshot()
    }

    /// The status as one document.
    pub fn document(&self) -> StatusDocument {
        StatusDocument::of(self)
    }

    pub(crate) fn note_connected(&self) {
        self.shared.connected.send_replace(true);
    }

    /// Where all sources count what they ask.
    pub(crate) fn traffic_cell(&self) -> &Arc<Traffic> {
        // There is at least one.
        self.shared.lanes[0].board().traffic()
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.shared.lanes
    }

    pub(crate) fn sink_rows(&self) -> Arc<[SinkRow]> {
        let sinks = self.shared.sinks.lock();
        Arc::clone(&sinks.unwrap_or_else(PoisonError::into_inner))
    }

    /// Other sinks, before the pipeline runs.
    pub(crate) fn set_sinks(&self, rows: Vec<SinkRow>, lanes: Vec<Outlets>) {
        for (lane, outlets) in self.lanes().iter().zip(lanes) {
            lane.set_outlets(outlets);
        }
        let sinks = self.shared.sinks.lock();
        *sinks.unwrap_or_else(PoisonError::into_inner) = rows.into();
    }
}
