//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use meshsync::check::CanaryMode;
use meshsync::{
    Fidelity, LabelSelector, LeaderElect, ListenAddr, Managed, OptOut, Pattern, Preset, Ready,
    Secrets, SubjectPattern, TierRule,
};

use crate::logging::LogFormat;
use crate::output::Format;
use crate::store;
use crate::values;
use crate::web::WebArgs;

/// Discover a Kubernetes cluster, keep a live picture of it, and deliver every change.
#[derive(Debug, Parser)]
#[command(name = "meshsync", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// Form of the logs, which go to standard error; RUST_LOG sets their level
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 stopped cleanly, 1 other failure, 2 usage, \
    69 cluster or agent unreachable, 78 configuration, 130 aborted by a second signal.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Observe a cluster and deliver every change until told to stop
    Run(Box<RunArgs>),
    /// See it work on a simulated cluster, with nothing else installed
    Demo(DemoArgs),
    /// Write down a whole cluster once, then exit
    Snapshot(SnapshotArgs),
    /// Say how a running agent is: what is observed, how fresh, and what is wrong
    Status(StatusArgs),
    /// Change something on purpose and follow it through every link, to the broker and back; the
    /// link that is broken is named
    Check(CheckArgs),
    /// Print the permissions that run needs with the same options, and no others, for kubectl apply
    Rbac(RbacArgs),
    /// Write completions for a shell: source <(meshsync completions bash)
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual: the page of the whole to standard output, or all of them into a folder
    Man {
        /// Where to
        dir: Option<PathBuf>,
    },
    /// Say which products are installed, in which version, and why: in a cluster, or in manifests
    Fingerprint(FingerprintArgs),
    /// Work with the rules by which products are told
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Show objects of a store
    Get(store::GetArgs),
    /// Ask a store in SQL
    Sql(store::SqlArgs),
    /// Say what two stores, or a store and a cluster, do not have in common
    Diff(store::DiffArgs),
    /// Keep a store equal to a state stream until told to stop
    Replicate(store::ReplicateArgs),
    /// Show what happens, from the events stream
    Tail(store::TailArgs),
    /// Have a state stream emptied and written again by the agent that writes it
    Flush(store::FlushArgs),
    /// Show what happened to an object, from the events stream
    History(store::HistoryArgs),
    /// Work with configuration files
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// `meshsync rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Name the products that there are rules for
    List {
        /// Take the rules of this folder too; they replace others of the same id
        #[arg(long, value_name = "DIR")]
        rules: Option<PathBuf>,
    },
    /// Say whether the rules of a folder can be used, or everything that is wrong with them
    Check {
        /// Folder with one YAML file per rule
        dir: PathBuf,
    },
    /// Run the examples and counter-examples of the rules of a folder
    Test {
        /// Folder with one YAML file per rule
        dir: PathBuf,
    },
    /// Write the JSON schema of rule files, for editors
    Schema,
}

/// `meshsync fingerprint`.
#[derive(Debug, Args)]
pub(crate) struct FingerprintArgs {
    /// Manifests instead of a cluster: a file, a folder, or - for standard input; records as
    /// `meshsync snapshot` writes them will do (repeatable)
    #[arg(
        short,
        long = "file",
        value_name = "FILE|DIR|-",
        conflicts_with_all = ["source", "include", "exclude", "also", "namespace", "cluster_id"]
    )]
    pub(crate) files: Vec<PathBuf>,
    /// What to write
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: FingerprintFormat,
    /// Leave out what is less sure
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    pub(crate) min_state: StateArg,
    /// Say of one product why, in full
    #[arg(long, value_name = "PRODUCT")]
    pub(crate) explain: Option<String>,
    /// Take the rules of this folder too; they replace others of the same id
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// How verdicts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FingerprintFormat {
    /// For people
    #[default]
    Table,
    /// An array of verdicts
    Json,
    /// The same as YAML
    Yaml,
}

/// States, from the least sure on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// Everything
    #[default]
    ApiOnly,
    /// No bare APIs
    Ambiguous,
    /// Nothing that may be another product just as well
    Probable,
    /// Only what is sure
    Identified,
}

/// `meshsync config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a file can be used, or everything that is wrong with it
    Check {
        /// The file, as for `meshsync run --config`
        #[arg(default_value = "meshsync.yaml")]
        file: PathBuf,
    },
    /// Write the JSON schema of configuration files, for editors
    Schema,
    /// Write the configuration that `meshsync run` with the same options has, and where each value
    /// comes from
    Show(Box<ShowArgs>),
    /// Say which rule decides whether a resource, or an object of it, is observed, and how deep
    Explain(Box<ExplainArgs>),
}

/// `meshsync config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The file, as for `meshsync run --config`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) sinks: SinkArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
    /// As for `meshsync run`
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) verify_interval: Option<Duration>,
}

/// `meshsync config explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The resource, such as pods or deployments.apps
    pub(crate) resource: Pattern,
    /// Objects of this namespace
    #[arg(short = 'n', long = "in", value_name = "NAME")]
    pub(crate) of_namespace: Option<String>,
    /// The object of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The file, as for `meshsync run --config`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// `meshsync rbac`.
#[derive(Debug, Args)]
pub(crate) struct RbacArgs {
    /// Read options from a YAML file, as for `meshsync run --config`; options on the command line
    /// override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Ask no cluster: only what every cluster serves can be told then, and no custom resources
    #[arg(long, conflicts_with = "source")]
    pub(crate) offline: bool,
    /// Who is permitted
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        default_value = "meshsync/meshsync",
        value_parser = values::service_account
    )]
    pub(crate) service_account: (String, String),
    /// A user instead of a ServiceAccount
    #[arg(long, value_name = "NAME", conflicts_with = "service_account")]
    pub(crate) user: Option<String>,
    /// Name of the roles and their bindings
    #[arg(long, value_name = "NAME", default_value = "meshsync")]
    pub(crate) name: String,
    /// With logs of containers and shells in them, as for `meshsync run`
    #[arg(long)]
    pub(crate) enable_interactive: bool,
    /// Only of pods in this namespace (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) interactive_namespaces: Vec<String>,
}

/// `meshsync run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Read options from a YAML file; options on the command line override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) sinks: SinkArgs,
    /// Check about this often, such as 10m, that what is known is what the API server has, and
    /// repair and report what differs; every 5m at most [default: never]
    #[arg(
        long,
        visible_alias = "reconcile-interval",
        value_name = "DURATION",
        value_parser = values::duration
    )]
    pub(crate) verify_interval: Option<Duration>,
    /// Test about this often, such as 60s, every link from the API server to the broker and back,
    /// as `meshsync check` does [default: never]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) synthetic_interval: Option<Duration>,
    #[command(flatten)]
    pub(crate) canary: CanaryArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,
    #[command(flatten)]
    pub(crate) election: ElectionArgs,
    /// Say which products are installed, too: records of kind Fingerprint that come, change and go
    /// like others, and a part of /status
    #[arg(long)]
    pub(crate) fingerprints: bool,
    /// Observe the custom resources of a product whole for so long after it was last found to be
    /// installed [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) deep_hold: Option<Duration>,
    /// As --fingerprints, with the rules of this folder too; they replace others of the same id. It
    /// is read again when something in it changes
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) web: WebArgs,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
}

/// `meshsync status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    /// What to write
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Go on, and show it again at every interval; JSON one document a line then
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// How often
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = values::duration)]
    pub(crate) interval: Duration,
    /// Write the JSON schema of what -o json writes, and ask nobody
    #[arg(long)]
    pub(crate) schema: bool,
}

/// `meshsync check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Cluster: k8s:[?context=NAME&kubeconfig=PATH]. Without it the cluster we run in, else
    /// $KUBECONFIG, else ~/.kube/config
    #[arg(long, value_name = "URL")]
    pub(crate) source: Option<String>,
    /// Sinks of which the brokers are tested: nats://HOST:4222 or jetstream://HOST:4222
    /// (repeatable). Without it $BROKER_URL if set, else the test ends before the broker
    #[arg(long = "sink", value_name = "URL")]
    pub(crate) sinks: Vec<String>,
    #[command(flatten)]
    pub(crate) canary: CanaryArgs,
    /// How long each link may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = values::duration)]
    pub(crate) timeout: Duration,
    /// What to write
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// What a synthetic test makes.
#[derive(Debug, Default, Args)]
pub(crate) struct CanaryArgs {
    /// Whether a ConfigMap is created, updated and deleted; without it a Lease is watched that
    /// somebody renews anyway
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) canary: CanaryArg,
    /// Where it is made [default: the namespace of the configuration]
    #[arg(long, value_name = "NAME")]
    pub(crate) canary_namespace: Option<String>,
    /// Have agents tell of it as of any other object; they hide canaries else
    #[arg(long)]
    pub(crate) canary_visible: bool,
}

/// Whether there is a canary.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum CanaryArg {
    /// Where it is allowed
    #[default]
    Auto,
    /// Yes; its being forbidden is a failure
    Write,
    /// No
    ReadOnly,
}

impl From<CanaryArg> for CanaryMode {
    fn from(arg: CanaryArg) -> Self {
        match arg {
            CanaryArg::Auto => Self::Auto,
            CanaryArg::Write => Self::Write,
            CanaryArg::ReadOnly => Self::ReadOnly,
        }
    }
}

/// Which agent.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// Its administration address, as --admin-addr of `meshsync run` has it
    #[arg(
        long,
        value_name = "URL",
        env = "MESHSYNC_URL",
        default_value = "http://127.0.0.1:11001"
    )]
    pub(crate) url: String,
    /// Bearer token, where it wants one
    #[arg(
        long,
        value_name = "TOKEN",
        env = "MESHSYNC_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
}

/// `meshsync demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// About how many objects the simulated cluster has
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) objects: usize,
    /// How many changes happen in it a second, such as 10/s; 0 for none
    #[arg(long, value_name = "R", default_value = "10/s", value_parser = values::rate)]
    pub(crate) churn: f64,
    /// The same seed gives the same cluster
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where changes go: nats://HOST:4222, file:PATH or stdout: (repeatable). Without it a terminal
    /// shows what happens, and records go to standard output where that is piped
    #[arg(long = "sink", value_name = "URL")]
    pub(crate) sinks: Vec<String>,
    /// Address for the web page and /status, or `none` [default: 127.0.0.1:11001]. There is no page
    /// where records go to standard output
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_addr: Option<ListenAddr>,
    /// Address for /healthz, /livez, /readyz and /metrics, or `none` [default: 127.0.0.1:11000]
    #[arg(long, value_name = "ADDR")]
    pub(crate) probes_addr: Option<ListenAddr>,
    #[command(flatten)]
    pub(crate) stop: StopArgs,
}

/// `meshsync snapshot`.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// Write to this file, which appears only when the snapshot is complete, instead of standard
    /// output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What to write
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: SnapshotFormat,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Address for /healthz, /livez, /readyz and /metrics meanwhile [default: none]
    #[arg(long, value_name = "ADDR")]
    pub(crate) probes_addr: Option<ListenAddr>,
    /// Address for /status meanwhile [default: none]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_addr: Option<ListenAddr>,
}

/// What a snapshot looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SnapshotFormat {
    /// One JSON record a line, as the sinks file: and stdout: write them
    #[default]
    Records,
    /// YAML for `kubectl apply`, without status and what a server fills in
    Manifests,
}

/// Which cluster, and what of it.
#[derive(Debug, Default, Args)]
pub(crate) struct ClusterArgs {
    /// What to observe: a cluster as k8s:[?context=NAME&kubeconfig=PATH], a container engine as
    /// docker:, or manifests as manifests:PATH or manifests:- for standard input. Without it the
    /// cluster we run in, else $KUBECONFIG, else ~/.kube/config
    #[arg(long, value_name = "URL")]
    pub(crate) source: Option<String>,
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
