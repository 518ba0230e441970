//! Services and how they are reached.

use serde_json::json;

use super::{emit::Emit, pods::labels, workloads::Workload};

impl Emit<'_> {
    /// A Service with its Endpoints and EndpointSlice.
    pub(super) fn service(&mut self, workload: Workload<'_>) {
        let labels = labels(workload, "server");
        let address = self.ip(96);
        let service = self.put("", "services", "v1", "Service", json!({
            "metadata": {"name": workload.name, "namespace": workload.namespace, "labels": labels},
            "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                     "internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "selector": {"app.kubernetes.io/name": workload.name},
                     "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}, {"name": "metrics", "port": 9090, "targetPort": "metrics", "protocol": "TCP"}]},
            "status": {"loadBalancer": {}},
        }));
        let addresses: Vec<_> = (0..workload.replicas.max(1))
            .map(|_| self.ip(244))
            .collect();
        let ports = json!([{"name": "http", "port": workload.port, "protocol": "TCP"}, {"name": "metrics", "port": 9090, "protocol": "TCP"}]);
        self.put("", "endpoints", "v1", "Endpoints", json!({
            "metadata": {"name": workload.name, "namespace": workload.namespace, "labels": labels},
            "subsets": [{"addresses": addresses.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(), "ports": ports}],
        }));
        let endpoints: Vec<_> = addresses
            .iter()
            .map(|ip| json!({"addresses": [ip], "conditions": {"ready": true, "serving": true, "terminating": false}, "nodeName": self.node()}))
            .collect();
        let name = format!("{}-{}", workload.name, self.suffix(5));
        self.put("discovery.k8s.io", "endpointslices", "discovery.k8s.io/v1", "EndpointSlice", json!({
            "metadata": {"name": name, "namespace": workload.namespace, "ownerReferences": service.owner(),
                         "labels": {"kubernetes.io/service-name": workload.name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        }));
    }

    /// An Ingress to the Service of the same name.
    pub(super) fn ingress(&mut self, workload: Workload<'_>) {
        let host = format!("{}.{}.example.com", workload.name, workload.namespace);
        let labels = labels(workload, "ingress");
        self.put("networking.k8s.io", "ingresses", "networking.k8s.io/v1", "Ingress", json!({
            "metadata": {"name": workload.name, "namespace": workload.namespace, "labels": labels,
                         "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt", "nginx.ingress.kubernetes.io/proxy-body-size": "8m"}},
            "spec": {"ingressClassName": "nginx", "tls": [{"hosts": [host], "secretName": format!("{}-tls", workload.name)}],
                     "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": workload.name, "port": {"name": "http"}}}}]}}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
        }));
    }

    /// A HorizontalPodAutoscaler for the Deployment of the same name.
    pub(super) fn autoscaler(&mut self, workload: Workload<'_>) {
        self.put("autoscaling", "horizontalpodautoscalers", "autoscaling/v2", "HorizontalPodAutoscaler", json!({
            "metadata": {"name": workload.name, "namespace": workload.namespace},
            "spec": {"minReplicas": 1, "maxReplicas": workload.replicas * 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name},
                     "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]},
            "status": {"currentReplicas": workload.replicas, "desiredReplicas": workload.replicas, "currentMetrics": []},
        }));
    }

    /// A NetworkPolicy that admits the namespace itself and the ingress controller.
    pub(super) fn network_policy(&mut self, namespace: &str) {
        self.put("networking.k8s.io", "networkpolicies", "networking.k8s.io/v1", "NetworkPolicy", json!({
            "metadata": {"name": "default-deny", "namespace": namespace},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}, {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]}]},
        }));
    }
}
