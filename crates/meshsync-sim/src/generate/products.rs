//! Familiar products by their public names and images.

/// Which kind of workload a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// One workload of a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) namespace: &'static str,
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) image: &'static str,
    pub(super) port: u16,
    pub(super) replicas: usize,
}

/// `namespace kind(D/S/A) name image port replicas`, in descending importance: a small cluster gets
/// the first. `A` is a DaemonSet, on at most so many nodes.
const WORKLOADS: &str = "
kube-system D coredns registry.k8s.io/coredns/coredns:v1.12.4 53 2
kube-system A kube-proxy registry.k8s.io/kube-proxy:v1.36.0 10249 10
kube-system D metrics-server registry.k8s.io/metrics-server/metrics-server:v0.8.0 10250 1
cert-manager D cert-manager quay.io/jetstack/cert-manager-controller:v1.19.1 9402 1
cert-manager D cert-manager-cainjector quay.io/jetstack/cert-manager-cainjector:v1.19.1 9402 1
cert-manager D cert-manager-webhook quay.io/jetstack/cert-manager-webhook:v1.19.1 10250 1
argo-cd S argocd-application-controller quay.io/argoproj/argocd:v3.2.0 8082 1
argo-cd D argocd-repo-server quay.io/argoproj/argocd:v3.2.0 8081 2
argo-cd D argocd-server quay.io/argoproj/argocd:v3.2.0 8080 2
argo-cd D argocd-redis docker.io/library/redis:8.2-alpine 6379 1
monitoring D grafana docker.io/grafana/grafana:12.2.1 3000 1
monitoring D kube-state-metrics registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.17.0 8080 1
monitoring A node-exporter quay.io/prometheus/node-exporter:v1.10.2 9100 10
monitoring S alertmanager-main quay.io/prometheus/alertmanager:v0.29.0 9093 3
monitoring S prometheus-k8s quay.io/prometheus/prometheus:v3.7.3 9090 2
monitoring D prometheus-operator quay.io/prometheus-operator/prometheus-operator:v0.86.2 8080 1
istio-system D istiod docker.io/istio/pilot:1.27.1 15010 2
istio-system D istio-ingressgateway docker.io/istio/proxyv2:1.27.1 8080 2
ingress-nginx D ingress-nginx-controller registry.k8s.io/ingress-nginx/controller:v1.14.0 8443 2
cnpg-system D cnpg-controller-manager ghcr.io/cloudnative-pg/cloudnative-pg:1.27.1 9443 1
kafka D strimzi-cluster-operator quay.io/strimzi/operator:0.48.0 8080 1
kafka S events-broker quay.io/strimzi/kafka:0.48.0-kafka-4.1.0 9092 3
redis S redis-node docker.io/library/redis:8.2 6379 3
meshery D meshery docker.io/meshery/meshery:stable-latest 8080 1
meshery D meshery-operator docker.io/meshery/meshery-operator:stable-latest 9443 1
";

/// The workloads of all products, the most important first.
pub(super) fn workloads() -> impl Iterator<Item = Row> {
    WORKLOADS.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split(' ').collect();
        let [namespace, kind, name, image, port, replicas] = columns[..] else {
            return None;
        };
        let kind = match kind {
            "S" => Kind::StatefulSet,
            "A" => Kind::DaemonSet,
            _ => Kind::Deployment,
        };
        let (port, replicas) = (port.parse().ok()?, replicas.parse().ok()?);
        Some(Row {
            namespace,
            kind,
            name,
            image,
            port,
            replicas,
        })
    })
}

/// `group version Kind plural scope namespace`: custom resources, and the namespace of the
/// product that brings them.
pub(super) const CUSTOM: &[[&str; 6]] = &[
    [
        "cert-manager.io",
        "v1",
        "Certificate",
        "certificates",
        "N",
        "cert-manager",
    ],
    [
        "cert-manager.io",
        "v1",
        "ClusterIssuer",
        "clusterissuers",
        "C",
        "cert-manager",
    ],
    [
        "cert-manager.io",
        "v1",
        "Issuer",
        "issuers",
        "N",
        "cert-manager",
    ],
    [
        "argoproj.io",
        "v1alpha1",
        "Application",
        "applications",
        "N",
        "argo-cd",
    ],
    [
        "argoproj.io",
        "v1alpha1",
        "AppProject",
        "appprojects",
        "N",
        "argo-cd",
    ],
    [
        "monitoring.coreos.com",
        "v1",
        "Prometheus",
        "prometheuses",
        "N",
        "monitoring",
    ],
    [
        "monitoring.coreos.com",
        "v1",
        "PrometheusRule",
        "prometheusrules",
        "N",
        "monitoring",
    ],
    [
        "monitoring.coreos.com",
        "v1",
        "ServiceMonitor",
        "servicemonitors",
        "N",
        "monitoring",
    ],
    [
        "networking.istio.io",
        "v1",
        "DestinationRule",
        "destinationrules",
        "N",
        "istio-system",
    ],
    [
        "networking.istio.io",
        "v1",
        "Gateway",
        "gateways",
        "N",
        "istio-system",
    ],
    [
        "networking.istio.io",
        "v1",
        "VirtualService",
        "virtualservices",
        "N",
        "istio-system",
    ],
    [
        "postgresql.cnpg.io",
        "v1",
        "Cluster",
        "clusters",
        "N",
        "cnpg-system",
    ],
    ["kafka.strimzi.io", "v1", "Kafka", "kafkas", "N", "kafka"],
    [
        "kafka.strimzi.io",
        "v1",
        "KafkaTopic",
        "kafkatopics",
        "N",
        "kafka",
    ],
    [
        "meshery.io",
        "v1alpha1",
        "Broker",
        "brokers",
        "N",
        "meshery",
    ],
    [
        "meshery.io",
        "v1alpha1",
        "MeshSync",
        "meshsyncs",
        "N",
        "meshery",
    ],
];

/// Services of the invented shops.
pub(super) const SHOP_SERVICES: &[&str] = &[
    "adverts",
    "cart",
    "catalog",
    "checkout",
    "currency",
    "email",
    "frontend",
    "inventory",
    "invoices",
    "orders",
    "payments",
    "pricing",
    "profile",
    "ratings",
    "recommendations",
    "reviews",
    "search",
    "sessions",
    "shipping",
    "stock",
    "tax",
    "users",
    "vouchers",
    "warehouse",
    "wishlist",
];

/// Cities the shops are named after.
pub(super) const SHOPS: &[&str] = &[
    "amsterdam",
    "athens",
    "berlin",
    "bogota",
    "cairo",
    "chennai",
    "dakar",
    "dublin",
    "geneva",
    "hanoi",
    "helsinki",
    "istanbul",
    "jakarta",
    "kyoto",
    "lagos",
    "lima",
    "lisbon",
    "london",
    "madrid",
    "manila",
    "nairobi",
    "oslo",
    "paris",
    "prague",
    "quito",
    "riga",
    "rome",
    "seoul",
    "sofia",
    "sydney",
    "tallinn",
    "tokyo",
    "vienna",
    "warsaw",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(workloads().count(), WORKLOADS.trim().lines().count());
    }
}
