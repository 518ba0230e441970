//! From the command line, the environment and a file to what a pipeline needs.

use meshsync::{
    Builder, ClusterConfig, ClusterId, Fidelity, MeshSync, NamespaceSelection, Secrets, Selection,
    parse_source,
};

use crate::cli::{ClusterArgs, SinkArgs};
use crate::failure::Failure;

/// Values of Secrets leave in plain where this is `false`, `0` or `no`.
const REDACT_SECRETS: &str = "MESHSYNC_REDACT_SECRETS";
/// The sink where none is given, as the original reads it.
const BROKER_URL: &str = "BROKER_URL";

/// A pipeline of which everything is decided but the sinks.
pub(crate) fn cluster(args: &ClusterArgs) -> Result<Builder, Failure> {
    let mut builder = MeshSync::builder()
        .select(selection(args)?)
        .secrets(secrets(args));
    if let Some(source) = &args.source {
        builder = builder.cluster(parse_source(source).map_err(Failure::configuration)?);
    } else {
        builder = builder.cluster(ClusterConfig::Infer);
    }
    if let Some(id) = &args.cluster_id {
        let id = ClusterId::new(id.as_str()).ok_or_else(|| {
            Failure::configuration(anyhow::anyhow!("--cluster-id is empty; give a name"))
        })?;
        builder = builder.cluster_id(id);
    }
    Ok(builder)
}

/// The sinks by URL, or the default ones.
pub(crate) fn sinks(mut builder: Builder, args: &SinkArgs) -> Result<Builder, Failure> {
    let broker = std::env::var(BROKER_URL).ok().filter(|url| !url.is_empty());
    let default = [broker.unwrap_or_else(|| "stdout:".to_owned())];
    let urls = if args.urls.is_empty() {
        &default[..]
    } else {
        &args.urls
    };
    for url in urls {
        builder = builder.sink_url(url).map_err(Failure::configuration)?;
    }
    Ok(builder.meshery_wire(args.meshery_wire.map_or(Fidelity::default(), Into::into)))
}

fn secrets(args: &ClusterArgs) -> Secrets {
    match args.secrets {
        Some(secrets) => secrets.into(),
        None if asks_for_plain(std::env::var(REDACT_SECRETS).ok().as_deref()) => Secrets::Plain,
        None => Secrets::Redacted,
    }
}

fn asks_for_plain(redact: Option<&str>) -> bool {
    redact.is_some_and(|value| {
        ["false", "0", "no"]
            .iter()
            .any(|no| value.trim().eq_ignore_ascii_case(no))
    })
}

fn selection(args: &ClusterArgs) -> Result<Selection, Failure> {
    let patterns = |texts: &[String]| {
        texts
            .iter()
            .map(|text| text.parse().map_err(Failure::configuration))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Selection {
        include: patterns(&args.include)?,
        exclude: patterns(&args.exclude)?,
        also: patterns(&args.also)?,
        namespaces: NamespaceSelection::only(args.namespace.iter().cloned())
            .map_err(Failure::configuration)?,
    })
}
