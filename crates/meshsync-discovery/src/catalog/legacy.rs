//! Discovery before aggregation: names at `/api` and `/apis`, one document per group version.

use meshsync_model::{Gvk, Resource};
use serde::Deserialize;

use super::document::{Header, offers, or_default};
use super::{DocumentError, Freshness, GroupVersion, GroupVersionDocument, GroupVersions};

#[derive(Deserialize)]
struct Versions {
    #[serde(default, deserialize_with = "or_default")]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default, deserialize_with = "or_default")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    versions: Vec<Version>,
    #[serde(default, deserialize_with = "or_default")]
    preferred_version: Version,
}

#[derive(Default, Deserialize)]
struct Version {
    #[serde(default, deserialize_with = "or_default")]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceList {
    group_version: String,
    #[serde(default, deserialize_with = "or_default")]
    resources: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    singular_name: String,
    #[serde(default, deserialize_with = "or_default")]
    namespaced: bool,
    #[serde(default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    verbs: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    short_names: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    categories: Vec<String>,
}

/// `APIVersions`, the answer of `/api`.
pub(super) fn parse_versions(bytes: &[u8]) -> Result<Vec<GroupVersions>, DocumentError> {
    let document: Versions = serde_json::from_slice(bytes)?;
    Ok(vec![GroupVersions {
        group: String::new(),
        versions: document.versions,
    }])
}

/// `APIGroupList`, the answer of `/apis`.
pub(super) fn parse_group_list(bytes: &[u8]) -> Result<Vec<GroupVersions>, DocumentError> {
    let document: GroupList = serde_json::from_slice(bytes)?;
    Ok(document.groups.into_iter().map(group_versions).collect())
}

fn group_versions(group: Group) -> GroupVersions {
    let preferred = group.preferred_version.version;
    let mut versions: Vec<String> = group.versions.into_iter().map(|v| v.version).collect();
    // A preferred version that is not listed is not served; then the listed order stands.
    if let Some(at) = versions.iter().position(|version| *version == preferred) {
        versions[..=at].rotate_right(1);
    }
    GroupVersions {
        group: group.name,
        versions,
    }
}

/// `APIResourceList`, the answer of `/api/v1` and `/apis/apps/v1`.
pub(super) fn parse_resource_list(bytes: &[u8]) -> Result<GroupVersionDocument, DocumentError> {
    let header: Header = serde_json::from_slice(bytes)?;
    if header.kind != "APIResourceList" {
        return Err(header.unexpected("an APIResourceList"));
    }
    let list: ResourceList = serde_json::from_slice(bytes)?;
    let GroupVersion { group, version } = GroupVersion::from_api_version(&list.group_version);
    let resources = list
        .resources
        .into_iter()
        .filter_map(|item| resource(&group, &version, item))
        .collect();
    Ok(GroupVersionDocument {
        group,
        version,
        resources,
        freshness: Freshness::Current,
    })
}

/// As in the aggregated form, the item's own `group` and `version` are left aside: they speak of
/// the kind in the answer, and the path follows the list.
fn resource(group: &str, version: &str, item: Item) -> Option<Resource> {
    if item.kind.is_empty() || item.name.is_empty() || item.name.contains('/') {
        return None;
    }
    Some(Resource {
        gvk: Gvk::new(group, version, item.kind),
        plural: item.name,
        singular: item.singular_name,
        short_names: item.short_names,
        categories: item.categories,
        namespaced: item.namespaced,
        listable: offers(&item.verbs, "list"),
        watchable: offers(&item.verbs, "watch"),
    })
}
