//! `meshsync fingerprint`, `meshsync rules` and `meshsync run --fingerprints`.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{Cluster, ended, line_with, lines, meshsync, run};

/// An installation of cert-manager, written from the facts about it.
const INSTALLED: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: certificates.cert-manager.io
  labels: {app.kubernetes.io/version: v1.19.1}
spec:
  group: cert-manager.io
  names: {kind: Certificate, plural: certificates, singular: certificate}
  scope: Namespaced
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cert-manager
  namespace: security
  labels: {app: cert-manager, app.kubernetes.io/name: cert-manager, app.kubernetes.io/version: v1.19.1}
spec:
  selector: {matchLabels: {app: cert-manager}}
  template:
    metadata: {labels: {app: cert-manager}}
    spec:
      serviceAccountName: cert-manager
      containers:
      - name: cert-manager-controller
        image: quay.io/jetstack/cert-manager-controller:v1.19.1
        args: [--cluster-resource-namespace=security, --leader-election-namespace=kube-system]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 'registry.example/web:1.0'}]
";

/// A rule as somebody would write for a product of their own.
const OWN_RULE: &str = r#"
id: acme-db
name: Acme DB
category: database
home: https://acme.io
anchors:
- images: [acme/db]
- crds: [databases.acme.io]
version:
- {from: image}
examples:
- title: the database
  version: 1.2.3
  objects:
  - kind: StatefulSet
    name: db
    namespace: data
    containers: [{name: db, image: "registry.acme.io/acme/db:1.2.3"}]
  - kind: CustomResourceDefinition
    name: databases.acme.io
counter-examples:
- title: another database
  objects:
  - kind: StatefulSet
    name: acme-db
    containers: [{name: db, image: "registry.other.io/other/db:1.2.3"}]
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn assert_is_cert_manager(verdict: &Value) {
    assert_eq!(verdict["product"], "cert-manager", "{verdict}");
    assert_eq!(verdict["state"], "identified", "{verdict}");
    assert_eq!(verdict["version"], "1.19.1", "{verdict}");
    assert_eq!(verdict["namespace"], "security", "{verdict}");
    let evidence = verdict["evidence"].to_string();
    assert!(
        evidence.contains("certificates.cert-manager.io"),
        "{evidence}"
    );
}

#[tokio::test]
async fn manifests_say_what_is_installed_in_three_forms() {
    let dir = folder(&[("install.yaml", INSTALLED)]);
    let dir = dir.path().to_str().unwrap();
    let of = async |flags: &[&str]| {
        let ended = ended(meshsync(&[&["fingerprint", "-f", dir], flags].concat())).await;
        ended.assert_code(0);
        ended.stdout
    };
    let verdicts: Vec<Value> = serde_json::from_str(&of(&["-o", "json"]).await).unwrap();
    assert_eq!(verdicts.len(), 1, "the application is no product");
    assert_is_cert_manager(&verdicts[0]);
    for member in [
        "name",
        "versions",
        "edition",
        "instance",
        "confidence",
        "components",
    ] {
        assert!(verdicts[0].get(member).is_some(), "{member}");
    }
    assert!(of(&["-o", "yaml"]).await.contains("product: cert-manager"));
    let table = of(&[]).await;
    assert!(table.starts_with("PRODUCT") && table.contains("cert-manager"));
    let why = of(&["--explain", "cert-manager"]).await;
    assert!(
        why.contains("quay.io/jetstack/cert-manager-controller"),
        "{why}"
    );
}

#[tokio::test]
async fn standard_input_will_do_and_what_is_less_sure_can_be_left_out() {
    let definition = INSTALLED.split("---").next().unwrap();
    for (state, count) in [("api-only", 1), ("identified", 0)] {
        let flags = ["fingerprint", "-f", "-", "-o", "json", "--min-state", state];
        let mut child = meshsync(&flags).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(definition.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let verdicts: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdicts.len(), count, "{verdicts:?}");
    }
}

#[tokio::test]
async fn what_is_no_manifest_is_named() {
    let dir = folder(&[("a.yaml", "kind: [unclosed\n")]);
    let file = dir.path().join("a.yaml");
    let ended = ended(meshsync(&["fingerprint", "-f", file.to_str().unwrap()])).await;
    assert_ne!(ended.code, Some(0));
    ended.assert_says(&["a.yaml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_says_the_same_as_its_manifests() {
    let cluster = Cluster::start(60).await;
    for document in INSTALLED.split("---") {
        let object: Value = serde_saphyr::from_str(document).unwrap();
        cluster.sim.apply(object).unwrap();
    }
    let mut command = meshsync(&["fingerprint", "-o", "json"]);
    command.arg("--source").arg(cluster.source());
    let ended = ended(command).await;
    ended.assert_code(0);
    let verdicts: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let found = verdicts
        .iter()
        .find(|verdict| verdict["product"] == "cert-manager" && verdict["namespace"] == "security");
    assert_is_cert_manager(found.expect(&ended.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_pipeline_tells_what_is_installed_and_when_it_goes() {
    let cluster = Cluster::of(meshsync_sim::Sim::builder()).await;
    for document in INSTALLED.split("---") {
        let object: Value = serde_saphyr::from_str(document).unwrap();
        cluster.sim.apply(object).unwrap();
    }
    let mut child = run(&cluster, &["--fingerprints"]).spawn().unwrap();
    let mut stdout = lines(child.stdout.take().unwrap());
    let told = line_with(&mut stdout, r#""kind":"Fingerprint""#).await;
    assert!(told.contains("cert-manager"), "{told}");
    let gone = [
        ("apps", "deployments", Some("security"), "cert-manager"),
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            "certificates.cert-manager.io",
        ),
    ];
    for (group, plural, namespace, name) in gone {
        cluster.sim.delete(group, plural, namespace, name).unwrap();
    }
    loop {
        let line = line_with(&mut stdout, r#""kind":"Fingerprint""#).await;
        let record: Value = serde_json::from_str(&line).unwrap();
        if record["event"] == "DELETED" {
            break;
        }
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn rules_of_a_folder_are_listed_checked_tested_and_used() {
    let dir = folder(&[("acme-db.yaml", OWN_RULE)]);
    let path = dir.path().to_str().unwrap();
    let of = async |args: &[&str]| ended(meshsync(args)).await;
    let listed = of(&["rules", "list", "--rules", path]).await;
    listed.assert_code(0);
    let ids: Vec<&str> = listed.stdout.lines().collect();
    assert!(ids.contains(&"acme-db") && ids.contains(&"istio"));
    assert!(ids.len() > 150, "{} rules", ids.len());
    let checked = of(&["rules", "check", path]).await;
    checked.assert_code(0);
    assert!(checked.stdout.contains("1 rules, OK"), "{}", checked.stdout);
    let tested = of(&["rules", "test", path]).await;
    tested.assert_code(0);
    assert!(tested.stdout.contains("2 examples, OK"));
    let schema = of(&["rules", "schema"]).await;
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    assert!(schema["properties"]["anchors"].is_object());

    std::fs::write(dir.path().join("acme-db.yaml"), "id: acme-db\nnam: x\n").unwrap();
    let wrong = of(&["rules", "check", path]).await;
    wrong.assert_code(78);
    wrong.assert_says(&["acme-db.yaml:2:"]);
}
