//! What the document says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::permissions::{AccessStatus, PermissionsStatus};
use crate::check::SyntheticStatus;
use crate::configuration::ConfigurationStatus;

/// Version of the document's form.
pub const API_VERSION: &str = "meshsync.io/v1";

/// What `/status` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StatusDocument {
    /// Version of the document's form: `meshsync.io/v1`.
    pub api_version: String,
    /// `Status`.
    pub kind: String,
    /// Version of the program.
    pub version: String,
    /// The cluster, once it is known.
    pub cluster: Option<Cluster>,
    /// Every source: the cluster first, then as they were given.
    #[serde(default)]
    pub sources: Vec<SourceStatus>,
    /// When this pipeline was built.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub started: Option<Timestamp>,
    /// How long ago that is.
    pub uptime_seconds: u64,
    /// Whether every sink has confirmed every resource in full once.
    pub synced: bool,
    /// Which of several that run observes.
    pub leadership: LeadershipStatus,
    /// How it is, in one word.
    pub health: Health,
    /// What is wrong, the worst first, and what to do about it; 100 at most.
    pub problems: Vec<Problem>,
    /// Whether values of Secrets leave: `redacted` or `plain`.
    pub secrets: String,
    /// Where the configuration in force comes from, and why a newer one is not.
    pub configuration: ConfigurationStatus,
    /// What is to be observed.
    pub plan: PlanStatus,
    /// How many objects there are of all resources.
    pub objects: u64,
    /// How many objects there are of each design that Meshery deployed.
    pub designs: BTreeMap<String, u64>,
    /// What is missing; `null` where everything is permitted that is wanted.
    pub permissions: Option<PermissionsStatus>,
    /// Every resource of the plan, source by source, in order of group and name.
    pub resources: Vec<ResourceStatus>,
    /// Every sink, in the order in which they were given.
    pub sinks: Vec<SinkStatus>,
    /// What the synthetic tests found; `null` where nobody asked for them.
    pub synthetic: Option<SyntheticStatus>,
    /// What is installed; `null` where nobody asked for it.
    pub fingerprints: Option<FingerprintsStatus>,
}

/// Which of several that run observes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LeadershipStatus {
    /// What this one is: `alone` where nobody is elected, `candidate` while it does
    /// not know who leads, `follower`, `leader`.
    pub role: String,
    /// Who leads, where it is known.
    pub leader: Option<String>,
    /// Since when, where somebody is elected.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub since: Option<Timestamp>,
}

/// How a pipeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Not everything has arrived once, and nothing is wrong.
    Starting,
    /// Everything is observed, and every sink takes it.
    Ok,
    /// There are problems.
    Degraded,
}

impl Health {
    /// The name used in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What it is about: `resource`, `sink`, `source`, `configuration`, `discovery`.
    pub area: String,
    /// Which one of these.
    pub subject: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its identity.
    pub id: String,
    /// URL of its API server.
    pub url: String,
}

/// A source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// Its URL, without credentials.
    pub source: String,
    /// What kind of thing it observes, such as `kubernetes`.
    pub platform: String,
    /// Its identity in records; `null` until it is known.
    pub scope: Option<String>,
    /// `connecting`, `live`, `backing-off` or `failed`.
    pub state: String,
    /// Since when.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub since: Option<Timestamp>,
    /// The last error and what to do about it.
    pub last_error: Option<String>,
    /// What of it cannot be read, and where; 20 at most.
    pub problems: Vec<String>,
    /// How many there are of them.
    pub problem_count: usize,
    /// Whether every sink has confirmed all of it once.
    #[serde(default)]
    pub synced: bool,
    /// How many resources it has.
    #[serde(default)]
    pub resources: usize,
    /// How many objects it has.
    #[serde(default)]
    pub objects: u64,
    /// The sinks that it does not go to: their messages are about clusters.
    #[serde(default)]
    pub not_sent_to: Vec<String>,
}

/// What is to be observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Another text whenever other resources, or other tiers of them, are to be
    /// observed; the same for the same, over restarts too.
    pub version: String,
    /// How many resources it has.
    pub resources: usize,
    /// How many of them are live.
    pub live: usize,
    /// API groups of which the server could not say what they serve.
    pub unavailable_groups: Vec<String>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// Identity of the source that it is of.
    #[serde(default)]
    pub scope: Option<String>,
    /// Plural and group, such as `deployments.apps`.
    pub resource: String,
    /// API group; empty for the core.
    pub group: String,
    /// Version of the API.
    pub version: String,
    /// Kind of its objects.
    pub kind: String,
    /// `listing`, `live`, `backing-off`, `partial`, `forbidden` or `gone`.
    pub state: String,
    /// Since when.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub since: Option<Timestamp>,
    /// Whether its objects were listed in full at least once.
    pub synced: bool,
    /// Whether what is known may not be so any more: its objects are kept, and
    /// nothing is heard of them.
    pub stale: bool,
    /// How much of its objects is asked for: `presence` or `detail`.
    pub tier: String,
    /// What may be seen of it, where that is not everything.
    pub access: Option<AccessStatus>,
    /// How many objects there are.
    pub objects: u64,
    /// Of these, how many are kept as they were last seen, for want of permission.
    #[serde(default)]
    pub unseen: u64,
    /// How many changes there were.
    pub events: u64,
    /// How many bytes were read of it.
    pub bytes: u64,
    /// When the last change came.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub last_event: Option<Timestamp>,
    /// How long ago that is.
    pub last_event_age_seconds: Option<f64>,
    /// How long the oldest change of it that some sink has not confirmed has been
    /// waiting; 0 where all is confirmed.
    pub lag_seconds: f64,
    /// How often its stream had to be opened again after an error.
    pub restarts: u64,
    /// How many objects or events could not be read.
    pub malformed: u64,
    /// For how many objects some sink is owed a state or a delete.
    pub owed: u64,
    /// What the last check against the API server found, where there was one.
    pub verified: Option<VerifiedStatus>,
    /// The last error, with what to do about it. It stays after the resource has
    /// recovered: `state` says how it is.
    pub last_error: Option<String>,
    /// What to do about it by itself.
    pub remedy: Option<String>,
}

/// A check of what is known against the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VerifiedStatus {
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub at: Option<Timestamp>,
    /// How many objects the API server had.
    pub objects: u64,
    /// How many of them were not known.
    pub missing: u64,
    /// How many were known that it does not have.
    pub extra: u64,
    /// How many were known in another state.
    pub other_version: u64,
    /// Some of those that differed.
    pub names: Vec<String>,
    /// How many checks there were.
    pub checks: u64,
    /// How many objects differed, in all of them.
    pub drift_in_all: u64,
}

/// One sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SinkStatus {
    /// Its URL without credentials.
    pub sink: String,
    /// `starting`, `up`, `away` or `closed`.
    pub state: String,
    /// Since when.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub since: Option<Timestamp>,
    /// Since when it confirms what it is given; `null` while it does not.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub connected_since: Option<Timestamp>,
    /// Changes handed to it, each counted once however often it was tried.
    pub published: u64,
    /// Changes it confirmed.
    pub acknowledged: u64,
    /// Bytes it confirmed.
    pub published_bytes: u64,
    /// Changes that wait for it or are on their way.
    pub pending: u64,
    /// How long the oldest of them has been waiting; `null` where there is none.
    pub oldest_pending_age_seconds: Option<f64>,
    /// Batches that had to be sent again.
    pub retries: u64,
    /// Changes it can never take.
    pub rejected: u64,
    /// Changes of which parts were cut to fit.
    pub cut: u64,
    /// From the time a change was received to the sink's confirmation.
    pub latency: LatencyStatus,
    /// The last error, with what to do about it. It stays after the sink is back:
    /// `state` says how it is.
    pub last_error: Option<String>,
    /// What waits for it.
    pub outbox: OutboxStatus,
}

/// How long changes take to be confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LatencyStatus {
    /// How many were measured.
    pub count: u64,
    /// Upper bounds, of which the bucket is known and not the place in it: half
    /// of all took no longer. `null` where there is nothing, or beyond the last
    /// bound (120 s).
    pub p50_seconds: Option<f64>,
    /// 99 of 100.
    pub p99_seconds: Option<f64>,
    /// The mean.
    pub mean_seconds: Option<f64>,
}

/// What waits for a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutboxStatus {
    /// Bytes that wait.
    pub queued_bytes: usize,
    /// Bytes on their way.
    pub in_flight_bytes: usize,
    /// Changes that wait.
    pub waiting: usize,
    /// Offers that did not fit; each object is read again when there is room.
    pub refused: u64,
}

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FingerprintsStatus {
    /// How many rules are in use.
    pub rules: usize,
    /// Another text whenever other rules are; the same for the same, over
    /// restarts too.
    pub rules_version: String,
    /// How many objects say something.
    pub objects: usize,
    /// The products; 1,000 at most.
    pub products: Vec<Product>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Identity of the source that it is in.
    #[serde(default)]
    pub scope: Option<String>,
    /// Id of its rule.
    pub product: String,
    /// Its version; `null` where it is not known.
    pub version: Option<String>,
    /// How sure it is.
    pub state: String,
    /// Where it runs.
    pub namespace: Option<String>,
    /// Which one it is.
    pub instance: String,
}
