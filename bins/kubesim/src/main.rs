//! `kubesim`: a simulated Kubernetes API server as a command.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use meshsync_sim::{Generate, Sim, SimBuilder, SimError};
use tracing_subscriber::EnvFilter;

/// The cluster given cannot be loaded (`EX_CONFIG`).
const BAD_INPUT: u8 = 78;
/// The address cannot be bound (`EX_UNAVAILABLE`).
const CANNOT_BIND: u8 = 69;

/// Serve a simulated Kubernetes API from memory.
///
/// The cluster comes from a capture, from manifests or from a generator; without any of them it
/// is empty but for the usual namespaces.
#[derive(Debug, Parser)]
#[command(name = "kubesim", version)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    bind: SocketAddr,
    /// Serve a captured cluster
    #[arg(long, value_name = "DIR", conflicts_with_all = ["manifests", "objects"])]
    capture: Option<PathBuf>,
    /// Load manifests, files or directories
    #[arg(long, value_name = "PATH", num_args = 1..)]
    manifests: Vec<PathBuf>,
    /// Generate a cluster of about N objects
    #[arg(long, value_name = "N")]
    objects: Option<usize>,
    /// Changes per second
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    churn: f64,
    /// Seed of the generator and of the churn
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Require this bearer token
    #[arg(long, value_name = "T", env = "KUBESIM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Write a kubeconfig to this file
    #[arg(long, value_name = "FILE")]
    kubeconfig_out: Option<PathBuf>,
    /// Refuse sendInitialEvents, as an old server does
    #[arg(long)]
    no_watchlist: bool,
    /// Serve legacy discovery only
    #[arg(long)]
    no_aggregated_discovery: bool,
    /// Time between bookmarks, for example 10s or 500ms
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    bookmark_interval: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kubesim: {error:#}");
            let bind = matches!(error.downcast_ref(), Some(SimError::Bind { .. }));
            ExitCode::from(if bind { CANNOT_BIND } else { BAD_INPUT })
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let sim = builder(&arguments)?.start().await?;
    println!("{}", sim.url());
    let objects = sim.object_count();
    match &arguments.kubeconfig_out {
        Some(path) => {
            write_private(path, &sim.kubeconfig())
                .with_context(|| format!("write {}", path.display()))?;
            eprintln!(
                "{objects} objects; try: kubectl --kubeconfig {} get pods -A",
                path.display()
            );
        }
        None => eprintln!(
            "{objects} objects; try: kubectl --server {} get pods -A",
            sim.url()
        ),
    }
    let churn = (arguments.churn > 0.0).then(|| sim.churn_seeded(arguments.churn, arguments.seed));
    tokio::signal::ctrl_c().await.context("wait for Ctrl-C")?;
    if let Some(churn) = churn {
        churn.stop().await;
    }
    sim.stop().await;
    Ok(())
}

fn builder(arguments: &Arguments) -> anyhow::Result<SimBuilder> {
    let mut builder = Sim::builder()
        .bind(arguments.bind)
        .bookmark_interval(arguments.bookmark_interval);
    if let Some(dir) = &arguments.capture {
        builder = builder.capture(dir)?;
    }
    if let Some(objects) = arguments.objects {
        builder = builder.generate(Generate {
            objects,
            seed: arguments.seed,
        });
    }
    for path in &arguments.manifests {
        builder = builder.manifests(path)?;
    }
    if let Some(token) = &arguments.token {
        builder = builder.token(token);
    }
    if arguments.no_watchlist {
        builder = builder.without_watch_list();
    }
    if arguments.no_aggregated_discovery {
        builder = builder.without_aggregated_discovery();
    }
    Ok(builder)
}

/// A kubeconfig may hold a token: only its owner may read it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite() && *rate >= 0.0)
        .ok_or_else(|| "expected a number of changes per second".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("{text:?} is no duration such as 60s"))?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" | "" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    milliseconds
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is no duration such as 60s"))
}
