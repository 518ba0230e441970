//! The status of a pipeline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use meshsync_broker::SinkStatus;
use meshsync_fingerprint::Verdict;
use meshsync_informer::{ResourceSnapshot, StatusBoard};
use meshsync_model::{ClusterId, Secrets};
use serde::Serialize;
use tokio::sync::watch;

use crate::fingerprints::Fingerprints;
use crate::meshery::ConfigurationStatus;
use crate::outlets::Outlets;

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
    configuration: Arc<Mutex<ConfigurationStatus>>,
}

/// A moment of a sink.
#[derive(Clone, Debug)]
pub struct SinkSnapshot {
    /// Its counters and state.
    pub status: Arc<SinkStatus>,
    /// Its outbox.
    pub outbox: OutboxSnapshot,
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
                configuration: Arc::default(),
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
            }
        };
        self.outlets().iter().map(snapshot).collect()
    }

    /// URL of the API server and identity of the cluster, once known.
    pub fn cluster(&self) -> Option<(&str, &ClusterId)> {
        self.shared
            .cluster
            .get()
            .map(|(url, id)| (url.as_str(), id))
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

    pub(crate) fn fingerprint_engine(&self) -> Option<Arc<Fingerprints>> {
        self.shared.prints.clone()
    }

    /// Whether the broker that requests come from was reached at least once.
    pub fn was_connected(&self) -> bool {
        *self.shared.connected.borrow()
    }

    /// Where the configuration in force comes from; nothing where it cannot
    /// change by itself.
    pub fn configuration(&self) -> ConfigurationStatus {
        let configuration = self.shared.configuration.lock();
        configuration
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
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

    /// The status as one document.
    pub fn document(&self) -> StatusDocument {
        StatusDocument::of(self)
    }

    #[cfg(feature = "nats")]
    pub(crate) fn note_connected(&self) {
        self.shared.connected.send_replace(true);
    }

    pub(crate) fn configuration_cell(&self) -> Arc<Mutex<ConfigurationStatus>> {
        Arc::clone(&self.shared.configuration)
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

/// What `/status` answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDocument {
    version: &'static str,
    cluster: Option<ClusterPart>,
    uptime_seconds: u64,
    synced: bool,
    secrets: &'static str,
    configuration: ConfigurationStatus,
    objects: u64,
    designs: BTreeMap<String, u64>,
    resources: Vec<ResourcePart>,
    sinks: Vec<SinkPart>,
    /// None where nobody asked for them.
    fingerprints: Option<FingerprintsPart>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FingerprintsPart {
    /// How many rules are in use.
    rules: usize,
    /// How many objects say something.
    objects: usize,
    products: Vec<ProductPart>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProductPart {
    product: String,
    version: Option<String>,
    state: &'static str,
    namespace: Option<String>,
    instance: String,
}

/// So many products a status names.
const PRODUCTS_MAX: usize = 1_000;

impl FingerprintsPart {
    fn of(prints: &Fingerprints) -> Self {
        let verdicts = prints.verdicts();
        let products = verdicts
            .iter()
            .take(PRODUCTS_MAX)
            .map(|verdict| ProductPart {
                product: verdict.product.clone(),
                version: verdict.version.clone(),
                state: verdict.state.as_str(),
                namespace: verdict.namespace.clone(),
                instance: verdict.instance.clone(),
            });
        Self {
            rules: prints.catalog().rules().len(),
            objects: prints.objects(),
            products: products.collect(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterPart {
    id: String,
    url: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourcePart {
    resource: String,
    group: String,
    version: String,
    kind: String,
    state: &'static str,
    since: Option<Timestamp>,
    synced: bool,
    /// What is known may not be so any more.
    stale: bool,
    tier: &'static str,
    objects: u64,
    events: u64,
    bytes: u64,
    last_event_age_seconds: Option<f64>,
    restarts: u64,
    malformed: u64,
    owed: u64,
    /// Of the last check against the API server, where there was one.
    verified: Option<VerifiedPart>,
    last_error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedPart {
    at: Option<Timestamp>,
    objects: u64,
    missing: u64,
    extra: u64,
    other_version: u64,
    names: Vec<String>,
    checks: u64,
    drift_in_all: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SinkPart {
    sink: String,
    state: &'static str,
    since: Option<Timestamp>,
    published: u64,
    published_bytes: u64,
    retries: u64,
    rejected: u64,
    cut: u64,
    last_error: Option<String>,
    outbox: OutboxPart,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutboxPart {
    queued_bytes: usize,
    in_flight_bytes: usize,
    waiting: usize,
    refused: u64,
}

impl StatusDocument {
    fn of(monitor: &Monitor) -> Self {
        let resources: Vec<ResourcePart> = monitor
            .resources()
            .into_iter()
            .map(ResourcePart::of)
            .collect();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            cluster: monitor.cluster().map(|(url, id)| ClusterPart {
                id: id.to_string(),
                url: url.to_owned(),
            }),
            uptime_seconds: age(monitor.started()).map_or(0, |age| age as u64),
            synced: monitor.is_synced(),
            secrets: match monitor.secrets() {
                Secrets::Redacted => "redacted",
                Secrets::Plain => "plain",
            },
            configuration: monitor.configuration(),
            designs: (monitor.designs().into_iter())
                .map(|(design, count)| (design.to_string(), count))
                .collect(),
            objects: resources.iter().map(|resource| resource.objects).sum(),
            resources,
            sinks: monitor.sinks().into_iter().map(SinkPart::of).collect(),
            fingerprints: monitor
                .fingerprint_engine()
                .as_deref()
                .map(FingerprintsPart::of),
        }
    }
}

impl ResourcePart {
    fn of(snapshot: ResourceSnapshot) -> Self {
        let gvk = &snapshot.resource.gvk;
        Self {
            resource: snapshot.resource.id().to_string(),
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            kind: gvk.kind.clone(),
            state: snapshot.state.as_str(),
            since: Timestamp::try_from(snapshot.since).ok(),
            synced: snapshot.synced,
            stale: snapshot.stale,
            tier: snapshot.tier.as_str(),
            objects: snapshot.objects,
            events: snapshot.events,
            bytes: snapshot.bytes,
            last_event_age_seconds: snapshot.last_event.and_then(age),
            restarts: snapshot.restarts,
            malformed: snapshot.malformed,
            owed: snapshot.owed,
            verified: snapshot.verified.map(|last| VerifiedPart {
                at: Timestamp::try_from(last.at).ok(),
                objects: last.objects,
                missing: last.missing,
                extra: last.extra,
                other_version: last.other,
                names: last.names,
                checks: snapshot.checks,
                drift_in_all: snapshot.drift,
            }),
            last_error: snapshot.last_error,
        }
    }
}

impl SinkPart {
    fn of(snapshot: SinkSnapshot) -> Self {
        let SinkSnapshot { status, outbox } = snapshot;
        Self {
            sink: status.name().to_owned(),
            state: status.state().as_str(),
            since: Timestamp::try_from(status.since()).ok(),
            published: status.published.value(),
            published_bytes: status.published_bytes.value(),
            retries: status.retries.value(),
            rejected: status.rejected.value(),
            cut: status.cut.value(),
            last_error: status.last_error(),
            outbox: OutboxPart {
                queued_bytes: outbox.queued_bytes,
                in_flight_bytes: outbox.in_flight_bytes,
                waiting: outbox.waiting,
                refused: status.refused.value(),
            },
        }
    }
}

fn age(then: SystemTime) -> Option<f64> {
    then.elapsed().ok().map(|age| age.as_secs_f64())
}
