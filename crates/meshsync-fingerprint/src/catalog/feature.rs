//! Kinds of evidence, and the keys they are found by.

use serde::{Deserialize, Serialize};

/// Kinds of evidence that are independent of each other. Items of one kind are
/// correlated, so that only the best of each kind counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// Repository of an image.
    Image,
    /// Names of containers, flags, names of variables, programs, ports.
    Shape,
    /// Kind and name of a workload.
    Name,
    /// Labels, annotations, and the chart a label names.
    Label,
    /// A release that Helm keeps a record of.
    Release,
    /// A package of OLM.
    Package,
    /// Definitions of custom resources, and such resources.
    Crd,
    /// Names and ports of Services.
    Service,
    /// Webhook configurations and APIServices.
    Registration,
    /// Controllers of classes, provisioners, drivers.
    Class,
    /// What controls a workload.
    Owner,
    /// ServiceAccounts.
    Account,
    /// Products that a bundle contains.
    Member,
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 13;

impl EvidenceKind {
    /// Its name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Shape => "shape",
            Self::Name => "name",
            Self::Label => "label",
            Self::Release => "release",
            Self::Package => "package",
            Self::Crd => "crd",
            Self::Service => "service",
            Self::Registration => "registration",
            Self::Class => "class",
            Self::Owner => "owner",
            Self::Account => "account",
            Self::Member => "member",
        }
    }
}

/// What a key of the table is a value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Feature {
    /// Two or more last segments of a repository.
    ImageSuffix,
    /// The same, joined by dashes, as flattening mirrors do.
    ImageFlat,
    /// The last segment alone.
    ImageBase,
    /// A flag without its dashes and value, or a word.
    Arg,
    /// A flag with its value, without dashes.
    ArgValue,
    Env,
    /// The beginning of a variable's name, with its last underscore.
    EnvPrefix,
    Command,
    Container,
    PortName,
    PortNumber,
    /// `name:number`.
    Port,
    Name,
    /// `Kind/name`.
    KindName,
    /// `key=value`.
    Label,
    LabelKey,
    Annotation,
    AnnotationKey,
    Chart,
    /// The same in the record of a release.
    ReleaseChart,
    Package,
    Crd,
    CrdGroup,
    Resource,
    Owner,
    Service,
    ServicePortName,
    ServicePortNumber,
    ServicePort,
    Webhook,
    ApiService,
    Class,
    Account,
}

/// Last segments of repositories that many products share: no evidence alone.
pub(crate) const GENERIC_IMAGES: &[&str] = &[
    "admission",
    "agent",
    "api",
    "apiserver",
    "app",
    "auto",
    "backend",
    "busybox",
    "cli",
    "client",
    "cluster",
    "collector",
    "config-reloader",
    "configmap-reload",
    "controller",
    "controller-manager",
    "core",
    "csi-attacher",
    "csi-node-driver-registrar",
    "csi-provisioner",
    "csi-resizer",
    "csi-snapshotter",
    "curl",
    "daemon",
    "dashboard",
    "db",
    "driver",
    "exporter",
    "frontend",
    "gateway",
    "hyperkube",
    "init",
    "k8s-sidecar",
    "kube-rbac-proxy",
    "kube-webhook-certgen",
    "kubectl",
    "livenessprobe",
    "manager",
    "metrics",
    "monitor",
    "nginx",
    "node",
    "operator",
    "os-shell",
    "pause",
    "plugin",
    "proxy",
    "reloader",
    "server",
    "service",
    "sidecar",
    "snapshot-controller",
    "ui",
    "web",
    "webhook",
    "worker",
];

/// Labels that many products share: no evidence, whatever a rule says.
pub(crate) const GENERIC_LABELS: &[&str] = &[
    "app.kubernetes.io/component=agent",
    "app.kubernetes.io/component=controller",
    "app.kubernetes.io/component=master",
    "app.kubernetes.io/component=metrics",
    "app.kubernetes.io/component=operator",
    "app.kubernetes.io/component=primary",
    "app.kubernetes.io/component=rbac",
    "app.kubernetes.io/component=server",
    "app.kubernetes.io/component=webhook",
    "control-plane=controller-manager",
];
