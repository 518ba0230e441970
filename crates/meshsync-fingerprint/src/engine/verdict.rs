//! What an engine says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::EvidenceKind;

/// One installation of a product, and why we say so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Id of the rule.
    pub product: String,
    /// The name people use.
    pub name: String,
    /// What it is for.
    pub category: String,
    /// How sure it is.
    pub state: State,
    /// The product's own version; `null` when unknown.
    pub version: Option<String>,
    /// What the version is based on.
    pub version_status: VersionStatus,
    /// All versions, with all that states them.
    pub versions: Versions,
    /// Edition or distribution; `null` when it cannot be told.
    pub edition: Option<String>,
    /// Where it runs; `null` for what has no namespace.
    pub namespace: Option<String>,
    /// Which one it is: a release, an owner, or the name of its root workload.
    pub instance: String,
    /// How likely it is right, 0 to 1.
    pub confidence: f64,
    /// Its workloads.
    pub components: Vec<ComponentSeen>,
    /// Because: the best evidence of each kind, strongest first.
    pub evidence: Vec<Proof>,
    /// Configuration.
    pub config: BTreeMap<String, String>,
    /// Meshery's models for it.
    pub models: Vec<String>,
    /// Products here that it is a part of.
    pub part_of: Vec<String>,
    /// Products here that it brought along.
    pub contains: Vec<String>,
    /// Products here that run it.
    pub managed_by: Vec<String>,
    /// Products here that do not go with it.
    pub conflicts: Vec<String>,
    /// What it may be instead, for [`State::Ambiguous`].
    pub alternatives: Vec<String>,
    /// All its definitions that are there.
    #[serde(skip)]
    pub(crate) crds: Vec<String>,
}

impl Verdict {
    /// Its own custom resources that are defined in the cluster, as `plural.group`.
    pub fn crds(&self) -> &[String] {
        &self.crds
    }
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum State {
    /// Its API is there, and nothing was seen that serves it.
    ApiOnly,
    /// It may be another product just as well.
    Ambiguous,
    /// Some evidence, and not enough to be sure.
    Probable,
    /// An anchor, at least two independent kinds of evidence, and no rival close.
    Identified,
}

impl State {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiOnly => "api-only",
            Self::Ambiguous => "ambiguous",
            Self::Probable => "probable",
            Self::Identified => "identified",
        }
    }
}

/// What a version is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VersionStatus {
    /// At least two kinds of places state it, and none states another.
    Agreed,
    /// One kind of place states it.
    Stated,
    /// Places state different ones; the product's own tool would take this one.
    Conflict,
    /// No place states one.
    Unknown,
}

impl VersionStatus {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Stated => "stated",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

/// Versions of different things, which must not be mixed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Versions {
    /// Of the product itself.
    pub controller: Option<VersionSeen>,
    /// Of what it manages.
    pub workload: Option<VersionSeen>,
    /// Of its API.
    pub api: Option<VersionSeen>,
    /// Of its sidecars, most frequent first.
    pub proxies: Vec<ProxySeen>,
    /// Whether a sidecar has another version than the product, or sidecars of no known
    /// version are not all the same.
    pub skew: bool,
}

/// One version and what states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VersionSeen {
    /// The version.
    pub version: Option<String>,
    /// What it is based on.
    pub status: VersionStatus,
    /// Every place, in the order in which the product's own tool looks.
    pub sources: Vec<SourceSeen>,
}

/// One place that states a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceSeen {
    /// What kind of place.
    pub from: String,
    /// The text there.
    pub value: String,
    /// The version in it; `null` for `latest` and its like.
    pub version: Option<String>,
    /// The object it is in.
    pub object: Seen,
}

/// How many pods have a sidecar of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProxySeen {
    /// The version; `null` when its image does not say.
    pub version: Option<String>,
    /// What runs where the image does not say a version: the digest, as nodes report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How many pods; of workloads where no pods are known.
    pub count: usize,
}

/// One workload of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComponentSeen {
    /// The component, or the product where it has none.
    pub id: String,
    /// The workload.
    #[serde(flatten)]
    pub object: Seen,
    /// Its image.
    pub image: Option<String>,
    /// The version its image states.
    pub version: Option<String>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Seen {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its uid, where it has one.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub uid: String,
}

/// One item of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// Its kind.
    pub kind: EvidenceKind,
    /// What was seen.
    pub value: String,
    /// How much it counts.
    pub weight: u8,
    /// Whether it is an anchor.
    pub anchor: bool,
    /// The object it was seen in.
    pub object: Seen,
}
