//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::sink::SinkKind;

/// Measure simulator, agent and broker as separate processes
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) programs: Programs,
    /// What to measure
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "sync,presets,changes,streams,store,idle,web"
    )]
    pub(crate) rows: Vec<Row>,
    /// Objects of the simulated clusters
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,50000,100000")]
    pub(crate) objects: Vec<usize>,
    /// Where changes go
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "nats,jetstream,file"
    )]
    pub(crate) sinks: Vec<SinkKind>,
    /// Each row of the first synchronisation is measured so often; the median counts
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) repeat: usize,
    /// Changes a second
    #[arg(long, value_delimiter = ',', default_value = "200,5000")]
    pub(crate) rates: Vec<u32>,
    /// Objects of the cluster that changes, and of the idle one
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) quiet_objects: usize,
    /// How long changes are made
    #[arg(long, default_value_t = 15, value_name = "SECONDS")]
    pub(crate) change_seconds: u64,
    /// Clients that listen to the web page
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) clients: usize,
    /// How long nothing happens
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) idle_seconds: u64,
    /// The first synchronisation of the largest cluster is measured once more through a road of so
    /// many MB/s, as a real API server is; 0 for not
    #[arg(long, default_value_t = 60.0, value_name = "MB/S")]
    pub(crate) pace: f64,
    /// What a process did last is over after this time
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub(crate) settle_seconds: f64,
    /// Put the tables between the two marks in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) docs: Option<PathBuf>,
    /// Write the report to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// More arguments for the agent, such as --agent-arg=--include=pods (repeatable)
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) agent_arg: Vec<String>,
}

impl Options {
    pub(crate) fn settle(&self) -> Duration {
        Duration::from_secs_f64(self.settle_seconds.clamp(0.0, 600.0))
    }
}

/// What `cargo xtask bench` has built or fetched.
#[derive(Debug, Args)]
pub(crate) struct Programs {
    #[arg(long, hide = true, default_value = "target/release/meshsync")]
    pub(crate) meshsync: PathBuf,
    #[arg(long, hide = true, default_value = "target/release/kubesim")]
    pub(crate) kubesim: PathBuf,
    #[arg(long, hide = true, default_value = "nats-server")]
    pub(crate) nats_server: PathBuf,
    /// With the other two: what drives the web page in a browser.
    #[arg(long, hide = true, requires = "chromium")]
    pub(crate) node: Option<PathBuf>,
    #[arg(long, hide = true, requires = "web_tests")]
    pub(crate) chromium: Option<PathBuf>,
    #[arg(long, hide = true, requires = "node")]
    pub(crate) web_tests: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// The first synchronisation, and the floor under it
    Sync,
    /// The largest cluster by each preset, and how soon a change counts
    Presets,
    /// A cluster that changes
    Changes,
    /// A stream beside a bare publisher, and a start over it when nothing has changed
    Streams,
    /// A store, and questions to it
    Store,
    /// A cluster in which nothing happens
    Idle,
    /// The web page over the largest cluster, and one with many listeners
    Web,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The bare client, as a process of its own
    #[command(hide = true)]
    Drain(DrainArgs),
    /// A slow road to a server, as a process of its own
    #[command(hide = true)]
    Pace(PaceArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// URL of the API server
    pub(crate) url: String,
}

#[derive(Debug, Args)]
pub(crate) struct PaceArgs {
    /// URL of the API server
    pub(crate) url: String,
    /// Millions of bytes a second
    pub(crate) mb_s: f64,
}
