//! Without writing: a Lease that somebody renews anyway, seen in a watch.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use meshsync_informer::Connection;
use meshsync_model::{Index, WatchEventType};
use serde::Deserialize;

use super::canary::{Seen, refused};
use super::chain::{Chain, Trouble, human};
use super::report::LinkState;

/// So many are looked at for the one that is renewed most often.
const LEASES_MAX: usize = 100;

/// A lease is waited for no longer than this, however seldom it is renewed.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    metadata: Metadata,
    items: Vec<Lease>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lease {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    resource_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    renew_time: Option<Timestamp>,
    lease_duration_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct Event {
    object: Lease,
}

/// Waits until the watch shows that a lease was renewed.
pub(super) async fn live(
    chain: &mut Chain,
    connection: &Connection,
) -> Result<Seen, (&'static str, Instant, Trouble)> {
    let begun = Instant::now();
    let find = async {
        let path = format!("/apis/coordination.k8s.io/v1/leases?limit={LEASES_MAX}");
        let body = connection.document(&path).await;
        let body = body.map_err(|error| refused("list", "leases", "(any)", &error))?;
        let list: List = (body.as_deref())
            .and_then(|body| serde_json::from_slice(body).ok())
            .unwrap_or_default();
        let version = list.metadata.resource_version.clone();
        let renewed = list.items.into_iter();
        let lease = renewed.max_by_key(|lease| lease.spec.renew_time);
        let lease = lease.filter(|lease| lease.spec.renew_time.is_some());
        lease.map(|lease| (lease, version)).ok_or_else(|| {
            Trouble::new(
                "there is no lease that anybody renews",
                "allow a canary: --canary write, with the Role of deploy/kustomize/canary",
            )
        })
    };
    let late = Trouble::new(
        "listing leases was not answered",
        "look at the load and the health of the API server",
    );
    let found = chain.within(chain.timeout, late, find).await;
    let (lease, version) = found.map_err(|trouble| {
        let link = if trouble.forbidden {
            "permission"
        } else {
            "api-server"
        };
        (link, begun, trouble)
    })?;
    let Metadata {
        name, namespace, ..
    } = &lease.metadata;
    let detail = format!("may read leases; {namespace}/{name} is renewed by itself");
    chain.push(
        "permission",
        LinkState::Ok,
        Some(begun.elapsed()),
        detail,
        None,
    );

    let begun = Instant::now();
    let period = lease.spec.lease_duration_seconds.unwrap_or_default();
    let wait_max = Duration::from_secs(period).clamp(chain.timeout, WAIT_MAX);
    let watch = async {
        let path = format!(
            "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases?watch=1\
             &fieldSelector=metadata.name%3D{name}&resourceVersion={version}&timeoutSeconds=120"
        );
        let lines = connection.watch(&path).await;
        let mut lines = lines.map_err(|error| refused("watch", "leases", namespace, &error))?;
        let mut index = Index::new();
        loop {
            let broken = |why: String| {
                Trouble::new(
                    format!("the watch broke: {why}"),
                    "look for what closes connections on the way to the API server",
                )
            };
            let line = lines.next().await.map_err(|error| broken(error.chain()))?;
            let Some(line) = line else {
                return Err(broken("the server ended it".to_owned()));
            };
            let renewed = index
                .parse_event(&line)
                .is_ok_and(|event| event.r#type == WatchEventType::Modified);
            if renewed {
                return Ok(line);
            }
        }
    };
    let late = Trouble::new(
        format!("the watch did not show that {namespace}/{name} was renewed"),
        "the watch lags, or its holder has stopped: look at the API server's load, and at who \
         holds the lease",
    );
    let line = chain.within(wait_max, late, watch).await;
    let line = line.map_err(|trouble| ("watch", begun, trouble))?;
    let event: Option<Event> = serde_json::from_slice(&line).ok();
    let renewed = event.and_then(|event| event.object.spec.renew_time);
    // By two clocks: no more than a hint, and never less than nothing.
    let after = renewed.map_or(Duration::ZERO, |at| {
        let age = Timestamp::now().duration_since(at);
        Duration::try_from(age).unwrap_or_default()
    });
    let detail = format!(
        "{namespace}/{name} was renewed, seen {} later",
        human(after)
    );
    chain.push("watch", LinkState::Ok, Some(after), detail, None);
    Ok(Seen { line, after })
}
