//! Evidence as rules state it.

use serde::{Deserialize, Serialize};

use super::is_default;

/// A block of evidence. Each item of each list counts for itself: a block is
/// "any of these".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Evidence {
    /// Weight of each item, 1 to 9, instead of the usual one of its kind.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weight: Option<u8>,
    /// Last segments of image repositories: `jetstack/cert-manager-controller`
    /// fits whatever registry or mirror is in front of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// What containers look like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<Shape>,
    /// Container ports: `9090`, `http-web` or `http-web:9090`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// Names of workloads: `istiod`, or `DaemonSet/ztunnel`. A release's name
    /// may be in front of it (`blue-istiod`), which counts less.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Labels: `key=value`, or `key` for any value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Annotations, in the same form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// Names of Helm charts, without their versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charts: Vec<String>,
    /// Names of OLM packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// Full names of CRDs: `certificates.cert-manager.io`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crds: Vec<String>,
    /// API groups of CRDs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crd_groups: Vec<String>,
    /// Custom resources: `Kind.group`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// What the workload is controlled by: `Kind.group`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// Names of Services; a release's name may be in front, as in `names`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Ports of Services: `15012`, `tls-xds` or `tls-xds:15012`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_ports: Vec<String>,
    /// Names of webhook configurations, or of the webhooks in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<String>,
    /// Names of APIServices: `v1beta1.metrics.k8s.io`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apiservices: Vec<String>,
    /// Controllers of IngressClasses and GatewayClasses, provisioners of
    /// StorageClasses, names of CSIDrivers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Names of ServiceAccounts; a release's name may be in front, as in `names`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// What one container looks like: everything listed has to be in it, or as much
/// of it as `at-least` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shape {
    /// Names of the container; any of them counts as one item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    /// Programs, without their folder, in `command` or at the start of `args`;
    /// any of them counts as one item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Flags (`--config.file`, with or without a value), flags with a value
    /// (`--controller-class=k8s.io/ingress-nginx`), or words (`discovery`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Names of environment variables; `GF_*` stands for all that begin so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envs: Vec<String>,
    /// Container ports, as in [`Evidence::ports`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// How many of the items have to be there; all unless told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_least: Option<u8>,
}
