//! Their arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use meshsync::jetstream::{From, JetStreamUrl};

use crate::values;

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreArg {
    /// The store, as store:PATH
    #[arg(long, value_name = "URL", env = "MESHSYNC_STORE", default_value = "store:meshsync.db",
        value_parser = store)]
    pub(crate) store: PathBuf,
}

/// Which streams.
#[derive(Debug, Args)]
pub(crate) struct StreamArg {
    /// The streams, as the sink: jetstream://HOST:4222
    #[arg(long, value_name = "URL", env = "MESHSYNC_STREAM", value_parser = stream)]
    pub(crate) stream: JetStreamUrl,
}

/// `meshsync get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Kind, plural or plural.group: Pod, pods, deployments.apps; `all` for everything
    pub(crate) kind: String,
    /// Name of the object
    pub(crate) name: Option<String>,
    /// Objects of this namespace alone
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Objects with these labels alone: app=web, or app for whatever value (repeatable, or
    /// separated by commas)
    #[arg(short = 'l', long, value_name = "LABELS", value_delimiter = ',', value_parser = label)]
    pub(crate) selector: Vec<(String, Option<String>)>,
    /// What to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

/// How objects are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A line each
    #[default]
    Table,
    /// One JSON object a line
    Json,
    /// YAML documents
    Yaml,
}

/// `meshsync sql`.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// The query. Views: objects (id, scope, group, plural, api_version, kind, namespace, name,
    /// uid, resource_version, hash, tier, observed, object), labels (id, key, value), owners (id,
    /// uid, kind, name)
    pub(crate) query: String,
    /// Give up after this time
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = values::duration)]
    pub(crate) time_max: Duration,
    #[command(flatten)]
    pub(crate) store: StoreArg,
}

/// `meshsync diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// What was: store:PATH, or a source as it is now, such as k8s:. With manifests:PATH, what is
    /// stated there is compared with the other in the fields that are stated
    pub(crate) first: String,
    /// What is: the same forms
    pub(crate) second: String,
    /// Objects of this kind alone
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Objects of this namespace alone
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

/// `meshsync replicate`.
#[derive(Debug, Args)]
pub(crate) struct ReplicateArgs {
    /// Where from: jetstream://HOST:4222
    #[arg(long, value_name = "URL", value_parser = stream)]
    pub(crate) from: JetStreamUrl,
    /// Where to: store:PATH
    #[arg(long, value_name = "URL", value_parser = store)]
    pub(crate) to: PathBuf,
    /// Stop when the store holds what the stream held at the start
    #[arg(long)]
    pub(crate) once: bool,
}

/// `meshsync tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) stream: StreamArg,
    /// Where to begin: start, now, or a sequence
    #[arg(long, value_name = "WHERE", default_value = "now", value_parser = from)]
    pub(crate) from: From,
    /// Objects of this kind, plural or plural.group alone
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Objects of this namespace alone
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Print the records instead of a line each
    #[arg(long)]
    pub(crate) records: bool,
}

/// `meshsync history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Kind, plural or plural.group
    pub(crate) kind: String,
    /// NAMESPACE/NAME, or NAME of an object without a namespace
    pub(crate) object: String,
    #[command(flatten)]
    pub(crate) stream: StreamArg,
    /// Print the records instead of a line each
    #[arg(long)]
    pub(crate) records: bool,
}

/// `meshsync flush`.
#[derive(Debug, Args)]
pub(crate) struct FlushArgs {
    #[command(flatten)]
    pub(crate) stream: StreamArg,
    /// This cluster alone, by its name in records
    #[arg(long, value_name = "ID")]
    pub(crate) scope: Option<String>,
    /// This resource alone, as pods or deployments.apps
    #[arg(long, value_name = "PLURAL[.GROUP]")]
    pub(crate) kind: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

pub(super) fn store(url: &str) -> Result<PathBuf, String> {
    match meshsync::store_path(url) {
        Ok(Some(path)) => Ok(path.to_owned()),
        Ok(None) => Err("write store:PATH".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn stream(url: &str) -> Result<JetStreamUrl, String> {
    JetStreamUrl::parse(url).map_err(|error| error.to_string())
}

fn from(text: &str) -> Result<From, String> {
    match text {
        "start" => Ok(From::Start),
        "now" => Ok(From::Now),
        _ => text
            .parse()
            .map(From::Sequence)
            .map_err(|_| "write start, now or a sequence such as 1234".to_owned()),
    }
}

fn label(text: &str) -> Result<(String, Option<String>), String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.trim_start_matches('=').to_owned())),
        None => (text, None),
    };
    if key.is_empty() || key.ends_with('!') || text.contains(['(', ')']) {
        return Err("write KEY=VALUE, or KEY for whatever value".to_owned());
    }
    Ok((key.to_owned(), value))
}
