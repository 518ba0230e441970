//! Deployments, StatefulSets and DaemonSets with everything they own.

use serde_json::{Value, json};

use super::{
    emit::Emit,
    pods::{Container, PodTemplate, labels},
};

/// A workload to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) part_of: &'a str,
    pub(super) image: &'a str,
    pub(super) port: u16,
    pub(super) replicas: usize,
}

impl Emit<'_> {
    fn template_of(
        &mut self,
        workload: Workload<'_>,
        component: &str,
    ) -> (Value, Value, PodTemplate) {
        let labels = labels(workload, component);
        let selector = json!({"matchLabels": {"app.kubernetes.io/name": workload.name}});
        let (config, secret) = (
            format!("{}-config", workload.name),
            format!("{}-tls", workload.name),
        );
        let template = self.pod_template(
            &labels,
            Container {
                name: workload.name,
                image: workload.image,
                port: workload.port,
                uses: [&config, &secret, workload.name],
            },
        );
        (labels, selector, template)
    }

    fn metadata(&mut self, workload: Workload<'_>, labels: &Value) -> Value {
        let mut metadata = json!({
            "name": workload.name, "namespace": workload.namespace, "labels": labels,
            "annotations": {"meta.helm.sh/release-name": workload.part_of, "meta.helm.sh/release-namespace": workload.namespace},
        });
        if self.chance(0.05) {
            metadata["labels"]["design.meshery.io/id"] = self.uid().into();
        }
        metadata
    }

    /// A Deployment, its current and sometimes an older ReplicaSet, and its pods.
    pub(super) fn deployment(&mut self, workload: Workload<'_>) {
        let (labels, selector, template) = self.template_of(workload, "server");
        let replicas = workload.replicas;
        let pod_template = json!({"metadata": {"labels": template.labels, "annotations": template.annotations}, "spec": template.spec});
        let mut metadata = self.metadata(workload, &labels);
        metadata["annotations"]["deployment.kubernetes.io/revision"] = "2".into();
        let at = self.time();
        let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "message": "", "lastUpdateTime": at, "lastTransitionTime": at});
        let deployment = self.put("apps", "deployments", "apps/v1", "Deployment", json!({
            "metadata": metadata,
            "spec": {"replicas": replicas, "selector": selector, "template": pod_template, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                     "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}},
            "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
                       "conditions": [condition("Available", "MinimumReplicasAvailable"), condition("Progressing", "NewReplicaSetAvailable")]},
        }));
        let old = usize::from(self.chance(0.4));
        for generation in 0..=old {
            let hash = self.suffix(10);
            let replicas = if generation == old { replicas } else { 0 };
            let mut labels = labels.clone();
            labels["pod-template-hash"] = hash.as_str().into();
            let mut selector = selector.clone();
            selector["matchLabels"]["pod-template-hash"] = hash.as_str().into();
            let mut owned = pod_template.clone();
            owned["metadata"]["labels"] = labels.clone();
            let name = format!("{}-{hash}", workload.name);
            let set = self.put("apps", "replicasets", "apps/v1", "ReplicaSet", json!({
                "metadata": {"name": name, "namespace": workload.namespace, "labels": labels, "ownerReferences": deployment.owner(),
                             "annotations": {"deployment.kubernetes.io/desired-replicas": replicas.to_string(), "deployment.kubernetes.io/revision": (generation + 1).to_string()}},
                "spec": {"replicas": replicas, "selector": selector, "template": owned},
                "status": {"observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas, "fullyLabeledReplicas": replicas},
            }));
            let template = PodTemplate {
                labels,
                ..template.clone()
            };
            for _ in 0..replicas {
                let name = format!("{name}-{}", self.suffix(5));
                self.pod(workload.namespace, &name, &template, &set, None);
            }
        }
    }

    /// A StatefulSet, its claims, and its pods.
    pub(super) fn stateful_set(&mut self, workload: Workload<'_>) {
        let (labels, selector, template) = self.template_of(workload, "database");
        let replicas = workload.replicas;
        let metadata = self.metadata(workload, &labels);
        let revision = format!("{}-{}", workload.name, self.suffix(10));
        let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}});
        let set = self.put("apps", "statefulsets", "apps/v1", "StatefulSet", json!({
            "metadata": metadata,
            "spec": {"replicas": replicas, "serviceName": workload.name, "selector": selector, "podManagementPolicy": "OrderedReady", "volumeClaimTemplates": [claim],
                     "template": {"metadata": {"labels": template.labels, "annotations": template.annotations}, "spec": template.spec},
                     "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
            "status": {"observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas, "currentReplicas": replicas, "availableReplicas": replicas,
                       "currentRevision": revision, "updateRevision": revision, "collisionCount": 0},
        }));
        for ordinal in 0..replicas {
            let name = format!("{}-{ordinal}", workload.name);
            let volume = format!("pvc-{}", self.uid());
            self.put("", "persistentvolumeclaims", "v1", "PersistentVolumeClaim", json!({
                "metadata": {"name": format!("data-{name}"), "namespace": workload.namespace, "labels": labels},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}, "storageClassName": "gp3", "volumeMode": "Filesystem", "volumeName": volume},
                "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"}},
            }));
            let mut template = template.clone();
            template.labels["statefulset.kubernetes.io/pod-name"] = name.as_str().into();
            template.labels["controller-revision-hash"] = revision.as_str().into();
            self.pod(workload.namespace, &name, &template, &set, None);
        }
    }

    /// A DaemonSet with a pod on every node, up to `workload.replicas`.
    pub(super) fn daemon_set(&mut self, workload: Workload<'_>) {
        let (labels, selector, template) = self.template_of(workload, "agent");
        let metadata = self.metadata(workload, &labels);
        let pods = self.nodes.min(workload.replicas);
        let set = self.put("apps", "daemonsets", "apps/v1", "DaemonSet", json!({
            "metadata": metadata,
            "spec": {"selector": selector, "revisionHistoryLimit": 10, "template": {"metadata": {"labels": template.labels}, "spec": template.spec},
                     "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}},
            "status": {"observedGeneration": 1, "currentNumberScheduled": pods, "desiredNumberScheduled": pods, "numberAvailable": pods, "numberReady": pods, "numberMisscheduled": 0, "updatedNumberScheduled": pods},
        }));
        for node in 0..pods {
            let name = format!("{}-{}", workload.name, self.suffix(5));
            self.pod(workload.namespace, &name, &template, &set, Some(node));
        }
    }
}
