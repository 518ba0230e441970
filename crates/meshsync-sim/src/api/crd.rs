//! What a CustomResourceDefinition says about the resources it brings.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{DiscoveryResource, DiscoverySubresource, GroupResource, ResponseKind};

/// The part of a CustomResourceDefinition that discovery shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrdFacts {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) versions: Vec<CrdVersion>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrdVersion {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) status: bool,
    pub(crate) scale: bool,
    pub(crate) printer_columns: Vec<PrinterColumn>,
}

/// A column of the table `kubectl get` shows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrinterColumn {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) format: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) priority: i64,
    pub(crate) json_path: String,
}

impl PrinterColumn {
    /// What is shown when the definition names no columns.
    fn age() -> Self {
        Self {
            name: "Age".to_owned(),
            kind: "date".to_owned(),
            format: String::new(),
            description: String::new(),
            priority: 0,
            json_path: ".metadata.creationTimestamp".to_owned(),
        }
    }

    fn of(version: &Value) -> Vec<Self> {
        let columns = version.get("additionalPrinterColumns");
        let columns = columns.and_then(Value::as_array).into_iter().flatten();
        let read: Vec<Self> = columns
            .filter_map(|column| Self::deserialize(column).ok())
            .collect();
        if read.is_empty() {
            vec![Self::age()]
        } else {
            read
        }
    }
}

impl CrdFacts {
    /// Reads the facts; `None` when a required member is missing.
    pub(crate) fn of(crd: &Value) -> Option<Self> {
        let spec = crd.get("spec")?;
        let names = spec.get("names")?;
        let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        let kind = text(names, "kind")?;
        let versions = spec
            .get("versions")?
            .as_array()?
            .iter()
            .filter_map(|version| {
                let subresource = |name: &str| {
                    version
                        .get("subresources")
                        .is_some_and(|s| s.get(name).is_some())
                };
                Some(CrdVersion {
                    name: text(version, "name")?,
                    served: version.get("served")?.as_bool()?,
                    status: subresource("status"),
                    scale: subresource("scale"),
                    printer_columns: PrinterColumn::of(version),
                })
            });
        Some(Self {
            group: text(spec, "group")?,
            plural: text(names, "plural")?,
            singular: text(names, "singular").unwrap_or_else(|| kind.to_lowercase()),
            short_names: strings(names.get("shortNames")),
            categories: strings(names.get("categories")),
            namespaced: text(spec, "scope").as_deref() == Some("Namespaced"),
            versions: versions.collect(),
            kind,
        })
    }

    /// The facts of a resource of which only objects are known.
    pub(crate) fn guessed(
        group: &str,
        version: &str,
        plural: &str,
        kind: &str,
        namespaced: bool,
    ) -> Self {
        let version = CrdVersion {
            name: version.to_owned(),
            served: true,
            status: false,
            scale: false,
            printer_columns: vec![PrinterColumn::age()],
        };
        Self {
            group: group.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            kind: kind.to_owned(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced,
            versions: vec![version],
        }
    }

    pub(crate) fn group_resource(&self) -> GroupResource {
        GroupResource::new(self.group.as_str(), self.plural.as_str())
    }

    pub(crate) fn discovery_resource(&self, version: &CrdVersion) -> DiscoveryResource {
        // The order in which the server lists the verbs of custom resources.
        let verbs = [
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "create",
            "update",
            "watch",
        ];
        let kind = |group: &str, version: &str, kind: &str| ResponseKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        let sub = |name: &str, response_kind| DiscoverySubresource {
            subresource: name.to_owned(),
            response_kind,
            verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
        };
        let mut subresources = Vec::new();
        if version.status {
            subresources.push(sub("status", kind(&self.group, &version.name, &self.kind)));
        }
        if version.scale {
            subresources.push(sub("scale", kind("autoscaling", "v1", "Scale")));
        }
        DiscoveryResource {
            resource: self.plural.clone(),
            response_kind: kind(&self.group, &version.name, &self.kind),
            scope: if self.namespaced {
                "Namespaced"
            } else {
                "Cluster"
            }
            .to_owned(),
            singular_resource: self.singular.clone(),
            verbs: verbs.map(str::to_owned).to_vec(),
            short_names: self.short_names.clone(),
            categories: self.categories.clone(),
            subresources,
        }
    }
}

/// Completes the status of a CustomResourceDefinition as the controllers would: names accepted,
/// established, stored versions.
pub(crate) fn established(crd: &mut Value, now: &str) {
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now});
    let accepted = crd["spec"]["names"].clone();
    let stored: Vec<Value> = crd["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    crd["status"] = json!({
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "acceptedNames": accepted,
        "storedVersions": stored,
    });
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}
