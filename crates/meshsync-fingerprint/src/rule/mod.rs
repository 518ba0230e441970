//! What a rule says. One YAML file per product; `docs/FINGERPRINTS.md` is the
//! reference for those who write them.

mod builder;
mod check;
mod evidence;
mod example;
mod read;
#[cfg(feature = "schema")]
mod schema;

pub use builder::{BuildRuleError, Fingerprint, FingerprintBuilder, WorkloadBuilder};
pub use check::{Flaw, check};
pub use evidence::{Evidence, Shape};
pub use example::{Example, Sketch, SketchContainer};
pub use read::{RuleProblem, parse, to_yaml};
#[cfg(feature = "schema")]
pub use schema::schema;

use serde::{Deserialize, Serialize};

/// Everything that is known of one product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Stable name of the product: lower case words with dashes; the name of the file.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// What it is for, such as `service-mesh`.
    pub category: String,
    /// Where to read about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// Names of Meshery's models for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// No real installation was there to check the rule against: it never
    /// yields `identified`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unverified: bool,
    /// It installs other products and has little of its own: never a rival of
    /// what it contains.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bundle: bool,
    /// What one installation of it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub instances: Instances,
    /// Evidence that can be had of nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Evidence>,
    /// Evidence that makes it more likely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supports: Vec<Evidence>,
    /// Evidence that rules it out for the object that carries it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<Evidence>,
    /// Its parts, the first being the primary one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// Where its version is stated, in the order in which its own tool looks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub version: Vec<VersionSource>,
    /// Its editions and distributions; the first that fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub editions: Vec<Edition>,
    /// How it stands to other products.
    #[serde(default, skip_serializing_if = "is_default")]
    pub relations: Relations,
    /// What of its configuration is worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigFact>,
    /// Installations that must be identified.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// Objects that look like it and must not be identified as it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counter_examples: Vec<Example>,
}

/// One part of a product: usually one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Component {
    /// Its name within the product.
    pub id: String,
    /// It is put into other workloads' pods, as a sidecar: it never says what
    /// those are, and is counted as a proxy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub injected: bool,
    /// As for the product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Evidence>,
    /// As for the product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supports: Vec<Evidence>,
}

/// What one installation of a product is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Instances {
    /// The workloads of one release (Helm's annotation, `app.kubernetes.io/instance`,
    /// or the custom resource that owns them) in one namespace.
    #[default]
    Release,
    /// All its workloads in one namespace.
    Namespace,
    /// All its workloads in the cluster.
    Cluster,
    /// Each workload of the primary component.
    Workload,
}

/// One place that states a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VersionSource {
    /// What kind of place.
    pub from: VersionFrom,
    /// Of what it is the version.
    #[serde(default, skip_serializing_if = "is_default")]
    pub of: VersionOf,
    /// The component whose workload states it; the primary one unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Name of the object: a CRD, a ConfigMap, or `Kind.group` of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Key of the label, annotation, flag or datum, or the path of a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A regular expression whose first group is the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// Kinds of places that state a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VersionFrom {
    /// Tag of the image that was recognised, in a workload of the component.
    #[default]
    Image,
    /// Label `key` of the workload.
    Label,
    /// Annotation `key` of the workload.
    Annotation,
    /// Version of the Helm chart, from `helm.sh/chart` or the release record.
    Chart,
    /// The chart's `appVersion`, from the release record.
    AppVersion,
    /// Label `key` of the CRD `name`.
    CrdLabel,
    /// Annotation `key` of the CRD `name`.
    CrdAnnotation,
    /// Datum `key` of the ConfigMap `name`.
    Configmap,
    /// `spec.version` of the ClusterServiceVersion.
    Csv,
    /// Value of the flag `key` of the workload.
    Arg,
    /// Field `key` of a custom resource of kind `name` (`Kind.group`).
    Field,
}

/// Of what something is the version.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VersionOf {
    /// The product itself.
    #[default]
    Controller,
    /// What the product manages: the Postgres of an operator for Postgres.
    Workload,
    /// The API it serves.
    Api,
}

/// An edition or distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Edition {
    /// Its name, such as `enterprise`.
    pub id: String,
    /// Repositories its images come from, as in [`Evidence::images`]; here a `*`
    /// may stand at the end of the last segment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// What its tags contain, such as `-ent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Flags it runs with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Components that only it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
}

/// Other products, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Relations {
    /// Products this one is a part of where both are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub part_of: Vec<String>,
    /// Products this one brings along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// Products that install this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_by: Vec<String>,
    /// Products that cannot run beside this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
}

/// One fact of the configuration, from one place. Never from a Secret and never
/// the value of an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigFact {
    /// Its name.
    pub key: String,
    /// The component whose workload states it; the primary one unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// A flag whose value it is; for one without a value, `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arg: Option<String>,
    /// A field of the workload, such as `spec.replicas`; or of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `Kind.group` of the custom resource that `path` is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// A label of the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Whether a field may be left out when a rule is written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
