//! Which columns a built-in resource has beside its name; those of priority 1 are for `-o wide`.

use jiff::Timestamp;
use serde_json::Value;

use super::cells;
use crate::api::GroupResource;

/// One column and how its cell is made.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) priority: i64,
    pub(super) cell: fn(&Value, Timestamp) -> Value,
}

const fn column(title: &'static str, cell: fn(&Value, Timestamp) -> Value) -> Column {
    Column {
        title,
        priority: 0,
        cell,
    }
}

const fn wide(title: &'static str, cell: fn(&Value, Timestamp) -> Value) -> Column {
    Column {
        title,
        priority: 1,
        cell,
    }
}

/// A column that shows the value at a pointer.
macro_rules! at {
    ($make:ident, $title:literal, $pointer:literal) => {
        $make($title, |object, _| cells::at(object, $pointer))
    };
}

/// A column that shows the number at a pointer, zero when absent.
macro_rules! number {
    ($title:literal, $pointer:literal) => {
        column($title, |object, _| cells::number(object, $pointer).into())
    };
}

const AGE: Column = column("Age", cells::age);
const CONTAINERS: Column = wide("Containers", cells::containers);
const IMAGES: Column = wide("Images", cells::images);
const SELECTOR: Column = wide("Selector", |object, _| {
    cells::selector(&object["spec"]["selector"])
});

/// What a server prints of resources it has no columns for.
const PLAIN: &[Column] = &[at!(column, "Created At", "/metadata/creationTimestamp")];

/// By `plural.group`.
const TABLES: &[(&str, &[Column])] = &[
    (
        "configmaps",
        &[column("Data", |o, _| cells::count(o, "data")), AGE],
    ),
    (
        "controllerrevisions.apps",
        &[
            column("Controller", cells::controller),
            number!("Revision", "/revision"),
            AGE,
        ],
    ),
    (
        "cronjobs.batch",
        &[
            at!(column, "Schedule", "/spec/schedule"),
            column("Timezone", |o, _| cells::or_none(o, "/spec/timeZone")),
            column("Suspend", |o, _| cells::truth(o, "/spec/suspend")),
            column("Active", |o, _| cells::length(o, "/status/active")),
            column("Last Schedule", |o, now| {
                cells::since(o, "/status/lastScheduleTime", now, "<none>")
            }),
            AGE,
        ],
    ),
    (
        "daemonsets.apps",
        &[
            number!("Desired", "/status/desiredNumberScheduled"),
            number!("Current", "/status/currentNumberScheduled"),
            number!("Ready", "/status/numberReady"),
            number!("Up-to-date", "/status/updatedNumberScheduled"),
            number!("Available", "/status/numberAvailable"),
            column("Node Selector", |o, _| {
                cells::labels(&o["spec"]["template"]["spec"]["nodeSelector"])
            }),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "deployments.apps",
        &[
            column("Ready", |o, _| {
                cells::ratio(o, "/status/readyReplicas", "/spec/replicas")
            }),
            number!("Up-to-date", "/status/updatedReplicas"),
            number!("Available", "/status/availableReplicas"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "events",
        &[
            column("Last Seen", |o, now| {
                cells::since(o, "/lastTimestamp", now, "<unknown>")
            }),
            at!(column, "Type", "/type"),
            at!(column, "Reason", "/reason"),
            column("Object", cells::involved),
            at!(wide, "Subobject", "/involvedObject/fieldPath"),
            at!(wide, "Source", "/source/component"),
            at!(column, "Message", "/message"),
            wide("First Seen", |o, now| {
                cells::since(o, "/firstTimestamp", now, "<unknown>")
            }),
            wide("Count", |o, _| cells::number(o, "/count").into()),
            at!(wide, "Name", "/metadata/name"),
        ],
    ),
    (
        "ingresses.networking.k8s.io",
        &[
            column("Class", |o, _| cells::or_none(o, "/spec/ingressClassName")),
            column("Hosts", cells::hosts),
            column("Address", cells::addresses),
            column("Ports", cells::ingress_ports),
            AGE,
        ],
    ),
    (
        "jobs.batch",
        &[
            column("Status", cells::job_status),
            column("Completions", |o, _| {
                cells::ratio(o, "/status/succeeded", "/spec/completions")
            }),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    ("namespaces", &[at!(column, "Status", "/status/phase"), AGE]),
    (
        "nodes",
        &[
            column("Status", cells::node_status),
            column("Roles", cells::node_roles),
            AGE,
            at!(column, "Version", "/status/nodeInfo/kubeletVersion"),
            wide("Internal-IP", |o, _| cells::node_address(o, "InternalIP")),
            wide("External-IP", |o, _| cells::node_address(o, "ExternalIP")),
            at!(wide, "OS-Image", "/status/nodeInfo/osImage"),
            at!(wide, "Kernel-Version", "/status/nodeInfo/kernelVersion"),
            at!(
                wide,
                "Container-Runtime",
                "/status/nodeInfo/containerRuntimeVersion"
            ),
        ],
    ),
    (
        "persistentvolumeclaims",
        &[
            at!(column, "Status", "/status/phase"),
            at!(column, "Volume", "/spec/volumeName"),
            at!(column, "Capacity", "/status/capacity/storage"),
            column("Access Modes", cells::access_modes),
            at!(column, "StorageClass", "/spec/storageClassName"),
            AGE,
            at!(wide, "VolumeMode", "/spec/volumeMode"),
        ],
    ),
    (
        "pods",
        &[
            column("Ready", cells::ready_containers),
            column("Status", cells::pod_status),
            column("Restarts", cells::restarts),
            AGE,
            wide("IP", |o, _| cells::or_none(o, "/status/podIP")),
            wide("Node", |o, _| cells::or_none(o, "/spec/nodeName")),
            wide("Nominated Node", |o, _| {
                cells::or_none(o, "/status/nominatedNodeName")
            }),
            wide("Readiness Gates", |_, _| "<none>".into()),
        ],
    ),
    (
        "replicasets.apps",
        &[
            number!("Desired", "/spec/replicas"),
            number!("Current", "/status/replicas"),
            number!("Ready", "/status/readyReplicas"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
    ),
    (
        "secrets",
        &[
            at!(column, "Type", "/type"),
            column("Data", |o, _| cells::count(o, "data")),
            AGE,
        ],
    ),
    (
        "serviceaccounts",
        &[column("Secrets", |o, _| cells::length(o, "/secrets")), AGE],
    ),
    (
        "services",
        &[
            at!(column, "Type", "/spec/type"),
            column("Cluster-IP", |o, _| cells::or_none(o, "/spec/clusterIP")),
            column("External-IP", |o, _| {
                cells::or_none(o, "/status/loadBalancer/ingress/0/ip")
            }),
            column("Port(s)", cells::service_ports),
            AGE,
            wide("Selector", |o, _| cells::labels(&o["spec"]["selector"])),
        ],
    ),
    (
        "statefulsets.apps",
        &[
            column("Ready", |o, _| {
                cells::ratio(o, "/status/readyReplicas", "/spec/replicas")
            }),
            AGE,
            CONTAINERS,
            IMAGES,
        ],
    ),
];

/// The columns of a resource after its name.
pub(super) fn columns_of(gr: &GroupResource) -> &'static [Column] {
    let name = gr.to_string();
    TABLES
        .iter()
        .find(|(resource, _)| *resource == name)
        .map_or(PLAIN, |(_, columns)| columns)
}
