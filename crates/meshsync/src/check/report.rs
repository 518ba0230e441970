//! What a test found.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a test found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Version of the document's form: `meshsync.io/v1`.
    pub api_version: String,
    /// `Check`, or `Doctor`.
    pub kind: String,
    /// Whether no link is broken.
    pub ok: bool,
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub at: Option<Timestamp>,
    /// How long it took.
    pub seconds: f64,
    /// What was followed: `canary`, `lease`, or `nothing` where it did not get
    /// that far.
    pub variant: String,
    /// The first link that is broken.
    pub broken: Option<String>,
    /// All of it in one sentence.
    pub summary: String,
    /// Every link, in order.
    pub links: Vec<Link>,
}

impl CheckReport {
    /// Says anew what all links come to, after some were added: for reports that do
    /// not stop at the first broken one.
    pub fn sum_up(&mut self) {
        let failed = |link: &&Link| link.state == LinkState::Failed;
        let mut names: Vec<&str> = Vec::new();
        for link in self.links.iter().filter(failed) {
            if !names.contains(&link.link.as_str()) {
                names.push(&link.link);
            }
        }
        self.summary = match names.as_slice() {
            [] => "nothing is wrong".to_owned(),
            names => format!("something is wrong with: {}", names.join(", ")),
        };
        self.broken = names.first().map(|&name| name.to_owned());
        self.ok = self.broken.is_none();
    }
}

/// One link of the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Its name.
    pub link: String,
    /// How it is.
    pub state: LinkState,
    /// How long it took.
    pub seconds: Option<f64>,
    /// What was seen.
    pub detail: String,
    /// What to do, where something is to be done.
    pub remedy: Option<String>,
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// It holds.
    Ok,
    /// It holds, but not as it should.
    Warning,
    /// It is broken.
    Failed,
    /// It was not reached: one before it is broken.
    NotReached,
}

impl LinkState {
    /// The name used in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotReached => "not-reached",
        }
    }
}
