//! The real kubectl against the simulator.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use meshsync_sim::{Generate, Sim};
use tempfile::TempDir;

struct Kubectl {
    program: PathBuf,
    home: TempDir,
}

impl Kubectl {
    fn for_sim(sim: &Sim) -> Option<Self> {
        Self::with(&sim.kubeconfig())
    }

    fn with(kubeconfig: &str) -> Option<Self> {
        let program = meshsync_testkit::tool("kubectl")?;
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config"), kubeconfig).unwrap();
        Some(Self { program, home })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args([
                "--kubeconfig".as_ref(),
                self.home.path().join("config").as_os_str(),
            ])
            .args([
                "--cache-dir".as_ref(),
                self.home.path().join("cache").as_os_str(),
            ])
            .args(["--request-timeout", "60s"])
            .args(arguments)
            .env("HOME", self.home.path());
        command
    }

    async fn output(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments).await;
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "kubectl {arguments:?}: {stdout}{stderr}"
        );
        stdout.into_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }
}

const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: from-kubectl, namespace: default}
data: {a: '1'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'registry.example.com/web:1'}]}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_reads_a_generated_cluster() {
    let sim = Sim::builder()
        .generate(Generate::objects(500))
        .start()
        .await
        .unwrap();
    let Some(kubectl) = Kubectl::for_sim(&sim) else {
        return;
    };
    let pods = kubectl.run(&["get", "pods", "-n", "kube-system"]).await;
    assert!(
        pods.starts_with("NAME") && pods.contains("Running") && pods.contains("coredns-"),
        "{pods}"
    );
    let everywhere = kubectl.run(&["get", "deploy", "-A", "-o", "wide"]).await;
    assert!(
        everywhere.contains("NAMESPACE") && everywhere.contains("cert-manager"),
        "{everywhere}"
    );
    let namespace = kubectl
        .run(&["get", "ns", "kube-system", "-o", "yaml"])
        .await;
    assert!(
        namespace.contains("kind: Namespace") && namespace.contains("phase: Active"),
        "{namespace}"
    );
    let resources = kubectl.run(&["api-resources"]).await;
    assert!(
        resources.contains("deployments") && resources.contains("cert-manager.io/v1"),
        "{resources}"
    );
    let versions = kubectl.run(&["api-versions"]).await;
    assert!(versions.contains("apps/v1"), "{versions}");
    let missing = kubectl.output(&["get", "pod", "no-such-pod"]).await;
    assert!(
        String::from_utf8_lossy(&missing.stderr).contains("NotFound"),
        "{missing:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_writes() {
    let sim = Sim::builder().start().await.unwrap();
    let Some(kubectl) = Kubectl::for_sim(&sim) else {
        return;
    };
    let manifest = kubectl.file("manifest.yaml", MANIFEST);
    let dry = kubectl
        .run(&["apply", "--dry-run=client", "-f", &manifest])
        .await;
    assert!(
        dry.contains("configmap/from-kubectl created (dry run)"),
        "{dry}"
    );
    assert!(
        sim.object("", "configmaps", Some("default"), "from-kubectl")
            .is_none()
    );
    let applied = kubectl.run(&["apply", "-f", &manifest]).await;
    assert!(applied.contains("deployment.apps/web created"), "{applied}");
    let again = kubectl.run(&["apply", "-f", &manifest]).await;
    assert!(again.contains("deployment.apps/web unchanged"), "{again}");
    kubectl
        .run(&["label", "configmap", "from-kubectl", "tier=front"])
        .await;
    let labelled = sim
        .object("", "configmaps", Some("default"), "from-kubectl")
        .unwrap();
    assert_eq!(labelled["metadata"]["labels"]["tier"], "front");
    kubectl.run(&["create", "namespace", "shop"]).await;
    kubectl
        .run(&[
            "create",
            "configmap",
            "made",
            "-n",
            "shop",
            "--from-literal=a=b",
        ])
        .await;
    kubectl
        .run(&["apply", "--server-side", "-f", &manifest])
        .await;
    kubectl
        .run(&["delete", "namespace", "shop", "--timeout=60s"])
        .await;
    assert!(sim.object("", "configmaps", Some("shop"), "made").is_none());
    kubectl
        .run(&["delete", "-f", &manifest, "--timeout=60s"])
        .await;
    assert!(
        sim.object("apps", "deployments", Some("default"), "web")
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_watches() {
    let sim = Sim::builder().start().await.unwrap();
    let Some(kubectl) = Kubectl::for_sim(&sim) else {
        return;
    };
    let mut command =
        kubectl.command(&["get", "configmaps", "-n", "default", "-w", "--no-headers"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    meshsync_testkit::eventually("kubectl watches", super::client::DEADLINE, async || {
        sim.requests().count(|request| request.is_watch()) > 0
    })
    .await;
    sim.apply(super::client::config_map("seen", "1")).unwrap();
    let line = tokio::task::spawn_blocking(move || lines.next().unwrap().unwrap());
    let line = super::client::within("a line from kubectl", line)
        .await
        .unwrap();
    assert!(line.starts_with("seen"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_speaks_tls_and_is_held_to_its_roles() {
    let sim = Sim::builder()
        .generate(Generate::objects(300))
        .tls()
        .rbac()
        .start()
        .await
        .unwrap();
    let Some(admin) = Kubectl::for_sim(&sim) else {
        return;
    };
    assert!(sim.url().starts_with("https://"));
    for command in [
        "create serviceaccount reader",
        "create role pods --verb=get,list,watch --resource=pods",
        "create rolebinding pods --role=pods --serviceaccount=default:reader",
        "run web --image=registry.example.com/web:1",
    ] {
        admin.run(&command.split(' ').collect::<Vec<_>>()).await;
    }
    let token = admin.run(&["create", "token", "reader"]).await;
    let credential = meshsync_sim::Credential::Token(token.trim());
    let reader = Kubectl::with(&sim.kubeconfig_with(credential)).unwrap();
    let pods = reader.run(&["get", "pods"]).await;
    assert!(pods.contains("web"), "{pods}");
    let yes = reader.run(&["auth", "can-i", "list", "pods"]).await;
    assert_eq!(yes.trim(), "yes");
    let who = reader.run(&["auth", "whoami"]).await;
    assert!(
        who.contains("system:serviceaccount:default:reader"),
        "{who}"
    );
    let rules = reader.run(&["auth", "can-i", "--list"]).await;
    assert!(
        rules.contains("pods") && rules.contains("[get list watch]"),
        "{rules}"
    );
    let refused = reader.output(&["get", "secrets", "-A"]).await;
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains(
            "secrets is forbidden: User \"system:serviceaccount:default:reader\" cannot list resource"
        ),
        "{refused:?}"
    );
    let stranger = Kubectl::with(&sim.kubeconfig_with(meshsync_sim::Credential::Token("wrong")));
    let stranger = stranger.unwrap().output(&["get", "pods"]).await;
    assert!(
        String::from_utf8_lossy(&stranger.stderr).contains("You must be logged in"),
        "{stranger:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_shows_wide_tables_and_selects() {
    let sim = Sim::builder()
        .generate(Generate::objects(500))
        .start()
        .await
        .unwrap();
    let Some(kubectl) = Kubectl::for_sim(&sim) else {
        return;
    };
    let run = async |command: &str| kubectl.run(&command.split(' ').collect::<Vec<_>>()).await;
    let wide = run("get pods -A -o wide").await;
    for title in [
        "READY",
        "RESTARTS",
        "IP",
        "NODE",
        "NOMINATED NODE",
        "READINESS GATES",
    ] {
        assert!(wide.contains(title), "{title}: {wide}");
    }
    let narrow = run("get pods -A").await;
    assert!(!narrow.contains("NOMINATED NODE"), "{narrow}");
    let nodes = run("get nodes -o wide").await;
    assert!(
        nodes.contains("CONTAINER-RUNTIME") && nodes.contains("Ready"),
        "{nodes}"
    );
    let services = run("get services -A").await;
    assert!(
        services.contains("PORT(S)") && services.contains("/TCP"),
        "{services}"
    );
    let dns = run("get pods -A -l k8s-app=kube-dns -o name").await;
    let all = run("get pods -A -o name").await;
    assert!(dns.lines().count() < all.lines().count());
    let name = all.lines().next().unwrap().trim_start_matches("pod/");
    let one = run(&format!(
        "get pods -A --field-selector metadata.name={name} -o name"
    ))
    .await;
    assert_eq!(one.lines().count(), 1, "{one}");
    let running = run("get pods -A --field-selector status.phase=Running -o name").await;
    let others = run("get pods -A --field-selector status.phase!=Running -o name").await;
    assert_eq!(
        running.lines().count() + others.lines().count(),
        all.lines().count()
    );
    let sorted =
        run("get namespaces --sort-by=.metadata.name -o jsonpath={.items[*].metadata.name}").await;
    let names: Vec<&str> = sorted.split(' ').collect();
    assert!(
        names.is_sorted() && names.contains(&"kube-system"),
        "{sorted}"
    );
    let described = run("describe pods -n kube-system").await;
    for part in ["Name:", "Namespace:", "Containers:", "Events:"] {
        assert!(described.contains(part), "{part}: {described}");
    }
    let described = run("describe deployment -n kube-system").await;
    assert!(
        described.contains("RollingUpdateStrategy:") || described.contains("StrategyType:"),
        "{described}"
    );
    let described = run("describe nodes").await;
    assert!(described.contains("Non-terminated Pods:"), "{described}");
    let explained = run("api-resources --api-group=apps -o name").await;
    assert!(explained.contains("deployments.apps"), "{explained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_creates_patches_waits_and_deletes() {
    let sim = Sim::builder().start().await.unwrap();
    let Some(kubectl) = Kubectl::for_sim(&sim) else {
        return;
    };
    let run = async |command: &str| kubectl.run(&command.split(' ').collect::<Vec<_>>()).await;
    let deployment = || sim.object("apps", "deployments", Some("default"), "web");
    run("create deployment web --image=registry.example.com/web:1 --replicas=2").await;
    assert_eq!(deployment().unwrap()["metadata"]["generation"], 1);
    let patch = r#"{"spec":{"replicas":3}}"#;
    kubectl
        .run(&["patch", "deployment", "web", "--type=merge", "-p", patch])
        .await;
    let patched = deployment().unwrap();
    assert_eq!(
        (
            &patched["metadata"]["generation"],
            &patched["spec"]["replicas"]
        ),
        (&2.into(), &3.into())
    );
    run("label deployment web tier=front").await;
    assert_eq!(deployment().unwrap()["metadata"]["generation"], 2);

    // A stale copy is refused.
    let stale = kubectl.file("stale.json", &deployment().unwrap().to_string());
    run("annotate deployment web example.com/seen=yes").await;
    let refused = kubectl.output(&["replace", "-f", &stale]).await;
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("Conflict"),
        "{refused:?}"
    );

    // What a controller would write, kubectl waits for.
    let status = serde_json::json!({"status": {
        "observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
    }});
    let (rolled, ready, ratio) = tokio::join!(
        run("rollout status deployment/web --timeout=60s"),
        run("wait --for=condition=Available deployment/web --timeout=60s"),
        async {
            meshsync_testkit::eventually("kubectl watches", super::client::DEADLINE, async || {
                sim.requests().count(|request| request.is_watch()) > 0
            })
            .await;
            sim.patch("apps", "deployments", Some("default"), "web", &status)
                .unwrap();
            run("get deployment web --no-headers").await
        }
    );
    assert!(rolled.contains("successfully rolled out"), "{rolled}");
    assert!(ready.contains("condition met"), "{ready}");
    assert!(ratio.contains("3/3"), "{ratio}");
    run("wait --for=jsonpath={.status.readyReplicas}=3 deployment/web --timeout=60s").await;

    // Finalizers hold an object back, marked.
    let hold = r#"{"metadata":{"finalizers":["example.com/hold"]}}"#;
    kubectl
        .run(&["patch", "deployment", "web", "--type=merge", "-p", hold])
        .await;
    run("delete deployment web --wait=false").await;
    let held = deployment().unwrap();
    assert!(held["metadata"]["deletionTimestamp"].is_string());
    let release = r#"{"metadata":{"finalizers":null}}"#;
    let patch = ["patch", "deployment", "web", "--type=merge", "-p", release];
    let (gone, _) = tokio::join!(
        run("wait --for=delete deployment/web --timeout=60s"),
        kubectl.run(&patch)
    );
    assert!(gone.is_empty() || gone.contains("condition met"), "{gone}");
    assert!(deployment().is_none());
}

const CRD: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gauges.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: gauges, singular: gauge, kind: Gauge, shortNames: [ga]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns:
    - {name: Level, type: integer, jsonPath: .spec.level}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type==\"Ready\")].status'}
    - {name: Unit, type: string, jsonPath: .spec.unit, priority: 1}
  - name: v1beta1
    served: true
    storage: false
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
  - name: v1alpha1
    served: false
    storage: false
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const GAUGE: &str = "
apiVersion: example.com/v1
kind: Gauge
metadata: {name: boiler}
spec: {level: 7, unit: bar}
status: {conditions: [{type: Ready, status: 'True'}]}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_uses_a_custom_resource_in_each_served_version() {
    let sim = Sim::builder().start().await.unwrap();
    let Some(kubectl) = Kubectl::for_sim(&sim) else {
        return;
    };
    let run = async |command: &str| kubectl.run(&command.split(' ').collect::<Vec<_>>()).await;
    let (definition, gauge) = (
        kubectl.file("crd.yaml", CRD),
        kubectl.file("gauge.yaml", GAUGE),
    );
    run(&format!("create -f {definition}")).await;
    run("wait --for=condition=Established crd/gauges.example.com --timeout=60s").await;
    run(&format!("create -f {gauge}")).await;
    let table = run("get ga").await;
    let cells: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        cells,
        [vec!["NAME", "LEVEL", "READY"], vec!["boiler", "7", "True"]]
    );
    let wide = run("get ga -o wide").await;
    assert!(wide.contains("UNIT") && wide.contains("bar"), "{wide}");
    let beta = run("get gauges.v1beta1.example.com boiler -o yaml").await;
    assert!(beta.contains("apiVersion: example.com/v1beta1"), "{beta}");
    let beta = run("get gauges.v1beta1.example.com").await;
    assert!(beta.contains("AGE") && !beta.contains("LEVEL"), "{beta}");
    let unserved = kubectl
        .output(&["get", "gauges.v1alpha1.example.com"])
        .await;
    assert!(!unserved.status.success(), "{unserved:?}");
    let resources = run("api-resources --api-group=example.com --no-headers").await;
    assert!(resources.contains("false"), "cluster scope: {resources}");
    let unserve = r#"[{"op":"replace","path":"/spec/versions/1/served","value":false}]"#;
    kubectl
        .run(&[
            "patch",
            "crd",
            "gauges.example.com",
            "--type=json",
            "-p",
            unserve,
        ])
        .await;
    let gone = super::client::get(&sim, "/apis/example.com/v1beta1/gauges").await;
    assert_eq!(gone.status, 404);
    run(&format!("delete -f {definition} --timeout=60s")).await;
    let gone = super::client::get(&sim, "/apis/example.com/v1/gauges").await;
    assert_eq!(gone.status, 404);
}
