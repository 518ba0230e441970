//! What one round of discovery brought back.

use std::fmt;

use meshsync_model::Resource;

use super::{GroupVersion, GroupVersions};

/// The answers of `/api` and `/apis`.
///
/// By default neither was asked, which forgets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// `/api`, the core group.
    pub core: RootAnswer,
    /// `/apis`, every group with a name.
    pub named: RootAnswer,
}

/// The answer of one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootAnswer {
    /// All its groups, in the server's order: what is not among them is not served.
    Complete(Vec<DiscoveredGroup>),
    /// No answer: everything known of it stays, marked stale.
    Unavailable(Unavailable),
}

impl RootAnswer {
    /// Puts a legacy answer together: the names of `groups`, and for each what its own document
    /// said, as told by `answer`.
    pub fn listed(
        groups: Vec<GroupVersions>,
        mut answer: impl FnMut(&GroupVersion) -> Answer,
    ) -> Self {
        let group = |group: GroupVersions| DiscoveredGroup {
            versions: group
                .group_versions()
                .map(|name| DiscoveredVersion {
                    answer: answer(&name),
                    version: name.version,
                })
                .collect(),
            name: group.group,
        };
        Self::Complete(groups.into_iter().map(group).collect())
    }
}

impl Default for RootAnswer {
    fn default() -> Self {
        Self::Unavailable(Unavailable::NotAsked)
    }
}

/// A group and its versions, the preferred one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredGroup {
    /// API group, `""` for core.
    pub name: String,
    /// Its versions in order of preference.
    pub versions: Vec<DiscoveredVersion>,
}

/// One version of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredVersion {
    /// API version, such as `v1`.
    pub version: String,
    /// Its resources, or why there are none.
    pub answer: Answer,
}

/// The answer of one group version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it serves, in the server's order, without subresources.
    Served(Vec<Resource>),
    /// Nothing to rely on: what was known of it stays, marked stale.
    Unavailable(Unavailable),
}

/// Why something that should be served gave no answer to rely on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// Nobody asked in this round.
    NotAsked,
    /// The HTTP status of the answer, such as 503.
    Status(u16),
    /// The aggregator could not reach the server behind the group version.
    Stale {
        /// What the aggregator remembers of it. Used only where we remember nothing ourselves.
        remembered: Vec<Resource>,
    },
    /// The answer is not a discovery document; the text says why.
    Undecodable(String),
    /// No answer at all; the text says why.
    Unreachable(String),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked"),
            Self::Status(status) => write!(f, "the server answered with status {status}"),
            Self::Stale { .. } => f.write_str("the server behind it cannot be reached (stale)"),
            Self::Undecodable(why) => write!(f, "its answer cannot be decoded: {why}"),
            Self::Unreachable(why) => write!(f, "no answer: {why}"),
        }
    }
}
