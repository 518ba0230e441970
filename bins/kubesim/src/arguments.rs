//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

/// Serve a simulated Kubernetes API from memory.
///
/// The cluster comes from a capture, from manifests or from a generator; without any of them it
/// is empty but for the usual namespaces.
#[derive(Debug, Parser)]
#[command(name = "kubesim", version)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub(crate) bind: SocketAddr,
    /// Serve a captured cluster
    #[arg(long, value_name = "DIR", conflicts_with_all = ["manifests", "objects"])]
    pub(crate) capture: Option<PathBuf>,
    /// Load manifests, files or directories
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) manifests: Vec<PathBuf>,
    /// Generate a cluster of about N objects
    #[arg(long, value_name = "N")]
    pub(crate) objects: Option<usize>,
    /// How large generated objects are
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        requires = "objects"
    )]
    pub(crate) size_distribution: SizeDistribution,
    /// Send at most so many megabytes (of 1,000,000 bytes) a second, over all lists and watches
    #[arg(long, value_name = "MB/S", value_parser = megabytes)]
    pub(crate) pace: Option<u64>,
    /// The same for each list and watch
    #[arg(long, value_name = "MB/S", value_parser = megabytes)]
    pub(crate) pace_stream: Option<u64>,
    /// Changes per second
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = rate)]
    pub(crate) churn: f64,
    /// Seed of the generator and of the churn
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Require this bearer token
    #[arg(long, value_name = "T", env = "KUBESIM_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Serve HTTPS with a certificate authority of its own
    #[arg(long)]
    pub(crate) tls: bool,
    /// Write the authority's certificate to this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_out: Option<PathBuf>,
    /// Allow only what the roles and bindings of the cluster allow
    #[arg(long)]
    pub(crate) rbac: bool,
    /// Write a kubeconfig to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig_out: Option<PathBuf>,
    /// Whose token the kubeconfig and --token-file get, for example
    /// system:serviceaccount:default:reader; an administrator's unless told
    #[arg(long, value_name = "USER")]
    pub(crate) kubeconfig_user: Option<String>,
    /// Keep the token in this file, to which the kubeconfig then refers
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
    /// Write a new token that often; each is good for twice as long
    #[arg(long, value_name = "DURATION", requires = "token_file", value_parser = duration)]
    pub(crate) token_rotation: Option<Duration>,
    /// Refuse sendInitialEvents, as an old server does
    #[arg(long)]
    pub(crate) no_watchlist: bool,
    /// Serve legacy discovery only
    #[arg(long)]
    pub(crate) no_aggregated_discovery: bool,
    /// Leave managedFields out for clients that ask for that, as Kubernetes 1.37 does
    #[arg(long)]
    pub(crate) drop_managed_fields: bool,
    /// How long a request waits for a version from the future
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    pub(crate) version_wait: Duration,
    /// Time between bookmarks, for example 10s or 500ms
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) bookmark_interval: Duration,
}

/// How large generated objects are.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum SizeDistribution {
    /// As their content makes them
    #[default]
    Natural,
    /// Zipf's law between 1 and 200 kB, about 5 kB in the mean
    Zipf,
}

/// Megabytes a second as bytes a second.
fn megabytes(text: &str) -> Result<u64, String> {
    let rate = text.parse::<f64>().ok().map(|rate| rate * 1e6);
    rate.filter(|rate| rate.is_finite() && *rate >= 1.0)
        .map(|rate| rate as u64)
        .ok_or_else(|| "expected a number of megabytes a second, for example 60".to_owned())
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
