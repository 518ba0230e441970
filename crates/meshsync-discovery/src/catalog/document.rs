//! Discovery documents: bytes to types.

use std::fmt;

use meshsync_model::Resource;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::{DiscoveredGroup, aggregated, legacy};

/// An API group and one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersion {
    /// API group, `""` for core.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
}

impl GroupVersion {
    /// A name from its two parts.
    pub fn new(group: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
        }
    }

    /// From the form in `groupVersion` and `apiVersion`: `v1` or `apps/v1`.
    pub fn from_api_version(api_version: &str) -> Self {
        match api_version.split_once('/') {
            Some((group, version)) => Self::new(group, version),
            None => Self::new("", api_version),
        }
    }

    /// Path of its `APIResourceList`: `/api/v1` or `/apis/apps/v1`.
    pub fn path(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }
}

impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        f.write_str(&self.version)
    }
}

/// Whether resources are what the server says now, or what was last known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// The server's present answer.
    Current,
    /// The last known answer: the server has no present one.
    Stale,
}

/// The resources of one group version, without subresources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVersionDocument {
    /// API group, `""` for core.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Its resources, in the server's order.
    pub resources: Vec<Resource>,
    /// Whether they are the server's present answer.
    pub freshness: Freshness,
}

impl GroupVersionDocument {
    /// Parses an `APIResourceList`, the answer to [`GroupVersion::path`].
    ///
    /// # Errors
    ///
    /// When the bytes are not JSON, or not such a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        legacy::parse_resource_list(bytes)
    }

    /// Its name.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&self.group, &self.version)
    }
}

/// A group and its versions, the one the server prefers first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVersions {
    /// API group, `""` for core.
    pub group: String,
    /// Its versions in order of preference.
    pub versions: Vec<String>,
}

impl GroupVersions {
    /// The name of each version in order of preference.
    pub fn group_versions(&self) -> impl Iterator<Item = GroupVersion> + '_ {
        self.versions
            .iter()
            .map(|version| GroupVersion::new(&self.group, version))
    }
}

/// What `/api` or `/apis` answers.
///
/// A server that cannot aggregate ignores the `Accept` header and answers in the legacy form, so
/// the form of the answer is known only from the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootDocument {
    /// `APIGroupDiscoveryList`: every group, version and resource in one document.
    Aggregated(Vec<DiscoveredGroup>),
    /// `APIVersions` or `APIGroupList`: the names only. Each [`GroupVersion::path`] has to be
    /// asked; [`RootAnswer::listed`](super::RootAnswer::listed) puts the answers together.
    Listed(Vec<GroupVersions>),
}

impl RootDocument {
    /// Parses an `APIGroupDiscoveryList` (`v2` or `v2beta1`), an `APIVersions` or an
    /// `APIGroupList`.
    ///
    /// # Errors
    ///
    /// When the bytes are not JSON, or none of the three. One group version that cannot be
    /// decoded is no error: it is unavailable, and the others are as good as they were.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let header: Header = serde_json::from_slice(bytes)?;
        match (header.kind.as_str(), header.api_version.as_str()) {
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2" | "apidiscovery.k8s.io/v2beta1") => {
                aggregated::parse(bytes).map(Self::Aggregated)
            }
            ("APIVersions", _) => legacy::parse_versions(bytes).map(Self::Listed),
            ("APIGroupList", _) => legacy::parse_group_list(bytes).map(Self::Listed),
            _ => Err(header.unexpected(
                "an APIGroupDiscoveryList (v2 or v2beta1), APIVersions or an APIGroupList",
            )),
        }
    }
}

/// Why a discovery document cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not JSON, or a member has another type than it should.
    #[error("decode a discovery document")]
    Json(#[from] serde_json::Error),
    /// A document of another kind, such as a `Status`.
    #[error("expected {expected}, found kind {kind:?} of {api_version:?}")]
    UnexpectedKind {
        /// What would have been right.
        expected: &'static str,
        /// `kind` of the document.
        kind: String,
        /// `apiVersion` of the document.
        api_version: String,
    },
}

/// What every document begins with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    api_version: String,
}

impl Header {
    pub(super) fn unexpected(self, expected: &'static str) -> DocumentError {
        DocumentError::UnexpectedKind {
            expected,
            kind: self.kind,
            api_version: self.api_version,
        }
    }
}

/// Reads `null` as the default: a Go server writes an empty slice so.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The verbs that decide how a resource is observed.
pub(super) fn offers(verbs: &[String], verb: &str) -> bool {
    verbs.iter().any(|offered| offered == verb)
}
