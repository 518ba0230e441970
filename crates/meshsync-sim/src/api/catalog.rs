//! Which resources the server has, and the discovery documents that say so.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    CrdFacts, DiscoveryGroup, DiscoveryResource, DiscoveryVersion, GroupName, GroupResource,
    PrinterColumn, group_version,
};

/// Everything discovery knows. Resources defined by a CustomResourceDefinition are marked
/// `custom`, because the server writes their lists differently.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    core: DiscoveryGroup,
    groups: Vec<DiscoveryGroup>,
    /// Served, but in no discovery document: captured lists of a resource that came or went while
    /// the capture was made.
    unlisted: Vec<DiscoveryGroup>,
    /// Order of groups in the legacy `/apis` document; groups not named here follow.
    legacy_order: Vec<String>,
    custom: HashMap<GroupResource, CrdFacts>,
    /// Legacy documents as captured, by path; dropped as soon as their group changes.
    verbatim: HashMap<String, Bytes>,
    /// By plural, of resources that are not custom.
    column_texts: HashMap<String, ColumnTexts>,
}

/// What a server says of the columns of a table: descriptions by title.
pub(crate) type ColumnTexts = Arc<HashMap<String, String>>;

/// One resource of one served version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) version: &'a str,
    pub(crate) resource: &'a DiscoveryResource,
    pub(crate) custom: bool,
    /// Of a custom resource; empty for others.
    pub(crate) printer_columns: &'a [PrinterColumn],
    pub(crate) column_texts: Option<&'a ColumnTexts>,
}

impl Catalog {
    pub(crate) fn new(core: DiscoveryGroup, groups: Vec<DiscoveryGroup>) -> Self {
        let legacy_order = Vec::new();
        Self {
            core,
            groups,
            unlisted: Vec::new(),
            legacy_order,
            custom: HashMap::new(),
            verbatim: HashMap::new(),
            column_texts: HashMap::new(),
        }
    }

    /// Keeps captured legacy documents, to be served as they are.
    pub(crate) fn with_verbatim(
        mut self,
        verbatim: HashMap<String, Bytes>,
        order: Vec<String>,
    ) -> Self {
        self.verbatim = verbatim;
        self.legacy_order = order;
        self
    }

    /// Describes the columns of a resource as a captured table does.
    pub(crate) fn describe_columns(&mut self, plural: &str, texts: HashMap<String, String>) {
        self.column_texts.insert(plural.to_owned(), texts.into());
    }

    fn all(&self) -> impl Iterator<Item = &DiscoveryGroup> {
        std::iter::once(&self.core)
            .chain(&self.groups)
            .chain(&self.unlisted)
    }

    /// Serves a custom resource without listing it in discovery.
    pub(crate) fn add_unlisted(&mut self, facts: CrdFacts) {
        let mut listed = std::mem::take(&mut self.groups);
        let verbatim = std::mem::take(&mut self.verbatim);
        self.define(facts);
        std::mem::swap(&mut self.groups, &mut listed);
        self.verbatim = verbatim;
        self.unlisted.append(&mut listed);
    }

    fn group(&self, name: &str) -> Option<&DiscoveryGroup> {
        self.all().find(|group| group.metadata.name == name)
    }

    /// Every resource as (group, version, resource); preferred versions first within a group.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&str, &str, &DiscoveryResource)> {
        self.all().flat_map(|group| {
            group.versions.iter().flat_map(move |version| {
                let names = (group.metadata.name.as_str(), version.version.as_str());
                version
                    .resources
                    .iter()
                    .map(move |resource| (names.0, names.1, resource))
            })
        })
    }

    /// A resource in one version.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Found<'_>> {
        let served = self
            .group(group)?
            .versions
            .iter()
            .find(|v| v.version == version)?;
        let resource = served.resources.iter().find(|r| r.resource == plural)?;
        let facts = self.custom.get(&GroupResource::new(group, plural));
        let defined = facts.and_then(|facts| facts.versions.iter().find(|v| v.name == version));
        Some(Found {
            version: &served.version,
            resource,
            custom: facts.is_some(),
            printer_columns: defined.map_or(&[], |version| &version.printer_columns),
            column_texts: self.column_texts.get(plural),
        })
    }

    /// A resource in its preferred version.
    pub(crate) fn preferred(&self, gr: &GroupResource) -> Option<Found<'_>> {
        let versions = &self.group(&gr.group)?.versions;
        versions
            .iter()
            .find_map(|v| self.find(&gr.group, &v.version, &gr.plural))
    }

    /// The plural of a kind; resources one cannot list (reviews) do not count.
    pub(crate) fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<Found<'_>> {
        let served = self
            .group(group)?
            .versions
            .iter()
            .find(|v| v.version == version)?;
        let resource = served
            .resources
            .iter()
            .find(|r| r.response_kind.kind == kind && r.allows("list"))?;
        self.find(group, version, &resource.resource)
    }

    /// Marks a resource as custom without touching the discovery documents.
    pub(crate) fn mark_custom(&mut self, facts: CrdFacts) {
        self.custom.insert(facts.group_resource(), facts);
    }

    /// Adds or replaces the resources of a CustomResourceDefinition.
    pub(crate) fn define(&mut self, facts: CrdFacts) {
        let gr = facts.group_resource();
        self.unlisted
            .retain(|group| group.metadata.name != gr.group);
        if self.custom.get(&gr) == Some(&facts) {
            return;
        }
        self.forget(&gr);
        let at = match self.groups.iter().position(|g| g.metadata.name == gr.group) {
            Some(at) => at,
            None => {
                let metadata = GroupName {
                    name: gr.group.clone(),
                };
                self.groups.push(DiscoveryGroup {
                    metadata,
                    versions: Vec::new(),
                });
                self.groups.len() - 1
            }
        };
        let versions = &mut self.groups[at].versions;
        for served in facts.versions.iter().filter(|v| v.served) {
            let resource = facts.discovery_resource(served);
            match versions.iter_mut().find(|v| v.version == served.name) {
                Some(known) => known.resources.push(resource),
                None => versions.push(DiscoveryVersion {
                    version: served.name.clone(),
                    resources: vec![resource],
                    freshness: "Current".to_owned(),
                }),
            }
        }
        versions.sort_by_key(|v| std::cmp::Reverse(version_priority(&v.version)));
        self.custom.insert(gr, facts);
    }

    /// Removes a custom resource; its group and versions go when nothing is left in them.
    pub(crate) fn forget(&mut self, gr: &GroupResource) {
        self.custom.remove(gr);
        self.verbatim
            .retain(|path, _| path != "/apis" && !path.starts_with(&format!("/apis/{}", gr.group)));
        for group in self
            .groups
            .iter_mut()
            .filter(|g| g.metadata.name == gr.group)
        {
            for version in &mut group.versions {
                version.resources.retain(|r| r.resource != gr.plural);
            }
            group.versions.retain(|v| !v.resources.is_empty());
        }
        self.groups.retain(|g| !g.versions.is_empty());
    }

    /// The aggregated document of `/api` or `/apis`; groups in `stale` are listed without resources.
    pub(crate) fn aggregated(
        &self,
        core: bool,
        stale: &HashSet<String>,
        unnamed: &HashSet<String>,
    ) -> Vec<u8> {
        let groups = if core {
            std::slice::from_ref(&self.core)
        } else {
            &self.groups[..]
        };
        let items: Vec<String> = groups
            .iter()
            .filter(|group| !unnamed.contains(&group.metadata.name))
            .map(|group| {
                if !stale.contains(&group.metadata.name) {
                    return serde_json::to_string(group).unwrap_or_default();
                }
                let mut group = group.clone();
                for version in &mut group.versions {
                    version.resources.clear();
                    version.freshness = "Stale".to_owned();
                }
                serde_json::to_string(&group).unwrap_or_default()
            })
            .collect();
        format!(
            "{{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{{}},\"items\":[{}]}}",
            items.join(",")
        )
        .into_bytes()
    }

    /// The legacy document at `/api`, `/apis`, `/api/v1`, `/apis/G` or `/apis/G/V`.
    pub(crate) fn legacy(&self, path: &str) -> Option<Bytes> {
        if let Some(bytes) = self.verbatim.get(path) {
            return Some(bytes.clone());
        }
        let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
        let doc = match steps[..] {
            ["api"] => {
                json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
            }
            ["apis"] => self.legacy_groups(),
            ["api", version] => resource_list("", self.version("", version)?),
            ["apis", group] => {
                let mut doc = legacy_group(self.named_group(group)?);
                doc["kind"] = "APIGroup".into();
                doc["apiVersion"] = "v1".into();
                doc
            }
            ["apis", group, version] => resource_list(
                group,
                self.version(self.named_group(group)?.metadata.name.as_str(), version)?,
            ),
            _ => return None,
        };
        Some(doc.to_string().into())
    }

    fn named_group(&self, name: &str) -> Option<&DiscoveryGroup> {
        self.groups.iter().find(|group| group.metadata.name == name)
    }

    fn version(&self, group: &str, version: &str) -> Option<&DiscoveryVersion> {
        self.group(group)?
            .versions
            .iter()
            .find(|v| v.version == version)
    }

    fn legacy_groups(&self) -> Value {
        let mut groups: Vec<&DiscoveryGroup> = self.groups.iter().collect();
        groups.sort_by_key(|g| {
            self.legacy_order
                .iter()
                .position(|name| *name == g.metadata.name)
                .unwrap_or(usize::MAX)
        });
        let groups: Vec<Value> = groups.into_iter().map(legacy_group).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }
}

fn legacy_group(group: &DiscoveryGroup) -> Value {
    let name = &group.metadata.name;
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|v| json!({"groupVersion": group_version(name, &v.version), "version": v.version}))
        .collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

fn resource_list(group: &str, version: &DiscoveryVersion) -> Value {
    let mut rows = Vec::new();
    for resource in &version.resources {
        let mut row = json!({
            "name": resource.resource, "singularName": resource.singular_resource,
            "namespaced": resource.namespaced(), "kind": resource.response_kind.kind, "verbs": resource.verbs,
        });
        if !resource.short_names.is_empty() {
            row["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            row["categories"] = json!(resource.categories);
        }
        rows.push(row);
        for sub in &resource.subresources {
            let mut row = json!({
                "name": format!("{}/{}", resource.resource, sub.subresource), "singularName": "",
                "namespaced": resource.namespaced(), "kind": sub.response_kind.kind, "verbs": sub.verbs,
            });
            if !sub.response_kind.version.is_empty() {
                row["group"] = sub.response_kind.group.as_str().into();
                row["version"] = sub.response_kind.version.as_str().into();
            }
            rows.push(row);
        }
    }
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": group_version(group, &version.version), "resources": rows,
    })
}

/// Orders versions as the server does: `v2` > `v1` > `v1beta2` > `v1alpha1` > anything else.
/// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority>
fn version_priority(version: &str) -> (u8, u64, u64) {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    if let Some(major) = number(rest) {
        return (3, major, 0);
    }
    for (stage, rank) in [("beta", 2), ("alpha", 1)] {
        if let Some((major, minor)) = rest.split_once(stage)
            && let (Some(major), Some(minor)) = (number(major), number(minor))
        {
            return (rank, major, minor);
        }
    }
    (0, 0, 0)
}
