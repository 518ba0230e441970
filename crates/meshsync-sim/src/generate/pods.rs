//! Pods and the templates they come from.

use serde_json::{Map, Value, json};

use super::emit::{Emit, Ref, node_name};
use super::workloads::Workload;

/// What a workload runs.
#[derive(Clone, Debug)]
pub(super) struct PodTemplate {
    pub(super) labels: Value,
    pub(super) annotations: Value,
    pub(super) spec: Value,
}

/// The container a template is built around.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) port: u16,
    /// Names of a ConfigMap, a Secret and a ServiceAccount to use.
    pub(super) uses: [&'a str; 3],
}

const ENV_NAMES: &[&str] = &[
    "LOG_LEVEL",
    "LOG_FORMAT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "HTTP_PORT",
    "GRPC_PORT",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "CACHE_URL",
    "QUEUE_URL",
    "FEATURE_FLAGS",
    "TZ",
    "GOMAXPROCS",
    "JAVA_OPTS",
    "REGION",
    "TENANT",
    "SENTRY_ENVIRONMENT",
    "REQUEST_TIMEOUT_MS",
    "RETRY_MAX",
    "PAYMENT_URL",
    "CATALOG_URL",
];

impl Emit<'_> {
    /// A template with a main container, now and then a sidecar and an init container.
    pub(super) fn pod_template(&mut self, labels: &Value, container: Container<'_>) -> PodTemplate {
        let mut containers = vec![self.container(container)];
        if self.chance(0.3) {
            containers.push(json!({
                "name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.27.1", "imagePullPolicy": "IfNotPresent",
                "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning"],
                "ports": [{"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"}],
                "env": self.env(6), "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
            }));
        }
        let mut spec = json!({
            "containers": containers, "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
            "serviceAccountName": container.uses[2], "serviceAccount": container.uses[2],
            "securityContext": {"runAsNonRoot": true, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            ],
            "volumes": [
                {"name": "config", "configMap": {"name": container.uses[0], "defaultMode": 420}},
                {"name": "tls", "secret": {"secretName": container.uses[1], "defaultMode": 420}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}}
            ],
        });
        if self.chance(0.2) {
            spec["initContainers"] = json!([{
                "name": "migrate", "image": container.image, "command": ["/bin/migrate", "up"],
                "resources": {}, "imagePullPolicy": "IfNotPresent",
            }]);
        }
        if self.chance(0.5) {
            strip(&mut spec);
        }
        let annotations = json!({
            "checksum/config": self.text(64), "prometheus.io/scrape": "true", "prometheus.io/port": container.port.to_string(),
        });
        PodTemplate {
            labels: labels.clone(),
            annotations,
            spec,
        }
    }

    fn container(&mut self, container: Container<'_>) -> Value {
        let variables = self.between(0, 14);
        json!({
            "name": container.name, "image": container.image, "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": container.port, "protocol": "TCP"},
                      {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
            "env": self.env(variables),
            "resources": {
                "requests": {"cpu": format!("{}m", self.between(1, 20) * 50), "memory": format!("{}Mi", self.between(1, 16) * 64)},
                "limits": {"memory": format!("{}Mi", self.between(16, 32) * 64)},
            },
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "initialDelaySeconds": 15, "periodSeconds": 20, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1},
            "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "volumeMounts": [{"name": "config", "mountPath": "/etc/config", "readOnly": true}, {"name": "tls", "mountPath": "/etc/tls", "readOnly": true},
                             {"name": "tmp", "mountPath": "/tmp"}, {"name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
        })
    }

    fn env(&mut self, variables: usize) -> Value {
        let start = self.between(0, ENV_NAMES.len() - 1);
        let row = |emit: &mut Self, at: usize| {
            let name = ENV_NAMES[(start + at) % ENV_NAMES.len()];
            if at % 7 == 3 {
                return json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}});
            }
            let length = emit.between(3, 40);
            json!({"name": name, "value": emit.text(length)})
        };
        (0..variables.min(ENV_NAMES.len()))
            .map(|at| row(self, at))
            .collect()
    }

    /// One pod of a workload. `node` is given for pods that are bound to one.
    pub(super) fn pod(
        &mut self,
        namespace: &str,
        name: &str,
        template: &PodTemplate,
        owner: &Ref,
        node: Option<usize>,
    ) {
        let node = node.map_or_else(|| self.node(), node_name);
        let started = self.time();
        let healthy = self.chance(0.97);
        let (pod_ip, host_ip) = (self.ip(244), self.ip(0));
        let statuses: Vec<Value> = template.spec["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|container| {
                let running = json!({"running": {"startedAt": started}});
                let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}});
                let image = container["image"].as_str().unwrap_or_default();
                json!({
                    "name": container["name"], "image": image, "ready": healthy, "started": healthy,
                    "restartCount": if healthy { 0 } else { 17 }, "state": if healthy { running } else { waiting }, "lastState": {},
                    "imageID": format!("{}@sha256:{}{}", image.split(':').next().unwrap_or_default(), self.uid().replace('-', ""), self.uid().replace('-', "")),
                    "containerID": format!("containerd://{}{}", self.uid().replace('-', ""), self.uid().replace('-', "")),
                })
            })
            .collect();
        let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": started, "observedGeneration": 1});
        let mut spec = template.spec.clone();
        spec["nodeName"] = node.into();
        spec["enableServiceLinks"] = true.into();
        spec["preemptionPolicy"] = "PreemptLowerPriority".into();
        spec["priority"] = 0.into();
        let pod = json!({
            "metadata": {
                "name": name, "generateName": format!("{}-", owner.name), "namespace": namespace,
                "labels": template.labels, "annotations": template.annotations, "ownerReferences": owner.owner(),
            },
            "spec": spec,
            "status": {
                "phase": "Running", "qosClass": "Burstable", "podIP": pod_ip, "podIPs": [{"ip": pod_ip}],
                "hostIP": host_ip, "hostIPs": [{"ip": host_ip}], "startTime": started, "observedGeneration": 1,
                "conditions": [condition("PodReadyToStartContainers", true), condition("Initialized", true), condition("Ready", healthy),
                               condition("ContainersReady", healthy), condition("PodScheduled", true)],
                "containerStatuses": statuses,
            },
        });
        self.put("", "pods", "v1", "Pod", pod);
    }
}

/// Labels as Helm charts write them, with the version that the image has.
pub(super) fn labels(workload: Workload<'_>, component: &str) -> Value {
    let pairs = [
        ("app.kubernetes.io/name", workload.name),
        ("app.kubernetes.io/instance", workload.name),
        ("app.kubernetes.io/part-of", workload.part_of),
        ("app.kubernetes.io/component", component),
        ("app.kubernetes.io/version", version_of(workload.image)),
        ("app.kubernetes.io/managed-by", "Helm"),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// What an image's tag says: of `REPOSITORY:0.48.0-kafka-4.1.0` the version of
/// what runs, which is the last.
fn version_of(image: &str) -> &str {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    tag.rsplit_once("-kafka-").map_or(tag, |(_, kafka)| kafka)
}

/// Takes away what a careless author leaves out; pods are then a third of the size.
fn strip(spec: &mut Value) {
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("securityContext");
        spec.remove("tolerations");
    }
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        for key in [
            "livenessProbe",
            "readinessProbe",
            "securityContext",
            "volumeMounts",
        ] {
            if let Some(container) = container.as_object_mut() {
                container.remove(key);
            }
        }
        if let Some(variables) = container["env"].as_array_mut() {
            variables.truncate(4);
        }
    }
}
