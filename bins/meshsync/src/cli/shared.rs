//! What several commands take.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use meshsync::{
    Fidelity, LabelSelector, LeaderElect, ListenAddr, Managed, OptOut, Preset, Ready, Secrets,
    SubjectPattern, TierRule,
};

use crate::values;
/// Which cluster, and what of it.
#[derive(Debug, Default, Args)]
pub(crate) struct ClusterArgs {
    /// What to observe: a cluster as k8s:[?context=NAME&kubeconfig=PATH], a container engine as
    /// docker:, or manifests as manifests:PATH or manifests:- for standard input (repeatable with
    /// `run`; each goes on whatever becomes of the others). Without it the cluster we run in, else
    /// $KUBECONFIG, else ~/.kube/config
    #[arg(long = "source", value_name = "URL")]
    pub(crate) sources: Vec<String>,
    /// Observe only what matches, such as pods, deployments.apps, *.cilium.io, or with conditions on
    /// objects 'pods@team-* labels=app=web' (repeatable)
    #[arg(long, value_name = "RULE")]
    pub(crate) include: Vec<String>,
    /// Observe nothing that matches; wins over --include and --also (repeatable)
    #[arg(long, value_name = "RULE")]
    pub(crate) exclude: Vec<String>,
    /// Observe these on top of the others, such as events, which are left out by default
    /// (repeatable)
    #[arg(long, value_name = "RULE")]
    pub(crate) also: Vec<String>,
    /// Observe only objects of namespaces of this name or glob, and those of no namespace
    /// (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Vec<String>,
    /// Observe only objects of namespaces with such labels, as they come and go, and those of no
    /// namespace
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) namespace_labels: Option<LabelSelector>,
    /// Whether what has the annotation meshsync.io/ignore: "true", or is in a namespace that has
    /// it, is left out: honoured or disregarded [default: honoured]
    #[arg(long, value_name = "HOW")]
    pub(crate) opt_out: Option<OptOut>,
    /// Observe only objects that Meshery deployed, or only those it did not [default: all]
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub(crate) managed: Option<ManagedArg>,
    /// How much of each object is observed: its metadata (presence), the whole of what says which
    /// infrastructure there is and the metadata of the rest (standard), or the whole (full, the
    /// default)
    #[arg(long, value_name = "PRESET")]
    pub(crate) depth: Option<Preset>,
    /// How much is observed of some resources, such as secrets=presence or
    /// pods@kube-*=presence for namespaces; the first that matches decides (repeatable)
    #[arg(long = "tier", value_name = "PATTERN[@NAMESPACE]=TIER")]
    pub(crate) tiers: Vec<TierRule>,
    /// Whether values of Secrets leave this process; overrides MESHSYNC_REDACT_SECRETS, where
    /// `false`, `0` or `no` means plain
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) secrets: Option<SecretsArg>,
    /// Name of the cluster in every record, for where namespace kube-system, whose uid is the
    /// name otherwise, cannot be read
    #[arg(long, value_name = "ID")]
    pub(crate) cluster_id: Option<String>,
}

/// Where changes go.
#[derive(Debug, Default, Args)]
pub(crate) struct SinkArgs {
    /// Where changes go: nats://HOST:4222, file:PATH or stdout: (repeatable). Without it
    /// $BROKER_URL if set, else standard output
    #[arg(long = "sink", value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Dialect of the messages on NATS: with the original's defects corrected, or exactly as the
    /// original sends them
    #[arg(long, value_enum, value_name = "DIALECT")]
    pub(crate) meshery_wire: Option<WireArg>,
    /// Remember in this folder what was published to NATS, so that what is deleted while nobody
    /// runs is told after the next start
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Give logs of containers and shells in them to whoever asks over the broker. They are off
    /// without it
    #[arg(long)]
    pub(crate) enable_interactive: bool,
    /// Take rules for fingerprints from whoever sends them over the broker; with --fingerprints
    #[arg(long)]
    pub(crate) accept_rules: bool,
    /// Say in Meshery's messages, too, what is installed: in `component_metadata.fingerprints` of
    /// each instance's root object; with --fingerprints
    #[arg(long)]
    pub(crate) meshery_fingerprints: bool,
    /// Give them only of pods in this namespace (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) interactive_namespaces: Vec<String>,
    /// Where objects may be sent to on request, as NATS writes subjects (repeatable)
    /// [default: meshery-server.>]
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) reply_subjects: Vec<SubjectPattern>,
}

/// Which of several that run observes.
#[derive(Debug, Default, Args)]
pub(crate) struct ElectionArgs {
    /// Observe only while this one leads: of all that hold the same lock one does, and the others
    /// wait to take over. The lock is in the first sink that is a broker (broker; it needs JetStream),
    /// or a Lease of the cluster (lease, lease:NAME, lease:NAMESPACE/NAME) [default: off]
    #[arg(long, value_name = "HOW", env = "MESHSYNC_LEADER_ELECT")]
    pub(crate) leader_elect: Option<LeaderElect>,
    /// A leader that is silent for so long is followed by another one [default: 15s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) leader_lease: Option<Duration>,
}

/// What is served over HTTP.
#[derive(Debug, Default, Args)]
pub(crate) struct EndpointArgs {
    /// Address for /healthz, /livez, /readyz and /metrics, or `none` [default: 0.0.0.0:11000]
    #[arg(long, value_name = "ADDR")]
    pub(crate) probes_addr: Option<ListenAddr>,
    /// Address for /status, or `none` [default: 127.0.0.1:11001]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_addr: Option<ListenAddr>,
    /// When /readyz is answered with 200 [default: synced]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) ready: Option<ReadyArg>,
}

/// How much is asked of the API server at once. Each can be given by the environment, too.
#[derive(Debug, Default, Args)]
pub(crate) struct PaceArgs {
    /// So many lists run at once, fewer while the server is busy; overrides MESHSYNC_LISTS_MAX
    /// [default: 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) lists_max: Option<u64>,
    /// So many requests of lists and watches a second, after as many at once; overrides
    /// MESHSYNC_REQUESTS_PER_SECOND [default: 200]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests_per_second: Option<u64>,
    /// So many bytes of first lists a second; overrides MESHSYNC_BYTES_PER_SECOND
    /// [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) bytes_per_second: Option<u64>,
    /// Begin the first lists over this time, such as 30s; overrides MESHSYNC_SMOOTH_START
    /// [default: all at once]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) smooth_start: Option<Duration>,
}

/// When we are ready.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ReadyArg {
    /// As soon as it runs
    Started,
    /// Once every resource was given to every sink in full
    Synced,
    /// While every sink confirms what it is given
    Sink,
    /// While the last synthetic test found no broken link; with --synthetic-interval
    Synthetic,
}

impl From<ReadyArg> for Ready {
    fn from(arg: ReadyArg) -> Self {
        match arg {
            ReadyArg::Started => Self::Started,
            ReadyArg::Synced => Self::Synced,
            ReadyArg::Sink => Self::Sink,
            ReadyArg::Synthetic => Self::Synthetic,
        }
    }
}

/// Who deployed an object.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ManagedArg {
    /// What Meshery deployed, by the marks it leaves
    Greenfield,
    /// What it did not
    Brownfield,
    /// All of it
    All,
}

impl From<ManagedArg> for Managed {
    fn from(arg: ManagedArg) -> Self {
        match arg {
            ManagedArg::Greenfield => Self::Greenfield,
            ManagedArg::Brownfield => Self::Brownfield,
            ManagedArg::All => Self::All,
        }
    }
}

/// When to stop.
#[derive(Debug, Default, Args)]
pub(crate) struct StopArgs {
    /// Stop after this time, such as 500ms, 8s, 1m30s or 2h, instead of running until a signal
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) stop_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SecretsArg {
    /// Keys are kept, values are replaced
    Redacted,
    /// Values leave as they are
    Plain,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WireArg {
    /// The original's defects corrected
    Corrected,
    /// Byte for byte as the original
    Exact,
    /// Corrected, and annotations as they are and not escaped twice
    Decoded,
}

impl From<SecretsArg> for Secrets {
    fn from(arg: SecretsArg) -> Self {
        match arg {
            SecretsArg::Redacted => Self::Redacted,
            SecretsArg::Plain => Self::Plain,
        }
    }
}

impl From<WireArg> for Fidelity {
    fn from(arg: WireArg) -> Self {
        match arg {
            WireArg::Corrected => Self::Corrected,
            WireArg::Exact => Self::Exact,
            WireArg::Decoded => Self::Decoded,
        }
    }
}
