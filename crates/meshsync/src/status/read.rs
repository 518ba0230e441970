//! From a running pipeline to the document.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use meshsync_broker::{Received, SinkState, Wire};
use meshsync_informer::{ResourceSnapshot, ResourceState};
use meshsync_model::{ContentHash, ResourceId, Secrets};

use super::document::{
    API_VERSION, Cluster, FingerprintsStatus, LatencyStatus, LeadershipStatus, OutboxStatus,
    PlanStatus, Product, ResourceStatus, SinkStatus, SourceStatus, StatusDocument, VerifiedStatus,
};
use super::permissions::{AccessStatus, PermissionsStatus};
use super::problems;
use crate::lane::Lane;
use crate::monitor::{LeadershipSnapshot, Monitor, SinkSnapshot};

/// So many products a status names.
const PRODUCTS_MAX: usize = 1_000;

impl StatusDocument {
    pub(crate) fn of(monitor: &Monitor) -> Self {
        let now = Received::now();
        let sinks = monitor.sinks();
        let mut permissions = None;
        let mut plan = PlanStatus::default();
        let mut text = String::new();
        let mut sources = Vec::new();
        let mut resources = Vec::new();
        for lane in monitor.lanes() {
            let snapshots = lane.board().snapshot();
            sources.push(SourceStatus::of(lane, &snapshots, monitor));
            // What has to be applied is applied to one cluster: the first that lacks any.
            let missing = || PermissionsStatus::of(&snapshots, lane.board().user());
            permissions = permissions.or_else(missing);
            plan.add(&mut text, &snapshots, lane);
            let lags = lags(lane, now);
            let scope = scope(lane);
            resources.extend(snapshots.into_iter().map(|snapshot| {
                let lag = lags.get(&snapshot.resource.id());
                let lag = lag.copied().unwrap_or_default();
                ResourceStatus::of(snapshot, scope.clone(), lag)
            }));
        }
        plan.version = short(&ContentHash::of_parts(&[text.as_bytes()]));
        let mut document = Self {
            api_version: API_VERSION.to_owned(),
            kind: "Status".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: monitor.cluster().map(|(url, id)| Cluster {
                id: id.to_string(),
                url: url.to_owned(),
            }),
            sources,
            started: Timestamp::try_from(monitor.started()).ok(),
            uptime_seconds: age(monitor.started()).map_or(0, |age| age as u64),
            synced: monitor.is_synced(),
            leadership: LeadershipStatus::of(monitor.leadership()),
            health: super::Health::Starting,
            problems: Vec::new(),
            secrets: match monitor.secrets() {
                Secrets::Redacted => "redacted".to_owned(),
                Secrets::Plain => "plain".to_owned(),
            },
            configuration: monitor.configuration(),
            plan,
            designs: (monitor.designs().into_iter())
                .map(|(design, count)| (design.to_string(), count))
                .collect(),
            objects: resources.iter().map(|resource| resource.objects).sum(),
            permissions,
            resources,
            sinks: (sinks.into_iter())
                .map(|sink| SinkStatus::of(sink, now))
                .collect(),
            synthetic: monitor.synthetic(),
            fingerprints: FingerprintsStatus::of(monitor.lanes()),
        };
        problems::judge(&mut document);
        document
    }
}

/// How long something of each resource has been waiting, in seconds.
fn lags(lane: &Lane, now: Received) -> HashMap<ResourceId, f64> {
    let mut lags: HashMap<ResourceId, f64> = HashMap::new();
    let outlets = lane.outlets();
    for (resource, since) in outlets.iter().flat_map(|outlet| outlet.pending_since()) {
        let Some(resource) = resource else { continue };
        let age = since.age(now).as_secs_f64();
        let lag = lags.entry(resource.id()).or_default();
        *lag = lag.max(age);
    }
    lags
}

/// Identity of a source, once known.
fn scope(lane: &Lane) -> Option<String> {
    lane.identity().map(|(_, scope)| scope.to_string())
}

impl SourceStatus {
    fn of(lane: &Lane, resources: &[ResourceSnapshot], monitor: &Monitor) -> Self {
        let snapshot = lane.board().source_snapshot();
        let rows = monitor.sink_rows();
        let lacking = rows
            .iter()
            .filter(|row| row.wire == Wire::Meshery && !lane.is_cluster())
            .map(|row| row.status.name().to_owned());
        Self {
            source: lane.name().to_owned(),
            platform: lane.platform().to_string(),
            scope: scope(lane),
            state: snapshot.state.as_str().to_owned(),
            since: Timestamp::try_from(snapshot.since).ok(),
            last_error: snapshot.last_error,
            problems: snapshot.problems,
            problem_count: snapshot.problem_count,
            synced: lane.is_synced(),
            resources: resources.len(),
            objects: resources.iter().map(|resource| resource.objects).sum(),
            not_sent_to: lacking.collect(),
        }
    }
}

impl LeadershipStatus {
    fn of(snapshot: LeadershipSnapshot) -> Self {
        Self {
            role: snapshot.role.as_str().to_owned(),
            leader: snapshot.leader,
            since: snapshot.since.and_then(|at| Timestamp::try_from(at).ok()),
        }
    }
}

impl PlanStatus {
    /// Counts in what one source has, and says it in `text`.
    fn add(&mut self, text: &mut String, resources: &[ResourceSnapshot], lane: &Lane) {
        if !text.is_empty() {
            text.push_str(&format!("{}\n", scope(lane).unwrap_or_default()));
        }
        for snapshot in resources {
            let resource = &snapshot.resource;
            let tier = snapshot.tier.as_str();
            text.push_str(&format!(
                "{}/{} {tier}\n",
                resource.id(),
                resource.gvk.version
            ));
        }
        let live = |snapshot: &&ResourceSnapshot| snapshot.state == ResourceState::Live;
        self.resources += resources.len();
        self.live += resources.iter().filter(live).count();
        self.unavailable_groups.extend(lane.board().unavailable());
    }
}

/// Enough of a hash to tell versions apart by eye.
fn short(hash: &ContentHash) -> String {
    hash.to_string().chars().take(12).collect()
}

impl FingerprintsStatus {
    fn of(lanes: &[Arc<Lane>]) -> Option<Self> {
        let mut found: Option<Self> = None;
        for lane in lanes {
            let Some(prints) = lane.prints() else {
                continue;
            };
            // All have the same rules.
            let found = found.get_or_insert_with(|| Self {
                rules: prints.catalog().rules().len(),
                rules_version: prints.rules_version(),
                objects: 0,
                products: Vec::new(),
            });
            found.objects += prints.objects();
            let room = PRODUCTS_MAX.saturating_sub(found.products.len());
            let verdicts = prints.verdicts();
            let products = verdicts.iter().take(room).map(|verdict| Product {
                scope: scope(lane),
                product: verdict.product.clone(),
                version: verdict.version.clone(),
                state: verdict.state.as_str().to_owned(),
                namespace: verdict.namespace.clone(),
                instance: verdict.instance.clone(),
            });
            found.products.extend(products);
        }
        found
    }
}

impl ResourceStatus {
    fn of(snapshot: ResourceSnapshot, scope: Option<String>, lag_seconds: f64) -> Self {
        let gvk = &snapshot.resource.gvk;
        Self {
            scope,
            resource: snapshot.resource.id().to_string(),
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            kind: gvk.kind.clone(),
            state: snapshot.state.as_str().to_owned(),
            since: Timestamp::try_from(snapshot.since).ok(),
            synced: snapshot.synced,
            stale: snapshot.stale,
            tier: snapshot.tier.as_str().to_owned(),
            access: snapshot
                .access
                .as_deref()
                .map(|access| AccessStatus::of(access, &snapshot.resource)),
            objects: snapshot.objects,
            unseen: snapshot.unseen,
            events: snapshot.events,
            bytes: snapshot.bytes,
            last_event: (snapshot.last_event).and_then(|at| Timestamp::try_from(at).ok()),
            last_event_age_seconds: snapshot.last_event.and_then(age),
            lag_seconds,
            restarts: snapshot.restarts,
            malformed: snapshot.malformed,
            owed: snapshot.owed,
            verified: snapshot.verified.map(|last| VerifiedStatus {
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
            remedy: snapshot.remedy.map(str::to_owned),
        }
    }
}

impl SinkStatus {
    fn of(snapshot: SinkSnapshot, now: Received) -> Self {
        let SinkSnapshot {
            status,
            outbox,
            pending_since,
        } = snapshot;
        let since = Timestamp::try_from(status.since()).ok();
        let oldest = pending_since.iter().map(|(_, since)| *since).min();
        let latency = status.latency.snapshot();
        let quantile = |share| latency.quantile(share).filter(|bound| bound.is_finite());
        // Confirmed first: what is handed over meanwhile must not be missing there.
        let acknowledged = status.published.value();
        let rejected = status.rejected.value();
        let published = status.handed.value();
        let in_flight = published.saturating_sub(acknowledged + rejected);
        Self {
            sink: status.name().to_owned(),
            state: status.state().as_str().to_owned(),
            since,
            connected_since: since.filter(|_| status.state() == SinkState::Up),
            published,
            acknowledged,
            published_bytes: status.published_bytes.value(),
            pending: in_flight + outbox.waiting as u64,
            oldest_pending_age_seconds: oldest.map(|since| since.age(now).as_secs_f64()),
            retries: status.retries.value(),
            rejected,
            cut: status.cut.value(),
            latency: LatencyStatus {
                count: latency.count,
                p50_seconds: quantile(0.5),
                p99_seconds: quantile(0.99),
                mean_seconds: (latency.count > 0)
                    .then(|| latency.sum_seconds / latency.count as f64),
            },
            last_error: status.last_error(),
            outbox: OutboxStatus {
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
