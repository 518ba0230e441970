//! `objects/{resource}/{namespace}/{name}`: one object.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use meshsync::Secrets;
use meshsync::model::wire::record::push_object;
use meshsync::model::{Gvk, Index, Resource};
use meshsync::store::{Detail, Relative};
use serde::Serialize;

use super::names::{resource, resource_id};
use super::objects::Item;
use super::{Api, yaml};
use crate::error::ApiError;
use crate::feed::Told;

/// The largest object that is shown in full.
const YAML_BYTES_MAX: usize = 2 << 20;

/// Changes of an object that are shown.
const HISTORY_MAX: usize = 50;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    #[serde(flatten)]
    head: Item,
    uid: String,
    version: String,
    labels: Vec<(String, String)>,
    annotations: BTreeMap<String, String>,
    created: Option<String>,
    owners: Vec<Related>,
    owned: Vec<Related>,
    owned_total: u64,
    /// Null where the object is too large to be shown.
    yaml: Option<String>,
    bytes: usize,
    /// Whether values are left out because it is a Secret.
    redacted: bool,
    #[serde(serialize_with = "crate::shared::each")]
    history: Vec<Arc<Told>>,
}

#[derive(Serialize)]
struct Related {
    kind: String,
    name: String,
    /// Null where it is not observed.
    resource: Option<String>,
    namespace: Option<String>,
}

impl From<Relative> for Related {
    fn from(relative: Relative) -> Self {
        let (resource, namespace) = match relative.place {
            Some((group, plural, namespace)) => {
                (Some(resource_id(&group, &plural)), Some(namespace))
            }
            None => (None, None),
        };
        Self {
            kind: relative.kind,
            name: relative.name,
            resource,
            namespace,
        }
    }
}

pub(super) async fn object(
    State(api): State<Api>,
    Path((id, namespace, name)): Path<(String, String, String)>,
) -> Result<Json<Answer>, ApiError> {
    let (group, plural) = resource(&id);
    let namespace = if namespace == "-" {
        String::new()
    } else {
        namespace
    };
    let missing = format!("there is no {id} {namespace}/{name} here");
    let history = api.feed.recent(HISTORY_MAX, |told| {
        told.name == name && told.namespace == namespace && told.resource == id
    });
    let found = api
        .readers
        .read(move |store| store.detail(&group, &plural, &namespace, &name))
        .await?;
    let Some(detail) = found else {
        return Err(ApiError::Missing(missing));
    };
    Ok(Json(answer(detail, history)?))
}

fn answer(detail: Detail, history: Vec<Arc<Told>>) -> Result<Answer, ApiError> {
    let (group, version) = match detail.head.api_version.split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", detail.head.api_version.as_str()),
    };
    let gvk = Gvk::new(group, version, &detail.head.kind);
    let shown = Resource::new(gvk, &detail.head.plural, !detail.head.namespace.is_empty());
    let unreadable =
        |problem: String| ApiError::Failed(format!("an object cannot be read: {problem}"));
    let mut index = Index::new();
    let object = index
        .parse(&detail.object)
        .map_err(|error| unreadable(error.to_string()))?;
    // Once more, whatever the pipeline was told to do with them.
    let mut json = Vec::with_capacity(detail.object.len());
    push_object(&mut json, &shown, &object, Secrets::Redacted);
    let head: Head =
        serde_json::from_slice(&json).map_err(|error| unreadable(error.to_string()))?;
    let yaml = match json.len() {
        ..=YAML_BYTES_MAX => Some(yaml::of(&json).map_err(unreadable)?),
        _ => None,
    };
    Ok(Answer {
        uid: detail.head.uid.clone(),
        version: detail.version,
        labels: detail.labels,
        annotations: head.metadata.annotations,
        created: head.metadata.created,
        owners: detail.owners.into_iter().map(Related::from).collect(),
        owned: detail.owned.into_iter().map(Related::from).collect(),
        owned_total: detail.owned_total,
        yaml,
        bytes: json.len(),
        redacted: shown.is_secret(),
        head: detail.head.into(),
        history,
    })
}

#[derive(serde::Deserialize)]
struct Head {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, serde::Deserialize)]
struct Metadata {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(rename = "creationTimestamp")]
    created: Option<String>,
}
