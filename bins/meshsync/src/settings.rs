//! From the command line, the environment and a file to what a pipeline needs,
//! in this order of precedence.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use meshsync::Pace;
use meshsync::check::CheckOptions;
use meshsync::sinks::NatsUrl;
use meshsync::{
    Builder, ClusterConfig, ClusterId, Config, Endpoints, EventsHow, ListenAddr, MeshSync,
    MeshSyncResource, NamespaceSelection, OptOut, Preset, RequestOptions, Rule, RuleError, Secrets,
    Selection, parse_source,
};

use serde_json::json;

use crate::cli::{CanaryArgs, ClusterArgs, EndpointArgs, PaceArgs, ShowArgs, SinkArgs};
use crate::failure::Failure;
use crate::web::Page;

/// Values of Secrets leave in plain where this is `false`, `0` or `no`.
pub(crate) const REDACT_SECRETS: &str = "MESHSYNC_REDACT_SECRETS";
/// The sink where none is given, as the original reads it.
pub(crate) const BROKER_URL: &str = "BROKER_URL";

pub(crate) const PROBES_PORT: u16 = 11_000;
pub(crate) const ADMIN_PORT: u16 = 11_001;

/// A pipeline of which everything is decided but the sinks.
pub(crate) fn cluster(args: &ClusterArgs, file: &Config) -> Result<Builder, Failure> {
    let mut builder = source(args, file)?
        .select(selection(args, file)?)
        .secrets(secrets(args, file));
    if let Some(id) = cluster_id(args, file)? {
        builder = builder.cluster_id(id);
    }
    Ok(builder)
}

/// What a synthetic test makes.
pub(crate) fn canary(mut options: CheckOptions, args: &CanaryArgs) -> CheckOptions {
    options.canary = args.canary.into();
    options.namespace.clone_from(&args.canary_namespace);
    options.visible = args.canary_visible;
    options
}

/// The sinks by URL, or the default ones.
pub(crate) fn sinks(
    mut builder: Builder,
    args: &SinkArgs,
    file: &Config,
    page: Option<&Page>,
) -> Result<Builder, Failure> {
    let (mut urls, from) = sink_urls(args, file);
    if urls.is_empty() && page.is_none() {
        // Who wants a page does not want records on top.
        urls.push("stdout:".to_owned());
    }
    let mut is_asked = false;
    for url in &urls {
        if let Some(page) = page.filter(|page| page.is_at(url)) {
            builder = page.fill(builder);
            continue;
        }
        builder = builder
            .sink_url(url)
            .with_context(|| format!("failed to use {from}"))
            .map_err(Failure::configuration)?;
        // One broker is asked for requests: the first.
        if !is_asked && let Some(options) = requests(url, args) {
            is_asked = true;
            builder = builder.requests(options);
        }
    }
    if let Some(page) = page.filter(|page| page.is_temporary()) {
        builder = page.fill(builder);
    }
    if let Some(folder) = &args.state_dir {
        builder = builder.state_dir(folder);
    }
    if let Some(bytes) = file.outbox_bytes {
        builder = builder.outbox_bytes(bytes);
    }
    let fidelity = args.meshery_wire.map(Into::into).or(file.meshery_wire);
    Ok(builder.meshery_wire(fidelity.unwrap_or_default()))
}

/// The URLs of the sinks that are asked for, and where.
pub(crate) fn sink_urls(args: &SinkArgs, file: &Config) -> (Vec<String>, &'static str) {
    if !args.urls.is_empty() {
        return (args.urls.clone(), "--sink");
    }
    if !file.sinks.is_empty() {
        let urls = file.sinks.iter().map(|url| url.as_str().to_owned());
        return (urls.collect(), "--sink");
    }
    let broker = std::env::var(BROKER_URL).unwrap_or_default();
    match broker.trim() {
        "" => (Vec::new(), "--sink"),
        url => (vec![url.to_owned()], BROKER_URL),
    }
}

/// How requests are answered, where a sink is a broker.
fn requests(url: &str, args: &SinkArgs) -> Option<RequestOptions> {
    if url.starts_with("file:") || url.starts_with("stdout") || url == "-" {
        return None;
    }
    let mut options = RequestOptions::new(NatsUrl::parse(url).ok()?);
    options.interactive = args.enable_interactive;
    options.accept_rules = args.accept_rules;
    options.namespaces.clone_from(&args.interactive_namespaces);
    if !args.reply_subjects.is_empty() {
        options.replies.clone_from(&args.reply_subjects);
    }
    Some(options)
}

/// How much is asked of the API server at once.
pub(crate) fn pace(args: &PaceArgs, file: &Config) -> Pace {
    let mut pace = Pace::default();
    let lists_max = args
        .lists_max
        .map(|max| usize::try_from(max).unwrap_or(usize::MAX));
    pace.lists_max = lists_max.or(file.lists_max).unwrap_or(pace.lists_max);
    pace.requests_per_second = (args.requests_per_second)
        .or(file.requests_per_second)
        .or(pace.requests_per_second);
    pace.bytes_per_second = args.bytes_per_second.or(file.bytes_per_second);
    pace.smooth_start = args.smooth_start.or(file.smooth_start).unwrap_or_default();
    pace
}

/// Where `run` serves what.
pub(crate) fn endpoints(args: &EndpointArgs, file: &Config) -> Endpoints {
    let addr = |flag: Option<ListenAddr>, file: Option<ListenAddr>, default: SocketAddr| {
        flag.or(file).map_or(Some(default), ListenAddr::addr)
    };
    // Probes are for the kubelet, which comes from outside of the pod.
    let probes = (Ipv4Addr::UNSPECIFIED, PROBES_PORT).into();
    let admin = (Ipv4Addr::LOCALHOST, ADMIN_PORT).into();
    Endpoints {
        probes: addr(args.probes_addr, file.probes_addr, probes),
        admin: addr(args.admin_addr, file.admin_addr, admin),
        ready: args.ready.map(Into::into).unwrap_or_default(),
    }
}

/// The usual ports on loopback, unless told otherwise.
pub(crate) fn loopback_endpoints(
    probes: Option<ListenAddr>,
    admin: Option<ListenAddr>,
) -> Endpoints {
    let at = |given: Option<ListenAddr>, port| {
        let usual = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        given.map_or(usual, ListenAddr::addr)
    };
    Endpoints {
        probes: at(probes, PROBES_PORT),
        admin: at(admin, ADMIN_PORT),
        ..Endpoints::default()
    }
}

/// The Kubernetes that is observed, for who asks it something else.
pub(crate) fn kubernetes(args: &ClusterArgs, file: &Config) -> Result<ClusterConfig, Failure> {
    let urls = source_urls(args, file);
    let is_cluster = |url: &&&str| url.starts_with("k8s");
    match urls.iter().find(is_cluster).or_else(|| urls.first()) {
        Some(url) => parse_source(url).map_err(Failure::configuration),
        None => Ok(ClusterConfig::Infer),
    }
}

fn source(args: &ClusterArgs, file: &Config) -> Result<Builder, Failure> {
    let mut builder = MeshSync::builder();
    for url in source_urls(args, file) {
        builder = builder.source_url(url).map_err(Failure::configuration)?;
    }
    Ok(builder)
}

/// The URLs of the sources that are asked for.
fn source_urls<'a>(args: &'a ClusterArgs, file: &'a Config) -> Vec<&'a str> {
    if args.sources.is_empty() {
        file.source_urls()
    } else {
        args.sources.iter().map(String::as_str).collect()
    }
}

/// What is written down is of one source.
pub(crate) fn one_source(args: &ClusterArgs, file: &Config) -> Result<(), Failure> {
    match source_urls(args, file).len() {
        0 | 1 => Ok(()),
        count => Err(Failure::configuration(anyhow::anyhow!(
            "--source is given {count} times, and this command looks at one: call it for each"
        ))),
    }
}

pub(crate) fn cluster_id(args: &ClusterArgs, file: &Config) -> Result<Option<ClusterId>, Failure> {
    match &args.cluster_id {
        Some(id) => match ClusterId::new(id.as_str()) {
            Some(id) => Ok(Some(id)),
            None => Err(Failure::configuration(anyhow::anyhow!(
                "--cluster-id is empty: give the cluster a name"
            ))),
        },
        None => Ok(file.cluster_id.clone()),
    }
}

fn secrets(args: &ClusterArgs, file: &Config) -> Secrets {
    let flag = args.secrets.map(Into::into);
    flag.or_else(|| redaction(std::env::var(REDACT_SECRETS).ok().as_deref()))
        .or(file.secrets)
        .unwrap_or_default()
}

/// What the variable says; nothing where it is empty.
pub(crate) fn redaction(value: Option<&str>) -> Option<Secrets> {
    let value = value.map(str::trim).filter(|value| !value.is_empty())?;
    let is_no = ["false", "0", "no"]
        .iter()
        .any(|no| value.eq_ignore_ascii_case(no));
    Some(if is_no {
        Secrets::Plain
    } else {
        Secrets::Redacted
    })
}

/// What the command line says, as a file would say it.
pub(crate) fn flags(args: &ShowArgs) -> Result<Config, Failure> {
    let ShowArgs {
        config: _,
        cluster,
        sinks,
        endpoints,
        verify_interval,
    } = args;
    let addr = |addr: Option<ListenAddr>| {
        let addr = addr.map(ListenAddr::addr);
        addr.map(|addr| addr.map_or_else(|| "none".to_owned(), |addr| addr.to_string()))
    };
    let tiers: Vec<String> = cluster.tiers.iter().map(ToString::to_string).collect();
    let name = |name: Option<&dyn std::fmt::Debug>| name.map(|it| format!("{it:?}").to_lowercase());
    let interval = verify_interval.and_then(|it| jiff::SignedDuration::try_from(it).ok());
    let (one, several) = match &*cluster.sources {
        [one] => (Some(one), &[][..]),
        several => (None, several),
    };
    let said = json!({
        "adminAddr": addr(endpoints.admin_addr),
        "also": cluster.also,
        "clusterId": cluster.cluster_id,
        "depth": cluster.depth.map(Preset::as_str),
        "exclude": cluster.exclude,
        "include": cluster.include,
        "mesheryWire": name(sinks.meshery_wire.as_ref().map(|it| it as _)),
        "namespaceLabels": cluster.namespace_labels.as_ref().map(ToString::to_string),
        "namespaces": cluster.namespace,
        "optOut": cluster.opt_out.map(OptOut::as_str),
        "probesAddr": addr(endpoints.probes_addr),
        "secrets": name(cluster.secrets.as_ref().map(|it| it as _)),
        "sinks": sinks.urls,
        "source": one,
        "sources": several,
        "tiers": tiers,
        "verifyInterval": interval.map(|it| format!("{it:#}")),
    });
    document(said, "the command line")
}

/// What [`REDACT_SECRETS`] says.
pub(crate) fn redact_variable() -> Result<Config, Failure> {
    let secrets = redaction(std::env::var(REDACT_SECRETS).ok().as_deref());
    let secrets = secrets.map(|secrets| match secrets {
        Secrets::Plain => "plain",
        Secrets::Redacted => "redacted",
    });
    document(json!({ "secrets": secrets }), REDACT_SECRETS)
}

/// What [`BROKER_URL`] says.
pub(crate) fn broker_variable() -> Result<Config, Failure> {
    let url = std::env::var(BROKER_URL).unwrap_or_default();
    let url = Some(url.trim()).filter(|url| !url.is_empty());
    let sinks: Vec<&str> = url.into_iter().collect();
    document(json!({ "sinks": sinks }), BROKER_URL)
}

/// What holds where nobody says anything.
pub(crate) fn defaults() -> Result<Config, Failure> {
    let said = json!({
        "adminAddr": format!("127.0.0.1:{ADMIN_PORT}"),
        "deepHold": "5m",
        "depth": Preset::default().as_str(),
        "events": EventsHow::default().as_str(),
        "meshsyncResource": MeshSyncResource::default().as_str(),
        "mesheryWire": "corrected",
        "optOut": OptOut::default().as_str(),
        "outboxBytes": MeshSync::OUTBOX_BYTES,
        "probesAddr": format!("0.0.0.0:{PROBES_PORT}"),
        "secrets": "redacted",
        "sinks": ["stdout:"],
        "source": "k8s:",
    });
    document(said, "the defaults")
}

/// A configuration of what is not null or empty in a document.
fn document(mut said: serde_json::Value, name: &str) -> Result<Config, Failure> {
    if let Some(members) = said.as_object_mut() {
        members.retain(|_, value| {
            !value.is_null() && value.as_array().is_none_or(|it| !it.is_empty())
        });
    }
    // JSON is YAML.
    Config::parse(&said.to_string(), name).map_err(Failure::configuration)
}

/// What is selected where nobody else says anything.
pub(crate) fn base(args: &ClusterArgs) -> Selection {
    Selection {
        managed: args.managed.map(Into::into).unwrap_or_default(),
        ..Selection::default()
    }
}

/// What is selected by the command line, the environment and a file.
pub(crate) fn selection(args: &ClusterArgs, file: &Config) -> Result<Selection, Failure> {
    Ok(selecting(args, file)?.select(&base(args)))
}

/// What they say of what is selected. Each list of the command line takes the place of the file's.
pub(crate) fn selecting(args: &ClusterArgs, file: &Config) -> Result<Config, Failure> {
    let mut said = Config::default();
    said.namespaces = if args.namespace.is_empty() {
        file.namespaces.clone()
    } else {
        NamespaceSelection::only(args.namespace.iter().cloned())
            .context("failed to use --namespace")
            .map_err(Failure::configuration)?
    };
    let labels = args.namespace_labels.as_ref();
    said.namespace_labels = labels.or(file.namespace_labels.as_ref()).cloned();
    said.include = rules("--include", &args.include, &file.include)?;
    said.exclude = rules("--exclude", &args.exclude, &file.exclude)?;
    said.also = rules("--also", &args.also, &file.also)?;
    said.depth = args.depth.or(file.depth);
    said.tiers = list(&args.tiers, &file.tiers);
    said.opt_out = args.opt_out.or(file.opt_out);
    Ok(said)
}

fn rules(flag: &str, flags: &[String], file: &[Rule]) -> Result<Vec<Rule>, Failure> {
    if flags.is_empty() {
        return Ok(file.to_vec());
    }
    flags
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, RuleError>>()
        .with_context(|| format!("failed to use {flag}"))
        .map_err(Failure::configuration)
}

fn list<T: Clone>(flags: &[T], file: &[T]) -> Vec<T> {
    if flags.is_empty() { file } else { flags }.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_plain_only_where_the_variable_says_no_to_redaction() {
        let check =
            |value: Option<&str>, expected| assert_eq!(redaction(value), expected, "{value:?}");
        for no in ["false", "0", "no", "FALSE", "No", " false "] {
            check(Some(no), Some(Secrets::Plain));
        }
        for other in ["true", "1", "yes", "off", "nope", "fals"] {
            check(Some(other), Some(Secrets::Redacted));
        }
        check(Some(""), None);
        check(None, None);
    }

    #[test]
    fn the_command_line_overrides_the_file() {
        let file = Config::parse(
            "clusterId: file\ninclude: [pods]\nexclude: [nodes]\nadminAddr: none\n",
            "f",
        )
        .unwrap();
        let args = ClusterArgs {
            include: vec!["services".into()],
            cluster_id: Some("flag".into()),
            ..ClusterArgs::default()
        };
        let selection = selection(&args, &file).unwrap();
        assert_eq!(selection.include[0].as_str(), "services");
        assert_eq!(selection.exclude[0].as_str(), "nodes");
        assert_eq!(cluster_id(&args, &file).unwrap(), ClusterId::new("flag"));
        assert_eq!(endpoints(&EndpointArgs::default(), &file).admin, None);
    }
}
