//! One test from beginning to end.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use jiff::Timestamp;
use meshsync_informer::{ClusterConfig, Connection};
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ClusterId, Context, Gvk, Index, Resource, Secrets, Tier, error_chain,
};
use tokio_util::sync::CancellationToken;

use super::canary::{Canary, Seen, refused};
use super::chain::{Chain, Trouble, human};
use super::lease;
use super::report::{CheckReport, LinkState};

/// Clocks that differ by more than this are a broken link: times in records, and
/// whoever compares them, cannot be relied on.
const SKEW_SECONDS_MAX: f64 = 5.0;

/// What is tested, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckOptions {
    /// The cluster.
    pub cluster: ClusterConfig,
    /// Where the canary lives; the namespace of the configuration where this is
    /// not said.
    pub namespace: Option<String>,
    /// Whether there is one.
    pub canary: CanaryMode,
    /// Whether agents are to tell of the canary like of any other object. Default:
    /// no.
    pub visible: bool,
    /// URLs of sinks; those of brokers are tested.
    pub sinks: Vec<String>,
    /// How long each link may take. Default: 5 s.
    pub timeout: Duration,
}

/// Whether something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CanaryMode {
    /// Where it is allowed; else as [`CanaryMode::ReadOnly`].
    #[default]
    Auto,
    /// A canary, and its being forbidden is a failure.
    Write,
    /// A lease that somebody else renews is watched.
    ReadOnly,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            cluster: ClusterConfig::Infer,
            namespace: None,
            canary: CanaryMode::Auto,
            visible: false,
            sinks: Vec::new(),
            timeout: Duration::from_secs(5),
        }
    }
}

/// Which link is broken, since when it was looked at, and why.
pub(super) type Broken = (&'static str, Instant, Trouble);

/// Tests every link once. `stop` ends it early; what was made is taken away all
/// the same.
pub async fn check(options: &CheckOptions, stop: impl Future<Output = ()>) -> CheckReport {
    let token = CancellationToken::new();
    let mut chain = Chain::new(options.timeout, token.clone());
    let at = Timestamp::now();
    let begun = Instant::now();
    let mut variant = "nothing";
    let ended = {
        let test = Box::pin(test(options, &mut chain, &mut variant));
        tokio::pin!(test, stop);
        tokio::select! {
            ended = &mut test => ended,
            () = &mut stop => {
                token.cancel();
                test.await
            }
        }
    };
    if let Err((link, begun, trouble)) = ended {
        chain.fail(link, begun, trouble);
    }
    report(options, &LINKS, chain, at, begun.elapsed(), variant)
}

/// The links of every test, and those of one with a broker.
const LINKS: [&str; 6] = [
    "configuration",
    "api-server",
    "clock",
    "permission",
    "watch",
    "encode",
];
#[cfg(feature = "nats")]
const BROKER_LINKS: [&str; 3] = ["broker", "acknowledge", "read-back"];

/// What was found, with those links of `order` that were not reached.
pub(super) fn report(
    options: &CheckOptions,
    order: &[&'static str],
    mut chain: Chain,
    at: Timestamp,
    took: Duration,
    variant: &str,
) -> CheckReport {
    #[cfg(not(feature = "nats"))]
    let (_, order) = (options, order.to_vec());
    #[cfg(feature = "nats")]
    let mut order = order.to_vec();
    #[cfg(feature = "nats")]
    if (options.sinks.iter()).any(|url| meshsync_broker::probe::BrokerUrl::of_sink(url).is_some()) {
        order.extend(BROKER_LINKS);
    }
    let failed = chain
        .links
        .iter()
        .find(|link| link.state == LinkState::Failed);
    let (broken, summary) = match failed {
        Some(link) => (
            Some(link.link.clone()),
            format!("broken at {}: {}", link.link, link.detail),
        ),
        None => (None, format!("every link holds, in {}", human(took))),
    };
    if broken.is_some() {
        for link in order {
            if !chain.links.iter().any(|known| known.link == link) {
                chain.push(link, LinkState::NotReached, None, "", None);
            }
        }
    }
    CheckReport {
        api_version: crate::status::API_VERSION.to_owned(),
        kind: "Check".to_owned(),
        ok: broken.is_none(),
        at: Some(at),
        seconds: took.as_secs_f64(),
        variant: variant.to_owned(),
        broken,
        summary,
        links: chain.links,
    }
}

async fn test(
    options: &CheckOptions,
    chain: &mut Chain,
    variant: &mut &'static str,
) -> Result<(), Broken> {
    let connection = connect(options, chain).await?;
    server(chain, &connection).await?;

    let namespace = options.namespace.as_deref();
    let namespace = namespace.unwrap_or(&connection.namespace);
    let mut canary = Canary::new(&connection, namespace, options.visible);
    let followed = follow(options, chain, &connection, &mut canary, variant).await;
    let result = match followed {
        Ok(seen) => Box::pin(deliver(options, chain, canary.id(), seen)).await,
        Err(broken) => Err(broken),
    };
    let cleaned = match canary.made {
        false => Ok(()),
        true => canary.remove(options.timeout).await,
    };
    match (result, cleaned) {
        (Ok(()), Ok(())) => {
            if canary.made {
                chain.push("cleanup", LinkState::Ok, None, "the canary is gone", None);
            }
            Ok(())
        }
        (Err(broken), Ok(())) => Err(broken),
        (Ok(()), Err(trouble)) => Err(("cleanup", Instant::now(), trouble)),
        (Err((link, begun, first)), Err(trouble)) => {
            // The first one is what is to be named first.
            chain.fail(link, begun, first);
            Err(("cleanup", Instant::now(), trouble))
        }
    }
}

/// From the configuration to a client.
pub(super) async fn connect(
    options: &CheckOptions,
    chain: &mut Chain,
) -> Result<Connection, Broken> {
    let begun = Instant::now();
    let connect = async {
        let connection = options.cluster.connect().await.map_err(|error| {
            Trouble::new(
                error_chain(&error),
                "name a cluster with KUBECONFIG or --source",
            )
        })?;
        let detail = connection.url.clone();
        Ok((connection, detail))
    };
    let late = Trouble::new(
        "the configuration did not lead to a client",
        "look at what gets the credentials (`exec` of the kubeconfig)",
    );
    let connection = chain.step("configuration", late, connect).await;
    connection.map_err(|trouble| ("configuration", begun, trouble))
}

/// The API server and its clock.
pub(super) async fn server(chain: &mut Chain, connection: &Connection) -> Result<(), Broken> {
    let begun = Instant::now();
    let before = SystemTime::now();
    let ask = async {
        let facts = connection.facts().await.map_err(|error| {
            let mut trouble = refused("get", "/version", "(none)", &error);
            trouble.message = error.chain();
            trouble
        })?;
        let detail = format!("{} {}", connection.url, facts.version);
        Ok((facts, detail))
    };
    let late = Trouble::new(
        format!("{} did not answer", connection.url),
        "check that the API server is up and can be reached from here",
    );
    let facts = chain.step("api-server", late, ask).await;
    let facts = facts.map_err(|trouble| ("api-server", begun, trouble))?;
    match facts.skew_seconds(before, SystemTime::now()) {
        None => {
            let detail = "the API server does not say what time it is";
            chain.push("clock", LinkState::Warning, None, detail, None);
            Ok(())
        }
        Some(skew) if skew.abs() > SKEW_SECONDS_MAX => {
            let (seconds, which) = (skew.abs(), if skew > 0.0 { "ahead of" } else { "behind" });
            let trouble = Trouble::new(
                format!("the API server's clock is {seconds:.0} s {which} ours"),
                "set both by NTP: leases, tokens and the times in records depend on it",
            );
            Err(("clock", begun, trouble))
        }
        Some(skew) => {
            let detail = format!("the API server's differs by {:.1} s at least", skew.abs());
            chain.push("clock", LinkState::Ok, None, detail, None);
            Ok(())
        }
    }
}

/// Has something happen, and sees it.
async fn follow(
    options: &CheckOptions,
    chain: &mut Chain,
    connection: &Connection,
    canary: &mut Canary<'_>,
    variant: &mut &'static str,
) -> Result<Seen, Broken> {
    if options.canary == CanaryMode::ReadOnly {
        *variant = "lease";
        return lease::live(chain, connection).await;
    }
    let begun = Instant::now();
    let late = Trouble::new(
        "listing and watching configmaps was not answered",
        "look at the load and the health of the API server",
    );
    let lines = chain.step("permission", late, canary.begin()).await;
    let forbidden = match lines {
        Ok(mut lines) => match canary.live(chain, &mut lines).await {
            Ok(seen) => {
                *variant = "canary";
                return Ok(seen);
            }
            Err((_, _, trouble)) if trouble.forbidden && !canary.made => {
                // What may be listed is not what was to be done.
                chain.links.retain(|link| link.link != "permission");
                trouble
            }
            Err(broken) => return Err(broken),
        },
        Err(trouble) if trouble.forbidden => trouble,
        Err(trouble) => return Err(("api-server", begun, trouble)),
    };
    if options.canary == CanaryMode::Write {
        return Err(("permission", begun, forbidden));
    }
    *variant = "lease";
    let took = Some(begun.elapsed());
    let detail = format!(
        "no canary, a lease is watched instead: {}",
        forbidden.message
    );
    let note = Some(forbidden.remedy);
    chain.push("permission", LinkState::Warning, took, detail, note);
    lease::live(chain, connection).await.inspect_err(|_| {
        chain.links.retain(|link| link.link != "permission");
    })
}

/// Encodes what was seen, and takes it to the brokers and back.
async fn deliver(
    options: &CheckOptions,
    chain: &mut Chain,
    id: &str,
    seen: Seen,
) -> Result<(), Broken> {
    let begun = Instant::now();
    let payload = encode(&seen.line).map_err(|trouble| ("encode", begun, trouble))?;
    let detail = format!("a record of {} bytes", payload.len());
    chain.push("encode", LinkState::Ok, Some(begun.elapsed()), detail, None);
    #[cfg(feature = "nats")]
    for url in &options.sinks {
        if let Some(broker) = meshsync_broker::probe::BrokerUrl::of_sink(url) {
            let payload = payload.clone();
            let so_far = format!("event seen after {}, ", human(seen.after));
            Box::pin(super::broker::look(chain, &broker, id, payload, &so_far)).await?;
        }
    }
    #[cfg(not(feature = "nats"))]
    let _ = (options, id, payload, seen.after);
    Ok(())
}

/// The change as a record, as sinks are given it.
fn encode(line: &[u8]) -> Result<Bytes, Trouble> {
    let mut index = Index::new();
    let event = index.parse_event(line).map_err(|error| {
        Trouble::new(
            format!("what the watch sent cannot be read: {error}"),
            "report it: an API server of which this version does not know how it writes",
        )
    })?;
    let resource = Resource::new(Gvk::new("", "v1", "ConfigMap"), "configmaps", true);
    let scope = ClusterId::new("canary").ok_or_else(|| Trouble::new("no identity", ""))?;
    let context = Context {
        scope: &scope,
        resource: &resource,
        tier: Tier::Detail,
        reason: None,
        observed: Timestamp::now(),
    };
    let (mut body, mut record) = (Vec::new(), Vec::new());
    let hash = record::push_object(&mut body, &resource, &event.object, Secrets::Redacted);
    let change = Change::Modified(&event.object);
    record::push_record(&mut record, &context, &change, Some((&body, hash)));
    Ok(record.into())
}
