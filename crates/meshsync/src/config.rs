//! Configuration of a pipeline as a file: text in, ready values or all problems
//! out.

mod document;
mod entries;
mod error;
mod listen;
mod resolve;
mod schema;
mod spec;
mod variables;
mod words;

pub use error::{ConfigError, ConfigProblem};
pub use listen::{ListenAddr, ListenAddrError};
pub use words::{EventsHow, MeshSyncResource, WordError};

use std::time::Duration;

use meshsync_discovery::{LabelSelector, NamespaceSelection, OptOut, Preset, Rule, TierRule};
use meshsync_model::wire::meshery::Fidelity;
use meshsync_model::{ClusterId, Secrets};

use crate::configuration::ResourceName;
use crate::leader::LeaderElect;

/// What a configuration file says. What it does not say is `None` or empty, so
/// that others can override it and defaults stay in one place.
///
/// | key | value | meaning |
/// |---|---|---|
/// | `source` | a URL such as `k8s:` | [`Builder::source_url`](crate::Builder::source_url) |
/// | `sources` | list of such URLs, instead of `source` | the same, for each |
/// | `sinks` | list of URLs | [`Builder::sink_url`](crate::Builder::sink_url) |
/// | `include`, `exclude`, `also` | lists of [`Rule`]s | [`Selection`](crate::Selection) |
/// | `namespaces` | list of names and globs | [`NamespaceSelection`] |
/// | `namespaceLabels` | label selector | [`NamespaceSelection::labelled`] |
/// | `optOut` | `honoured`, `disregarded` | [`OptOut`] |
/// | `depth` | `presence`, `standard`, `full` | [`Preset`] |
/// | `tiers` | list of `PATTERN=TIER`, `PATTERN@NAMESPACE=TIER` | [`TierRule`] |
/// | `deepHold` | duration such as `5m` | [`Builder::deep_hold`](crate::Builder::deep_hold) |
/// | `discoveryResource` | `NAME`, `NAMESPACE/NAME` | [`Builder::follow_discovery_resource`](crate::Builder::follow_discovery_resource) |
/// | `meshsyncResource` | `ignored`, `followed` | [`Builder::follow_meshsync_resource`](crate::Builder::follow_meshsync_resource) |
/// | `events` | `none`, `written` | [`Builder::kubernetes_events`](crate::Builder::kubernetes_events) |
/// | `secrets` | `redacted`, `plain` | [`Builder::secrets`](crate::Builder::secrets) |
/// | `mesheryWire` | `corrected`, `exact`, `decoded` | [`Builder::meshery_wire`](crate::Builder::meshery_wire) |
/// | `outboxBytes` | number of bytes | [`Builder::outbox_bytes`](crate::Builder::outbox_bytes) |
/// | `verifyInterval` | duration such as `10m` | [`Builder::verify_interval`](crate::Builder::verify_interval) |
/// | `listsMax`, `requestsPerSecond`, `bytesPerSecond` | numbers | [`Pace`](crate::Pace) |
/// | `smoothStart` | duration such as `30s` | [`Pace`](crate::Pace) |
/// | `leaderElect` | `off`, `broker`, `lease`, `lease:NAME`, `lease:NAMESPACE/NAME` | [`Builder::leader_election`](crate::Builder::leader_election) |
/// | `leaderLease` | duration such as `15s` | [`LeaderElection::lasts`](crate::LeaderElection::lasts) |
/// | `clusterId` | text | [`Builder::cluster_id`](crate::Builder::cluster_id) |
/// | `probesAddr`, `adminAddr` | [`ListenAddr`] | [`Endpoints`](crate::Endpoints) |
///
/// Any other key is an error.
///
/// ```
/// use meshsync::Config;
///
/// let config = Config::parse("sinks: ['file:records.jsonl']\n", "meshsync.yaml").unwrap();
/// assert_eq!(config.sinks[0].as_str(), "file:records.jsonl");
///
/// let error = Config::parse("sink: x\nexclude: [pods.v1]\n", "meshsync.yaml").unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// assert_eq!(
///     error.problems()[0].to_string(),
///     "meshsync.yaml:1:1: unknown key \"sink\": did you mean \"sinks\"?",
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// A source that opens, as a URL.
    pub source: Option<String>,
    /// Several of them; then there is no single one.
    pub sources: Vec<String>,
    /// Sinks that open.
    pub sinks: Vec<SinkUrl>,
    /// Only these resources.
    pub include: Vec<Rule>,
    /// Not these resources, or objects.
    pub exclude: Vec<Rule>,
    /// These resources on top.
    pub also: Vec<Rule>,
    /// Only these namespaces, where any are given.
    pub namespaces: NamespaceSelection,
    /// Of these only the ones with such labels.
    pub namespace_labels: Option<LabelSelector>,
    /// Whether objects and namespaces may opt out.
    pub opt_out: Option<OptOut>,
    /// How deep everything is observed that `tiers` does not speak of.
    pub depth: Option<Preset>,
    /// How deep some resources are observed.
    pub tiers: Vec<TierRule>,
    /// For how long a product's resources stay observed in full.
    pub deep_hold: Option<Duration>,
    /// Our own custom resource, where it is followed.
    pub discovery_resource: Option<ResourceName>,
    /// Whether Meshery's is.
    pub meshsync_resource: Option<MeshSyncResource>,
    /// Whether anything of this is written into the cluster.
    pub events: Option<EventsHow>,
    /// Whether values of Secrets are redacted.
    pub secrets: Option<Secrets>,
    /// Dialect of the Meshery format.
    pub meshery_wire: Option<Fidelity>,
    /// Bytes that wait for each sink at most.
    pub outbox_bytes: Option<usize>,
    /// How often what is known is checked against the API server.
    pub verify_interval: Option<Duration>,
    /// How many lists run at once at most.
    pub lists_max: Option<usize>,
    /// How many requests of lists and watches are made a second.
    pub requests_per_second: Option<u64>,
    /// How many bytes of first lists are read a second.
    pub bytes_per_second: Option<u64>,
    /// Over which time the first lists begin.
    pub smooth_start: Option<Duration>,
    /// How one of several that run is elected.
    pub leader_elect: Option<LeaderElect>,
    /// A leader that is silent for so long is followed by another one.
    pub leader_lease: Option<Duration>,
    /// Identity of the cluster.
    pub cluster_id: Option<ClusterId>,
    /// Where probes and metrics are served.
    pub probes_addr: Option<ListenAddr>,
    /// Where the status is served.
    pub admin_addr: Option<ListenAddr>,
}

impl Config {
    /// Reads a YAML document. `file_name` is for messages alone.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, at once.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        let (config, problems) = match document::parse(text) {
            Ok(document) => resolve::resolve(document),
            Err(problem) => (Self::default(), vec![problem]),
        };
        ConfigError::unless_none(file_name, problems).map_or(Ok(config), Err)
    }

    /// The URLs of all sources that it names.
    pub fn source_urls(&self) -> Vec<&str> {
        let all = self.source.iter().chain(&self.sources);
        all.map(String::as_str).collect()
    }

    /// Whether it differs from another in more than what is observed, which is
    /// all that a running pipeline can change.
    pub fn needs_restart(&self, other: &Self) -> bool {
        let rest = |config: &Self| Self {
            include: Vec::new(),
            exclude: Vec::new(),
            also: Vec::new(),
            namespaces: NamespaceSelection::all(),
            namespace_labels: None,
            opt_out: None,
            depth: None,
            tiers: Vec::new(),
            ..config.clone()
        };
        rest(self) != rest(other)
    }
}

/// A URL that opens a sink. It may hold a password, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkUrl(String);

impl SinkUrl {
    /// The text, password included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SinkUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SinkUrl(..)")
    }
}

#[cfg(test)]
mod tests;
