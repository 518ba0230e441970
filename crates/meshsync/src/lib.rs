//! Discover a Kubernetes cluster, keep a live picture of it, and deliver every
//! change: the Builder API of MeshSync.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use meshsync::{ClusterConfig, EventType, MeshSync, Selection};
//!
//! # // A simulated cluster stands for yours, so that this example runs anywhere.
//! # let sim = meshsync_sim::Sim::builder().start().await?;
//! # let cluster = ClusterConfig::Text(sim.kubeconfig());
//! # #[cfg(any())]
//! let cluster = ClusterConfig::Infer;
//! let mut meshsync = MeshSync::builder()
//!     .cluster(cluster)
//!     .select(Selection {
//!         include: vec!["namespaces".parse()?, "pods".parse()?],
//!         ..Selection::default()
//!     })
//!     .build()?;
//! let mut changes = meshsync.changes();
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let run = meshsync.run(async { stopped.await.unwrap_or_default() });
//! let read = async {
//!     let mut namespaces = 0;
//!     while let Some(change) = changes.next().await {
//!         println!("{} {change}", change.event());
//!         namespaces += u32::from(change.event() == EventType::Added);
//!         if change.is_full_sync() {
//!             break;
//!         }
//!     }
//!     drop(stop);
//!     namespaces
//! };
//! let (result, namespaces) = tokio::join!(run, read);
//! result?;
//! assert!(namespaces >= 2, "kube-system and default at least");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `nats` | [sinks](crate::sinks::open) on NATS | yes |
//! | `admin` | [`serve`]: probes, metrics and status over HTTP | yes |
//! | `config` | [`Config`]: configuration files | yes |
//! | `otlp` | [`otlp`]: metrics and traces for collectors of OpenTelemetry | no |
//! | `schema` | `status::schema`: the JSON schema of the status | no |
//! | `cel` | expressions in the rules of a [`Selection`] | yes |
//! | `docker` | [`SourceUrl::Docker`]: container engines as a source | yes |
//! | `manifests` | [`SourceUrl::Manifests`]: folders of manifests as a source | yes |
//! | `store` | [`store`]: an embedded database as a sink, and to be asked | yes |
//! | `k8s-latest` | the newest Kubernetes version `k8s-openapi` knows; without it the program has to choose one | yes |
//!
//! # Invariants
//!
//! - No globals, no signals, no environment: a program can run as many of them
//!   as it likes. (Where a configuration says *infer*, finding a kubeconfig
//!   looks at `$KUBECONFIG`; nothing else reads the environment.)
//! - "Stop" is a future that the caller hands in.
//! - Every task is owned by [`MeshSync::run`]; when it returns none is left.

#[cfg(feature = "admin")]
mod admin;
mod authors;
mod buffers;
mod builder;
mod changes;
pub mod check;
mod compose;
#[cfg(feature = "config")]
mod config;
mod configuration;
mod dispatch;
mod explain;
mod fingerprints;
mod full_sync;
mod handle;
mod kube_events;
mod lane;
mod leader;
#[cfg(feature = "admin")]
mod listen;
mod memory;
mod meshery;
#[cfg(feature = "admin")]
mod metrics;
mod monitor;
#[cfg(feature = "otlp")]
pub mod otlp;
mod outlets;
mod rbac;
mod replay;
mod reviews;
mod run;
mod sink_url;
mod source;
pub mod status;

#[cfg(feature = "admin")]
pub use admin::{AdminError, Endpoints, Ready, serve, serve_with};
pub use builder::{BuildError, Builder, MeshSync};
pub use changes::{Changes, OwnedChange, ParseObjectError};
#[cfg(feature = "config")]
pub use config::{
    Config, ConfigError, ConfigProblem, EventsHow, ListenAddr, ListenAddrError, MeshSyncResource,
    SinkUrl, WordError,
};
pub use configuration::{ConfigurationLayer, ConfigurationStatus};
#[cfg(feature = "config")]
pub use configuration::{ResourceName, ResourceNameError};
pub use explain::{ExplainError, Explanation, Question, explain};
pub use fingerprints::FingerprintChange;
pub use handle::{Handle, Replaying, RulesError};
pub use kube_events::Regarding;
pub use leader::{LeaderElect, LeaderElectError, LeaderElection, LeaderLock};
#[cfg(feature = "nats")]
pub use meshery::RequestOptions;
pub use meshery::{WatchList, WatchListError, meshery_selection, meshery_selection_of_everything};
#[cfg(feature = "nats")]
pub use meshsync_broker::requests::SubjectPattern;
pub use monitor::{LeadershipSnapshot, Monitor, OutboxSnapshot, Role, SinkSnapshot};
pub use rbac::{RbacAnswer, RbacNeeds, rbac_in_cluster, rbac_without_cluster};
pub use reviews::{Permission, Reviews};
pub use run::RunError;
pub use sink_url::open_sink;
#[cfg(feature = "store")]
pub use sink_url::store_path;
pub use source::{SourceUrl, SourceUrlError, parse_source};
pub use status::StatusDocument;

#[cfg(feature = "nats")]
pub use meshsync_broker::jetstream;
pub use meshsync_broker::{
    Batch, BoxFuture, Counter, Delivery, Latency, LatencySnapshot, Published, Received, Rejected,
    Sink, SinkError, SinkState, SinkStatus, SinkUrlError, Wire, sinks,
};
pub use meshsync_discovery::{
    Because, Candidate, Catalog, Decision, Depth, EventRule, Events, Grant, Grants, IGNORE,
    LabelSelector, LabelSelectorError, Managed, NamespaceSelection, Namespaces, Opened, OptOut,
    Pattern, PatternError, Place, Preset, PresetError, Rule, RuleError, Selection, Subject,
    TierRule, TierRuleError, Verdict, View, WatchPlan,
};
pub use meshsync_fingerprint as fingerprint;
pub use meshsync_informer::ConfigError as ClusterConfigError;
pub use meshsync_informer::source::{
    self as sources, ListWatch, Next, Reflector, Shown, Source, SourceError, SourceSnapshot,
    SourceState,
};
pub use meshsync_informer::{
    Access, Busy, CloseReason, ClusterConfig, Finished, HistogramSnapshot, NotSeen, Pace,
    RequestCount, RequestError, ResourceSnapshot, ResourceState, ScopeError, Timing,
    TrafficSnapshot, Verified, WatchSnapshot,
};
pub use meshsync_model as model;
pub use meshsync_model::wire::meshery::Fidelity;
pub use meshsync_model::{ClusterId, EventType, Platform, Secrets, Tier};
#[cfg(feature = "store")]
pub use meshsync_store as store;
