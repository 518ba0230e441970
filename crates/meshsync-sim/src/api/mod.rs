//! The vocabulary of the API: failures, selectors, options and resources.

mod builtin;
mod catalog;
mod crd;
mod discovery_doc;
mod options;
mod selector;
mod status;

pub(crate) use builtin::builtin_catalog;
pub(crate) use catalog::{Catalog, ColumnTexts, Found};
pub(crate) use crd::{CrdFacts, PrinterColumn, established};
pub(crate) use discovery_doc::{
    AggregatedList, DiscoveryGroup, DiscoveryResource, DiscoverySubresource, DiscoveryVersion,
    GroupName, ResponseKind,
};
pub(crate) use options::{ListOptions, Match, Query};
pub(crate) use selector::{FieldSelector, LabelSelector};
pub(crate) use status::Forbidden;
pub use status::Status;

/// A resource by its API group and plural name: the unit of storage and of faults.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupResource {
    /// API group; empty for core.
    pub group: String,
    /// Plural name, for example `pods`.
    pub plural: String,
}

impl GroupResource {
    /// Names a resource.
    pub fn new(group: impl Into<String>, plural: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            plural: plural.into(),
        }
    }
}

impl std::fmt::Display for GroupResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.plural)
        } else {
            write!(f, "{}.{}", self.plural, self.group)
        }
    }
}

/// `group/version`, or only `version` in the core group.
pub(crate) fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

/// Splits an `apiVersion` into group and version.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}
