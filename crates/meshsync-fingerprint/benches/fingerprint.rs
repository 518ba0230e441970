//! What fingerprints cost: per object, and for the catalog as a whole.
//!
//! Objects are made here, as long as those of real clusters are: 3 to 5 KB.

#![expect(clippy::unwrap_used, reason = "a bench, where the input is made")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use meshsync_fingerprint::{Catalog, Engine, Scout, builtin_rules};
use meshsync_model::Index;
use serde_json::{Value, json};

fn pod_spec(at: usize, image: &str) -> Value {
    let env: Vec<Value> = (0..8)
        .map(|n| json!({"name": format!("SETTING_{n}"), "valueFrom": {"configMapKeyRef": {"name": "settings", "key": format!("key-{n}")}}}))
        .collect();
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "initialDelaySeconds": 5, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3});
    json!({
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "kube-api-access", "projected": {"defaultMode": 420,
            "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
        "containers": [{
            "name": "app", "image": image,
            "args": ["--port=8080", "--metrics-addr=:9090", "--log-level=info", "serve"],
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}, {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
            "env": env, "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}], "livenessProbe": probe, "readinessProbe": probe,
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
        }],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "serviceAccountName": format!("app-{}", at % 50), "serviceAccount": format!("app-{}", at % 50),
        "nodeName": format!("node-{}", at % 200), "securityContext": {}, "schedulerName": "default-scheduler",
    })
}

/// Half pods, half Deployments, of applications that no rule knows.
fn objects(count: usize) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    (0..count)
        .map(|at| {
            let image = format!("registry.example/team-{}/shop-{}:1.{}.0", at % 30, at % 400, at % 20);
            let spec = pod_spec(at, &image);
            let labels = json!({"app": format!("shop-{}", at % 400), "app.kubernetes.io/name": format!("shop-{}", at % 400),
                "app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "shop-1.2.3", "team": "blue"});
            let mut metadata = json!({"name": format!("shop-{at}"), "namespace": format!("ns-{}", at % 100), "uid": format!("00000000-0000-0000-0000-{at:012}"),
                "resourceVersion": at.to_string(), "labels": labels, "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}});
            if at % 2 == 0 {
                metadata["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop", "uid": "x", "controller": true}]);
                let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                    "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": image, "imageID": format!("{image}@sha256:00")}]});
                let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status});
                ("", "Pod", pod.to_string().into_bytes())
            } else {
                let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "shop"}}, "template": {"metadata": {"labels": labels}, "spec": spec},
                    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}});
                let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec, "status": {"replicas": 2}});
                ("apps", "Deployment", object.to_string().into_bytes())
            }
        })
        .collect()
}

fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::compile(builtin_rules().unwrap()).unwrap())
}

fn per_object(c: &mut Criterion) {
    const COUNT: usize = 2_000;
    let catalog = catalog();
    let objects = objects(COUNT);
    let mut group = c.benchmark_group("objects");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("from bytes, with indexing", |b| {
        let mut scout = Scout::new(Arc::clone(&catalog));
        let mut index = Index::new();
        b.iter(|| {
            for (group, kind, bytes) in &objects {
                let object = index.parse(bytes).unwrap();
                black_box(scout.look(group, kind, &object));
            }
        });
    });
    // What a pipeline has anyway.
    group.bench_function("indexing alone", |b| {
        let mut index = Index::new();
        b.iter(|| {
            for (_, _, bytes) in &objects {
                black_box(index.parse(bytes).unwrap().name().len());
            }
        });
    });
    group.finish();
}

/// A container's keys against the tables, without reading JSON.
fn matching(c: &mut Criterion) {
    let catalog = catalog();
    let object = json!({"metadata": {"name": "shop", "namespace": "n"}, "spec": {"template": {"spec": {"containers": [
        {"name": "app", "image": "registry.example/team/shop:1.2.3"}]}}}});
    let bytes = object.to_string().into_bytes();
    let mut group = c.benchmark_group("matching");
    group.throughput(Throughput::Elements(1));
    group.bench_function("the smallest Deployment", |b| {
        let mut scout = Scout::new(Arc::clone(&catalog));
        let mut index = Index::new();
        let object = index.parse(&bytes).unwrap();
        b.iter(|| black_box(scout.look("apps", "Deployment", &object)));
    });
    group.finish();
}

fn whole(c: &mut Criterion) {
    let rules = builtin_rules().unwrap();
    c.bench_function("catalog: read the rules", |b| {
        b.iter(|| black_box(builtin_rules().unwrap()))
    });
    c.bench_function("catalog: compile", |b| {
        b.iter_batched(
            || rules.clone(),
            |rules| black_box(Catalog::compile(rules).unwrap()),
            BatchSize::LargeInput,
        );
    });
    let catalog = catalog();
    let examples: Vec<Value> = catalog
        .rules()
        .iter()
        .flat_map(|rule| &rule.examples)
        .flat_map(|example| &example.objects)
        .map(|sketch| sketch.object())
        .collect();
    c.bench_function("verdicts: one of every product, all made again", |b| {
        b.iter_batched(
            || {
                let mut engine = Engine::new(Arc::clone(&catalog));
                let mut index = Index::new();
                for object in &examples {
                    meshsync_fingerprint::apply_value(&mut engine, &mut index, object);
                }
                engine
            },
            |mut engine| black_box(engine.verdicts()),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, per_object, matching, whole);
criterion_main!(benches);
