//! `overview`: is everything observed, how much is there of what.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use meshsync::status::{Health, Problem};
use serde::Serialize;
use tokio::sync::Mutex;

use super::Api;
use super::names::resource_id;
use super::stats::Stats;
use crate::error::ApiError;

/// Groups that are told one by one; of the smallest beyond, only the sum.
const GROUPS_MAX: usize = 1_000;

/// How long a count is good for: it is the same for everybody who looks.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overview {
    version: &'static str,
    cluster: Option<Cluster>,
    uptime_seconds: u64,
    health: Health,
    problems: Vec<Problem>,
    stats: Stats,
    /// By number of objects, largest first.
    #[serde(serialize_with = "crate::shared::one")]
    groups: Arc<Vec<Group>>,
    /// Objects of groups that are not named.
    other_objects: u64,
    /// None where nobody asked for fingerprints.
    products: Option<usize>,
}

#[derive(Serialize)]
struct Cluster {
    id: String,
    url: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Group {
    resource: String,
    kind: String,
    namespace: String,
    objects: u64,
}

/// The last count.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<Option<Count>>);

type Count = (Instant, Arc<Vec<Group>>, u64);

pub(super) async fn overview(State(api): State<Api>) -> Result<Json<Overview>, ApiError> {
    let (groups, other_objects) = groups(&api).await?;
    let monitor = &api.monitor;
    let status = monitor.document();
    Ok(Json(Overview {
        version: env!("CARGO_PKG_VERSION"),
        cluster: monitor.cluster().map(|(url, id)| Cluster {
            id: id.to_string(),
            url: url.to_owned(),
        }),
        uptime_seconds: status.uptime_seconds,
        health: status.health,
        problems: status.problems,
        stats: Stats::of(monitor),
        groups,
        other_objects,
        products: monitor
            .has_fingerprints()
            .then(|| monitor.fingerprints().len()),
    }))
}

async fn groups(api: &Api) -> Result<(Arc<Vec<Group>>, u64), ApiError> {
    let mut counted = api.counted.0.lock().await;
    if let Some((at, groups, other)) = &*counted
        && at.elapsed() < FRESH
    {
        return Ok((Arc::clone(groups), *other));
    }
    let mut counts = api.readers.read(|store| store.counts()).await?;
    counts.sort_by_key(|group| std::cmp::Reverse(group.objects));
    let other = counts
        .iter()
        .skip(GROUPS_MAX)
        .map(|group| group.objects)
        .sum();
    let groups = counts.into_iter().take(GROUPS_MAX).map(|group| Group {
        resource: resource_id(&group.group, &group.plural),
        kind: group.kind,
        namespace: group.namespace,
        objects: group.objects,
    });
    let groups = Arc::new(groups.collect());
    *counted = Some((Instant::now(), Arc::clone(&groups), other));
    Ok((groups, other))
}
