//! `APIGroupDiscoveryList`, KEP-3352: all of `/api` or `/apis` in one document.

use meshsync_model::{Gvk, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{offers, or_default};
use super::{Answer, DiscoveredGroup, DiscoveredVersion, DocumentError, Unavailable};

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, default, deserialize_with = "or_default")]
    items: Vec<Group<'a>>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(default, deserialize_with = "or_default")]
    metadata: Metadata,
    #[serde(borrow, default, deserialize_with = "or_default")]
    versions: Vec<Version<'a>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    /// Absent for the core group.
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

#[derive(Deserialize)]
struct Version<'a> {
    version: String,
    /// `Current` or `Stale`; absent means current.
    #[serde(default, deserialize_with = "or_default")]
    freshness: String,
    /// Decoded apart, so that one group version cannot spoil the others.
    #[serde(borrow, default)]
    resources: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default, deserialize_with = "or_default")]
    resource: String,
    /// Absent where only subresources are served.
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default, deserialize_with = "or_default")]
    scope: String,
    #[serde(default, deserialize_with = "or_default")]
    singular_resource: String,
    #[serde(default, deserialize_with = "or_default")]
    verbs: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    short_names: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    categories: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default, deserialize_with = "or_default")]
    kind: String,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<DiscoveredGroup>, DocumentError> {
    let list: List<'_> = serde_json::from_slice(bytes)?;
    Ok(list.items.into_iter().map(group).collect())
}

fn group(item: Group<'_>) -> DiscoveredGroup {
    let name = item.metadata.name;
    let versions = item
        .versions
        .into_iter()
        .map(|version| DiscoveredVersion {
            answer: answer(&name, &version),
            version: version.version,
        })
        .collect();
    DiscoveredGroup { name, versions }
}

fn answer(group: &str, version: &Version<'_>) -> Answer {
    let resources = match resources(group, version) {
        Ok(resources) => resources,
        Err(error) => return Answer::Unavailable(Unavailable::Undecodable(error.to_string())),
    };
    if version.freshness == "Stale" {
        // "the discovery document could not be retrieved and the returned discovery document may
        // be significantly out of date": k8s.io/api/apidiscovery/v2, APIVersionDiscovery.
        Answer::Unavailable(Unavailable::Stale {
            remembered: resources,
        })
    } else {
        Answer::Served(resources)
    }
}

fn resources(group: &str, version: &Version<'_>) -> Result<Vec<Resource>, serde_json::Error> {
    let Some(raw) = version.resources else {
        return Ok(Vec::new());
    };
    let items: Option<Vec<Item>> = serde_json::from_str(raw.get())?;
    Ok(items
        .unwrap_or_default()
        .into_iter()
        .filter_map(|item| resource(group, &version.version, item))
        .collect())
}

/// Group and version come from where the item stands, not from `responseKind`: that one is empty
/// as a rule, and where it is not, the path still follows the item.
fn resource(group: &str, version: &str, item: Item) -> Option<Resource> {
    let kind = item.response_kind?.kind;
    if kind.is_empty() || item.resource.is_empty() || item.resource.contains('/') {
        return None;
    }
    Some(Resource {
        gvk: Gvk::new(group, version, kind),
        plural: item.resource,
        singular: item.singular_resource,
        short_names: item.short_names,
        categories: item.categories,
        namespaced: item.scope == "Namespaced",
        listable: offers(&item.verbs, "list"),
        watchable: offers(&item.verbs, "watch"),
    })
}
