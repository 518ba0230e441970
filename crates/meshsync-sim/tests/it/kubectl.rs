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
