//! From the original's flags and variables to what a pipeline needs.

use anyhow::Context;
use meshsync::jetstream::JetStreamUrl;
use meshsync::sinks::{NatsSink, NatsUrl};
use meshsync::{
    Builder, ClusterId, Endpoints, LeaderElect, LeaderElection, LeaderLock, MeshSync,
    NamespaceSelection, Pattern, Ready, RequestOptions, Selection, meshery_selection,
    meshery_selection_of_everything, parse_source,
};

use super::file::MesheryFile;
use super::flags::{Flags, list};
use crate::failure::Failure;
use crate::settings::{self, ADMIN_PORT, BROKER_URL, PROBES_PORT, REDACT_SECRETS};
use crate::{election, fingerprint};

/// Files with credentials, a seed, and root certificates for the broker.
const BROKER_CREDS: &str = "BROKER_CREDS";
const BROKER_NKEY: &str = "BROKER_NKEY";
const BROKER_CA: &str = "BROKER_CA";
/// `?durable` where the URL is the operator's.
const BROKER_DURABLE: &str = "BROKER_DURABLE";

/// The original drops what it has sent before; here nothing is sent twice.
const CONTENT_DEDUP: &str = "MESHSYNC_BROKER_CONTENT_DEDUP";

/// Whether a variable is on, as the original reads it.
pub(super) fn is_on(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

pub(super) fn endpoints(flags: &Flags) -> Endpoints {
    let defaults = Endpoints {
        probes: Some(([0, 0, 0, 0], PROBES_PORT).into()),
        admin: Some(([127, 0, 0, 1], ADMIN_PORT).into()),
        ready: Ready::Connected,
    };
    Endpoints {
        probes: flags
            .probes_addr
            .map_or(defaults.probes, |addr| addr.addr()),
        admin: flags.admin_addr.map_or(defaults.admin, |addr| addr.addr()),
        ..defaults
    }
}

pub(super) fn pipeline(flags: &Flags) -> Result<MeshSync, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let secrets = flags.secrets;
    let secrets = secrets.or_else(|| settings::redaction(variable(REDACT_SECRETS).as_deref()));
    let mut builder = MeshSync::builder()
        .select(selection(flags).map_err(Failure::configuration)?)
        .secrets(secrets.unwrap_or_default())
        .meshery_wire(flags.fidelity)
        .follow_meshsync_resource()
        .wait_for_cluster();
    if let Some(source) = &flags.source {
        builder = builder.cluster(parse_source(source).map_err(Failure::configuration)?);
    }
    if let Some(id) = flags.cluster_id.clone().and_then(ClusterId::new) {
        builder = builder.cluster_id(id);
    }
    if let Some(folder) = &flags.state_dir {
        builder = builder.state_dir(folder);
    }
    if let Some(interval) = flags.verify_interval {
        builder = builder.verify_interval(interval);
    }
    if flags.meshery_fingerprints {
        builder = builder.fingerprints_in_meshery();
    }
    if flags.accept_rules || flags.meshery_fingerprints {
        builder = builder.fingerprints(fingerprint::rule_set(None)?);
    }
    if variable(CONTENT_DEDUP).is_some() {
        tracing::debug!("{CONTENT_DEDUP} changes nothing: no state is published twice unasked");
    }
    let builder = match flags.output.as_str() {
        "broker" => {
            let mut url = NatsUrl::parse(&variable(BROKER_URL).unwrap_or_default())
                .with_context(|| format!("failed to use {BROKER_URL}"))
                .map_err(Failure::configuration)?;
            let options = &mut url.options;
            for (slot, name) in [
                (&mut options.creds, BROKER_CREDS),
                (&mut options.nkey, BROKER_NKEY),
                (&mut options.ca, BROKER_CA),
            ] {
                *slot = slot.take().or_else(|| variable(name).map(Into::into));
            }
            options.durable |= variable(BROKER_DURABLE).is_some_and(|value| is_on(&value));
            elect(builder, flags, Some(&url))?
                .requests(requests(flags, &url))
                .sink(NatsSink::new(url))
        }
        "file" => elect(builder, flags, None)?.sink(MesheryFile::new(flags.output_file.clone())),
        other => {
            return Err(Failure::configuration(anyhow::anyhow!(
                "unsupported output mode {other:?}, supported list is [broker, file]"
            )));
        }
    };
    builder.build().map_err(Failure::configuration)
}

/// As `meshsync run` elects, with the one broker there is.
fn elect(builder: Builder, flags: &Flags, url: Option<&NatsUrl>) -> Result<Builder, Failure> {
    let lock = match (flags.leader_elect.clone(), url) {
        (LeaderElect::Broker, Some(url)) => {
            LeaderLock::Broker(JetStreamUrl::with(url.clone()).into())
        }
        (LeaderElect::Broker, None) => {
            return Err(Failure::configuration(anyhow::anyhow!(
                "-leader-elect broker wants a broker: use lease, or -output broker"
            )));
        }
        (LeaderElect::Lease { namespace, name }, _) => LeaderLock::Lease { namespace, name },
        _ => return Ok(builder),
    };
    let mut election = LeaderElection::new(lock, election::identity());
    if let Some(lasts) = flags.leader_lease {
        election.lasts = lasts;
    }
    Ok(builder.leader_election(election))
}

fn requests(flags: &Flags, url: &NatsUrl) -> RequestOptions {
    let mut options = RequestOptions::new(url.clone());
    options.interactive = flags.interactive;
    options.accept_rules = flags.accept_rules;
    let namespaces = list(&flags.interactive_namespaces);
    options.namespaces = namespaces.map(str::to_owned).collect();
    if !flags.replies.is_empty() {
        options.replies.clone_from(&flags.replies);
    }
    options
}

fn selection(flags: &Flags) -> anyhow::Result<Selection> {
    let mut selection = if flags.discover_all {
        meshery_selection_of_everything()
    } else {
        meshery_selection()
    };
    selection.managed = flags.managed;
    let mut namespaces = list(&flags.output_namespaces).peekable();
    if namespaces.peek().is_some() {
        let only = NamespaceSelection::only(namespaces);
        // As the original: what has no namespace is in none of them.
        selection.namespaces = only
            .context("failed to use --outputNamespaces")?
            .namespaced_only();
    }
    selection.within = list(&flags.output_resources)
        .map(Pattern::parse)
        .collect::<Result<_, _>>()
        .context("failed to use --outputResources")?;
    Ok(selection)
}
