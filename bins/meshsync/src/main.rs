//! `meshsync`: discover a Kubernetes cluster, keep a live picture of it, and
//! deliver every change.

mod authors;
mod check;
mod cli;
mod config;
mod demo;
mod doctor;
mod election;
mod failure;
mod fingerprint;
mod logging;
mod manual;
mod meshery;
#[cfg_attr(not(feature = "otlp"), path = "no_otlp.rs")]
mod otlp;
mod output;
mod pipeline;
mod rbac;
mod run;
mod settings;
mod signals;
mod snapshot;
mod status;
mod store;
mod top;
mod values;
#[cfg_attr(not(feature = "web"), path = "no_web.rs")]
mod web;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if meshery::is_meant(&args) {
        return meshery::main(&args);
    }
    let mut command = Cli::command();
    // As a plugin it is called by another name, which its help is to say.
    let name = args.first().map(std::path::Path::new);
    if name.and_then(std::path::Path::file_stem) == Some(manual::PLUGIN.as_ref()) {
        command = command.bin_name("kubectl meshsync");
    }
    let cli = match Cli::from_arg_matches(&command.get_matches_from(args)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    block_on(execute(cli))
}

/// Runs a command to its end.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::other(error).report(),
    };
    let result = runtime.block_on(Box::pin(command));
    // A write to a pipe that nobody reads must not keep the process alive.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// One thread for all tasks, unless `TOKIO_WORKER_THREADS` says otherwise, beside
/// this one and those that block. It keeps up with several API servers, and each
/// more would have a heap of its own (docs/adr/0026-memory-and-threads.md).
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    const THREADS: usize = 1;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        builder.worker_threads(THREADS);
    }
    builder.enable_all().build()
}

async fn execute(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Run(args) => run::run(*args, cli.log_format).await,
        Command::Demo(args) => demo::demo(args, cli.log_format).await,
        Command::Rbac(args) => rbac::rbac(args, cli.log_format).await,
        Command::Snapshot(args) => snapshot::snapshot(args, cli.log_format).await,
        Command::Status(args) => status::status(args).await,
        Command::Top(args) => top::top(args).await,
        Command::Check(args) => check::check(args).await,
        Command::Doctor(args) => doctor::doctor(*args).await,
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::man(dir.as_deref()),
        Command::Fingerprint(args) => fingerprint::fingerprint(args, cli.log_format).await,
        Command::Rules(command) => fingerprint::rules(command),
        Command::Get(args) => store::get(&args),
        Command::Sql(args) => store::sql(&args),
        Command::Diff(args) => store::diff(args, cli.log_format).await,
        Command::Replicate(args) => store::replicate(args, cli.log_format).await,
        Command::Tail(args) => store::tail(args, cli.log_format).await,
        Command::Flush(args) => store::flush(args).await,
        Command::History(args) => store::history(args).await,
        Command::Config(command) => config::config(command).await,
    }
}
