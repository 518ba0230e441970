//! Every command of README.md and of the documents beside the guide: it is run, or it is said here why not.
//! Those of the guide and of docs/DEPLOY.md have tests of their own.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use meshsync_testkit::NatsServer;
use serde_json::json;

use crate::reader::{Reader, commands, root};

/// What is not run, by what is in it.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo run --example ", "tests of `examples` run them"),
    (
        "cargo xtask ",
        "a chore of the project: it builds or measures all of it",
    ),
    ("cargo build ", "it builds what is tested here"),
    ("cargo test ", "it tests what is tested here"),
    ("cargo bench ", "it measures"),
    (
        "cargo +nightly fuzz ",
        "it wants a nightly compiler; `fuzz` replays its corpora in tests",
    ),
    (".ci/run", "it runs this"),
    ("kubesim ", "tests of `bins/kubesim` run it"),
    (
        " --source docker:",
        "it wants a container engine; tests of `meshsync-sources` have one",
    ),
    (
        "kubectl port-forward ",
        "a simulated cluster has no pods to forward to",
    ),
    (
        "kubectl apply -f deploy/prometheus/alerts.yaml",
        "it wants the Prometheus Operator; metrics.rs reads the file",
    ),
];

/// The agent whose streams the documents speak of.
const AGENT: &str = "meshsync run --sink 'jetstream://broker:4222?flush=allow' --admin-addr none --probes-addr none";
const IN_SYNC: &str = "every resource is in sync";

/// Pages whose commands other tests run.
fn is_elsewhere(page: &str) -> bool {
    page.starts_with("docs/guide/") || page == "docs/DEPLOY.md"
}

/// Every page, by its path in the repository, with commands on it.
fn pages() -> Vec<(String, Vec<String>)> {
    let mut folders = vec![PathBuf::from("docs")];
    let mut paths = vec![PathBuf::from("README.md"), PathBuf::from("CONTRIBUTING.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let page = |path: PathBuf| {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        (path.to_str().unwrap().to_owned(), commands(&text))
    };
    let all = paths.into_iter().map(page);
    all.filter(|(_, commands)| !commands.is_empty()).collect()
}

fn reason(command: &str) -> Option<&'static str> {
    let found = NOT_RUN.iter().find(|(part, _)| command.contains(part));
    found.map(|(_, reason)| *reason)
}

/// The file that README.md shows, for a cluster that has no context of that name.
fn configuration() -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let begins = "```yaml\n# meshsync.yaml";
    let file = &readme[readme.find(begins).unwrap() + "```yaml\n".len()..];
    let file = &file[..file.find("```").unwrap()];
    assert!(file.contains("k8s:?context=production"), "{file}");
    file.replace("k8s:?context=production", "k8s:")
}

const PRODUCT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: cert-manager
  namespace: cert-manager
  labels: {app.kubernetes.io/name: cert-manager, app: cert-manager}
spec:
  selector: {matchLabels: {app: cert-manager}}
  template:
    metadata: {labels: {app: cert-manager}}
    spec:
      containers:
        - name: cert-manager-controller
          image: quay.io/jetstack/cert-manager-controller:v1.18.2
";

/// What the commands take to be there.
async fn prepared(nats: NatsServer) -> Option<Reader> {
    let mut reader = Reader::new().await;
    reader.nats = Some(nats);
    if !reader.has("kubectl") {
        return None;
    }
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    });
    reader.cluster.sim.apply(deployment.clone()).unwrap();
    let write = |name: &str, text: &str| {
        let path = reader.cluster.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    // JSON is YAML.
    write("deploy/web.yaml", &deployment.to_string());
    for name in ["manifests/product.yaml", "manifest.yaml"] {
        write(name, PRODUCT);
    }
    write("kustomization.yaml", "resources: [manifest.yaml]\n");
    write("meshsync.yaml", &configuration());
    reader.until_said(AGENT, IN_SYNC).await;
    Some(reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_documents_is_run_or_said_why_not() {
    let Some(nats) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let Some(mut reader) = prepared(nats).await else {
        return;
    };
    let mut ran = BTreeSet::new();
    for (page, commands) in pages() {
        for command in commands.iter().filter(|_| !is_elsewhere(&page)) {
            let line = [
                "cargo run --release --bin meshsync -- ",
                "cargo run --bin meshsync -- ",
            ]
            .iter()
            .fold(command.clone(), |line, built| {
                line.replace(built, "meshsync ")
            });
            if reason(&line).is_some() || !ran.insert(line.clone()) {
                continue;
            }
            if let Some(export) = line.strip_prefix("export ") {
                let (name, value) = export.split_once('=').unwrap();
                reader.export(name, value);
            } else if line.starts_with("meshsync flush ") {
                // Nobody is there to be asked.
                let line = format!("{line} --yes");
                reader.beside(AGENT, IN_SYNC, &line).await;
            } else if line.starts_with("meshsync ") {
                reader.follow(&line).await;
            } else {
                assert!(line.contains("| meshsync "), "{page}: who runs {line:?}?");
                reader.once(&line).await;
            }
        }
    }
    assert!(ran.len() >= 25, "{ran:#?}");
}

#[test]
fn nothing_is_excused_that_is_not_there_and_no_page_is_read_by_nobody() {
    let pages = pages();
    let all = || {
        let pages = pages.iter().filter(|(page, _)| !is_elsewhere(page));
        pages.flat_map(|(_, commands)| commands)
    };
    for (part, reason) in NOT_RUN {
        assert!(reason.len() > 8, "{part} without a reason");
        assert!(
            all().any(|command| command.contains(part)),
            "{part} is on no page"
        );
    }
    let deploy = include_str!("../deploy/docs.rs");
    for (page, _) in pages.iter().filter(|(page, _)| is_elsewhere(page)) {
        let name = page.rsplit('/').next().unwrap();
        let guide = include_str!("guide.rs");
        assert!(guide.contains(name) || deploy.contains(name), "{page}");
    }
}

#[test]
fn commands_are_read_without_comments_and_with_what_they_go_on_in() {
    let page = "```console\n$ one --a   # why\nprinted\n$ two 'b c' \\\n    --d\n```\n```rust\n$ no\n```\n";
    assert_eq!(commands(page), ["one --a", "two 'b c' --d"]);
}
