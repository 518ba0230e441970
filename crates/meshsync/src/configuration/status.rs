//! What the status says of the configuration.

use serde::{Deserialize, Serialize};

/// Where the configuration in force comes from, and what is wrong with a newer
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStatus {
    /// The highest source in force, or `defaults`; empty where nothing can change by itself.
    pub source: String,
    /// `resourceVersion` of it, where it is a custom resource.
    pub version: Option<String>,
    /// Why a newer one is not in force; of several sources all that is wrong.
    pub error: Option<String>,
    /// Every source that says something, the one that decides first.
    #[serde(default)]
    pub layers: Vec<ConfigurationLayer>,
}

/// A source of configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationLayer {
    /// What it is: `options` (flags, environment and file), `meshsync` (Meshery's custom
    /// resource), `discovery` (our own).
    pub layer: String,
    /// Its file, or its name.
    pub source: String,
    /// `resourceVersion` of it, where it is a custom resource.
    pub version: Option<String>,
    /// Whether anything it says is in force; not where it was wrong from the beginning.
    pub in_force: bool,
    /// Why its newest form is not in force.
    pub error: Option<String>,
}

impl ConfigurationStatus {
    /// Sums up layers, the one that decides first.
    pub(super) fn of(layers: Vec<ConfigurationLayer>) -> Self {
        let highest = layers.iter().find(|layer| layer.in_force);
        let errors: Vec<String> = layers.iter().filter_map(error).collect();
        Self {
            source: highest.map_or_else(|| "defaults".to_owned(), |layer| layer.source.clone()),
            version: highest.and_then(|layer| layer.version.clone()),
            error: (!errors.is_empty()).then(|| errors.join("\n")),
            layers,
        }
    }
}

/// What is wrong with a layer, and which it is.
pub(super) fn error(layer: &ConfigurationLayer) -> Option<String> {
    let error = layer.error.as_ref()?;
    Some(if error.contains(&layer.source) {
        error.clone()
    } else {
        format!("{}: {error}", layer.source)
    })
}
