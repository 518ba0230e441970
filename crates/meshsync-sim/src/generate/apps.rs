//! Applications: a workload and all that usually comes with it.

use serde_json::json;

use super::{
    emit::{Emit, node_name},
    products::{Kind, Row},
    workloads::Workload,
};

impl Emit<'_> {
    /// A namespace with what every namespace has.
    pub(super) fn namespace(&mut self, name: &str) {
        if self
            .store
            .get(&crate::api::GroupResource::new("", "namespaces"), name)
            .is_none()
        {
            self.put(
                "",
                "namespaces",
                "v1",
                "Namespace",
                json!({
                    "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                    "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
                }),
            );
        }
        self.service_account(name, "default");
        self.root_ca(name);
    }

    /// Nodes, which pods are then spread over.
    pub(super) fn cluster_nodes(&mut self, nodes: usize) {
        self.nodes = nodes;
        for number in 0..nodes {
            let name = node_name(number);
            let zone = format!("eu-central-1{}", self.pick(&['a', 'b', 'c']));
            let (address, at, id) = (self.ip(0), self.time(), self.suffix(17));
            let condition = |kind: &str, status: &str, reason: &str| json!({"type": kind, "status": status, "reason": reason, "message": reason, "lastHeartbeatTime": at, "lastTransitionTime": at});
            let images: Vec<_> = (0..30)
                .map(|_| json!({"names": [format!("registry.example.com/{}@sha256:{}", self.suffix(12), self.suffix(64))], "sizeBytes": self.between(5_000_000, 900_000_000)}))
                .collect();
            self.put("", "nodes", "v1", "Node", json!({
                "metadata": {"name": name, "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
                    "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": zone,
                               "topology.kubernetes.io/region": "eu-central-1", "node.kubernetes.io/instance-type": "m7i.2xlarge"}},
                "spec": {"podCIDR": format!("10.244.{}.0/24", number % 256), "providerID": format!("aws:///{zone}/i-{id}")},
                "status": {
                    "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
                    "capacity": {"cpu": "8", "memory": "32386528Ki", "pods": "110"}, "allocatable": {"cpu": "7910m", "memory": "31483360Ki", "pods": "110"},
                    "conditions": [condition("MemoryPressure", "False", "KubeletHasSufficientMemory"), condition("DiskPressure", "False", "KubeletHasNoDiskPressure"), condition("Ready", "True", "KubeletReady")],
                    "nodeInfo": {"kubeletVersion": "v1.36.0", "containerRuntimeVersion": "containerd://2.1.4", "osImage": "Bottlerocket OS 1.49.0", "kernelVersion": "6.12.46", "architecture": "amd64", "operatingSystem": "linux"},
                    "images": images,
                },
            }));
            self.put("coordination.k8s.io", "leases", "coordination.k8s.io/v1", "Lease", json!({
                "metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": "2026-05-28T20:26:40.000000Z"},
            }));
        }
    }

    /// One workload of a product with its surroundings.
    pub(super) fn product(&mut self, row: &Row) {
        let workload = Workload {
            namespace: row.namespace,
            name: row.name,
            part_of: row.namespace,
            image: row.image,
            port: row.port,
            replicas: row.replicas,
        };
        self.surroundings(workload);
        match row.kind {
            Kind::Deployment => self.deployment(workload),
            Kind::StatefulSet => self.stateful_set(workload),
            Kind::DaemonSet => self.daemon_set(workload),
        }
        self.cluster_role(row.namespace, row.name);
        self.service(workload);
    }

    /// One application of a shop.
    pub(super) fn application(&mut self, namespace: &str, name: &str, replicas: usize) {
        let image = format!(
            "registry.example.com/{}/{name}:{}",
            namespace,
            self.suffix(7)
        );
        let workload = Workload {
            namespace,
            name,
            part_of: namespace,
            image: &image,
            port: 8080,
            replicas,
        };
        self.surroundings(workload);
        if self.chance(0.1) {
            self.stateful_set(workload);
        } else {
            self.deployment(workload);
        }
        self.service(workload);
        if self.chance(0.3) {
            self.ingress(workload);
        }
        if self.chance(0.3) {
            self.autoscaler(workload);
        }
        if self.chance(0.3) {
            self.put("policy", "poddisruptionbudgets", "policy/v1", "PodDisruptionBudget", json!({
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": name}}},
                "status": {"currentHealthy": replicas, "desiredHealthy": replicas.saturating_sub(1), "disruptionsAllowed": 1, "expectedPods": replicas},
            }));
        }
        self.custom_objects(workload);
    }

    fn surroundings(&mut self, workload: Workload<'_>) {
        let (namespace, name) = (workload.namespace, workload.name);
        self.service_account(namespace, name);
        self.role(namespace, name);
        self.config_map(namespace, &format!("{name}-config"));
        self.secret(namespace, &format!("{name}-tls"));
        if self.chance(0.4) {
            self.config_map(namespace, &format!("{name}-flags"));
            self.secret(namespace, &format!("{name}-credentials"));
        }
    }
}
