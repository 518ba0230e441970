//! What each command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use meshsync::check::CanaryMode;
use meshsync::{EventsHow, ListenAddr, MeshSyncResource, Pattern, ResourceName};

use super::{ClusterArgs, ElectionArgs, EndpointArgs, PaceArgs, SinkArgs, StopArgs};
use crate::otlp::OtlpArgs;
use crate::output::Format;
use crate::values;
use crate::web::WebArgs;
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
        conflicts_with_all = ["sources", "include", "exclude", "also", "namespace", "cluster_id"]
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
    /// Read Helm's records of releases as well, which are Secrets: the chart's name and its versions,
    /// and nothing else of them
    #[arg(long)]
    pub(crate) helm_releases: bool,
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
    #[arg(long, conflicts_with = "sources")]
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
    /// repair and report what differs; every 5m at most, 1h where no time is given [default: never]
    #[arg(
        long,
        visible_aliases = ["verify", "reconcile-interval"],
        num_args = 0..=1,
        default_missing_value = "1h",
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
    /// Read Helm's records of releases as well, which are Secrets, with --fingerprints: the chart's
    /// name and its versions, and nothing else of them
    #[arg(long)]
    pub(crate) helm_releases: bool,
    /// Observe the custom resources of a product whole for so long after it was last found to be
    /// installed [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) deep_hold: Option<Duration>,
    /// Follow the custom resource Discovery of this name, which says what is observed where neither
    /// options nor the file do; overrides MESHSYNC_DISCOVERY_RESOURCE
    #[arg(long, value_name = "[NAMESPACE/]NAME")]
    pub(crate) discovery_resource: Option<ResourceName>,
    /// Whether what Meshery's custom resource says is in force, above Discovery: ignored or followed;
    /// overrides MESHSYNC_MESHSYNC_RESOURCE [default: ignored]
    #[arg(long, value_name = "HOW")]
    pub(crate) meshsync_resource: Option<MeshSyncResource>,
    /// Whether Kubernetes Events, and the status of Discovery, are written: none or written;
    /// overrides MESHSYNC_EVENTS [default: none]
    #[arg(long, value_name = "HOW")]
    pub(crate) events: Option<EventsHow>,
    /// As --fingerprints, with the rules of this folder too; they replace others of the same id. It
    /// is read again when something in it changes
    #[arg(long, value_name = "DIR")]
    pub(crate) rules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
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

/// `meshsync top`.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    /// How often it is asked, such as 500ms
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = values::duration)]
    pub(crate) interval: Duration,
    /// What comes first; on a terminal s changes it
    #[arg(long, value_enum, default_value_t, value_name = "COLUMN")]
    pub(crate) sort: SortArg,
    /// Print one table, of one interval, and end; so it is where this is no terminal
    #[arg(long)]
    pub(crate) once: bool,
}

/// What comes first in `meshsync top`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortArg {
    /// What changes most
    #[default]
    Changes,
    /// What there is most of
    Objects,
    /// What waits longest
    Lag,
    /// By name
    Name,
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

/// `meshsync doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Read options from a YAML file, as for `meshsync run --config`; options on the command line
    /// override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Sinks of which the brokers are looked at (repeatable). Without it $BROKER_URL if set
    #[arg(long = "sink", value_name = "URL")]
    pub(crate) sinks: Vec<String>,
    /// As for `meshsync run`: it takes more permissions
    #[arg(long)]
    pub(crate) enable_interactive: bool,
    /// How long each look may take
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
