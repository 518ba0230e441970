//! `topology`: what belongs to what.

mod edges;
mod graph;

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use meshsync::store::{RegionObject, Store, StoreError, Within};
use serde::Deserialize;

use self::graph::Graph;
use super::{Api, Asked};
use crate::error::ApiError;

/// Objects that are read for a graph.
const OBJECTS_MAX: usize = 1_500;

/// Kinds that make a topology; a graph of everything shows nothing.
const KINDS: &[&str] = &[
    "ConfigMap",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Gateway",
    "GRPCRoute",
    "HTTPRoute",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "PersistentVolumeClaim",
    "Pod",
    "ReplicaSet",
    "Secret",
    "Service",
    "ServiceAccount",
    "StatefulSet",
    "VirtualService",
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asking {
    namespace: String,
    product: String,
    instance: String,
}

pub(super) async fn topology(
    State(api): State<Api>,
    Asked(asking): Asked<Asking>,
) -> Result<Json<Graph>, ApiError> {
    if !asking.namespace.is_empty() {
        let namespace = asking.namespace;
        let objects = api
            .readers
            .read(move |store| store.region(Within::Namespace(&namespace, KINDS), OBJECTS_MAX + 1))
            .await?;
        return Ok(Json(Graph::of(objects, OBJECTS_MAX)));
    }
    let verdicts = api.monitor.fingerprints();
    let verdict = verdicts.iter().find(|verdict| {
        verdict.product == asking.product
            && (asking.instance.is_empty() || verdict.instance == asking.instance)
    });
    let Some(verdict) = verdict else {
        return Err(ApiError::Question(
            "there is nothing to draw".to_owned(),
            "name a namespace, or a product that is installed, with its instance",
        ));
    };
    let uids: Vec<String> = (verdict.components.iter())
        .map(|component| component.object.uid.clone())
        .filter(|uid| !uid.is_empty())
        .collect();
    let namespaces: HashSet<String> = (verdict.components.iter())
        .filter_map(|component| component.object.namespace.clone())
        .collect();
    let objects = api
        .readers
        .read(move |store| of_product(store, &uids, namespaces))
        .await?;
    Ok(Json(Graph::of(objects, OBJECTS_MAX)))
}

/// The workloads of a product, what they own, and what is next to that.
fn of_product(
    store: &Store,
    uids: &[String],
    namespaces: HashSet<String>,
) -> Result<Vec<RegionObject>, StoreError> {
    let mut all = Vec::new();
    for namespace in &namespaces {
        let left = (OBJECTS_MAX + 1).saturating_sub(all.len());
        all.extend(store.region(Within::Namespace(namespace, KINDS), left)?);
    }
    Ok(graph::around(all, uids))
}
