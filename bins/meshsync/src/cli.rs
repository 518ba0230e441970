//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::logging::LogFormat;
use crate::store;

mod commands;
mod shared;

pub(crate) use commands::{
    AgentArgs, CanaryArgs, CheckArgs, ConfigCommand, DemoArgs, DoctorArgs, ExplainArgs,
    FingerprintArgs, FingerprintFormat, RbacArgs, RulesCommand, RunArgs, ShowArgs, SnapshotArgs,
    SnapshotFormat, SortArg, StateArg, StatusArgs, TopArgs,
};
pub(crate) use shared::{ClusterArgs, ElectionArgs, EndpointArgs, PaceArgs, SinkArgs, StopArgs};

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
    /// Watch a running agent: rates, what waits, what is wrong, what changes
    Top(TopArgs),
    /// Change something on purpose and follow it through every link, to the broker and back; the
    /// link that is broken is named
    Check(CheckArgs),
    /// Look at everything that run needs with the same options: configuration, permissions, broker,
    /// JetStream, clock, versions, limits; each with what to do about it
    Doctor(Box<DoctorArgs>),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_check_without_a_time_is_made_every_hour() {
        let check = |args: &[&str], seconds: Option<u64>| {
            let args = ["meshsync", "run"].iter().chain(args);
            let Command::Run(run) = Cli::try_parse_from(args).unwrap().command else {
                panic!("another command");
            };
            assert_eq!(run.verify_interval, seconds.map(Duration::from_secs));
        };
        check(&[], None);
        check(&["--verify"], Some(3600));
        check(&["--verify", "--sink", "stdout:"], Some(3600));
        check(&["--verify-interval", "10m"], Some(600));
        check(&["--reconcile-interval=5m"], Some(300));
    }
}
