//! Rendering `deploy/`, with the programs people render it with.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use meshsync_testkit::tool;
use serde_json::Value;
use tempfile::TempDir;

/// Namespace and name of the release in every test.
const RELEASE: &str = "meshsync";

/// The components that can be laid over the base.
pub(crate) const COMPONENTS: [&str; 8] = [
    "discovery",
    "events",
    "flowcontrol",
    "election",
    "everything",
    "without-secrets",
    "replicas",
    "servicemonitor",
];

/// Values of the chart that change what is rendered, each with a name.
pub(crate) const VALUES: &[(&str, &[&str])] = &[
    ("defaults", &[]),
    ("replicas", &["--set=replicas=3"]),
    ("election", &["--set=leaderElection.enabled=true"]),
    ("discovery", &["--set=discovery.enabled=true"]),
    (
        "a configuration that answers",
        &["--set=discovery.enabled=true,discovery.createDefinition=false,events.enabled=true"],
    ),
    ("events", &["--set=events.enabled=true"]),
    (
        "flow control",
        &["--set=flowControl.enabled=true,flowControl.shares=20"],
    ),
    ("no secrets", &["--set=rbac.secrets=false"]),
    ("everything", &["--set=rbac.customResources.all=true"]),
    (
        "groups",
        &["--set=rbac.customResources.groups={cert-manager.io,argoproj.io}"],
    ),
    (
        "logs and exec",
        &["--set=rbac.logs.namespaces={shop,payments},rbac.exec.namespaces={shop}"],
    ),
    (
        "synthetic test",
        &["--set=syntheticTest.interval=60s,syntheticTest.namespace=shop"],
    ),
    ("service monitor", &["--set=serviceMonitor.enabled=true"]),
    ("no policy", &["--set=networkPolicy.enabled=false"]),
    (
        "broker",
        &["--set=broker.url=nats://nats.messaging:4222,broker.tokenSecret.name=nats"],
    ),
    ("broker in a Secret", &["--set=broker.urlSecret.name=nats"]),
    (
        "configuration",
        &[r#"--set-json=config={"exclude":["replicasets.apps"],"sinks":["stdout:"]}"#],
    ),
    (
        "meshery",
        &["--set=mode=meshery,broker.url=nats://nats.messaging:4222"],
    ),
    (
        "more of everything",
        &[
            "--set=extraArgs={--log-format=json},priorityClassName=high",
            r#"--set-json=extraEnv=[{"name":"RUST_LOG","value":"debug"}]"#,
            r#"--set-json=tolerations=[{"operator":"Exists"}]"#,
            r#"--set-json=nodeSelector={"kubernetes.io/os":"linux"}"#,
            r#"--set-json=extraVolumes=[{"name":"state","emptyDir":{}}]"#,
            r#"--set-json=extraVolumeMounts=[{"name":"state","mountPath":"/state"}]"#,
            r#"--set-json=resources.limits={"memory":"256Mi"}"#,
            r#"--set-json=networkPolicy.ingressFrom=[{"namespaceSelector":{}}]"#,
            r#"--set-json=networkPolicy.extraEgress=[{"ports":[{"port":9000}]}]"#,
            r#"--set-json=image.pullSecrets=[{"name":"registry"}]"#,
        ],
    ),
];

/// The folder `deploy`.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// What Kustomize makes of a folder below `deploy/kustomize`.
pub(crate) fn kustomize(folder: &str) -> Option<Vec<Value>> {
    build(&deploy().join("kustomize").join(folder))
}

/// The base with components over it, as a user writes that down.
pub(crate) fn base_with(components: &[&str]) -> Option<Vec<Value>> {
    let dir = copy();
    let list = |paths: &[&str]| {
        let lines = paths.iter().map(|path| format!("  - kustomize/{path}\n"));
        lines.collect::<String>()
    };
    let mut text = format!("resources:\n{}", list(&["base"]));
    if !components.is_empty() {
        text.push_str(&format!("components:\n{}", list(components)));
    }
    fs::write(dir.path().join("kustomization.yaml"), text).unwrap();
    build(dir.path())
}

/// A copy of `deploy`, to write beside it.
pub(crate) fn copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new("cp")
        .arg("-R")
        .arg(deploy().join("kustomize"))
        .arg(dir.path())
        .status();
    assert!(status.unwrap().success());
    dir
}

fn build(folder: &Path) -> Option<Vec<Value>> {
    let mut command = Command::new(tool("kubectl")?);
    command.arg("kustomize").arg(folder);
    Some(documents(&rendered(command).unwrap()))
}

/// What Helm makes of the chart.
pub(crate) fn chart(values: &[&str]) -> Option<Vec<Value>> {
    Some(documents(&helm("template", values)?.unwrap()))
}

/// A command of Helm on the chart; `Err` is what it complains about.
pub(crate) fn helm(command: &str, args: &[&str]) -> Option<Result<String, String>> {
    let mut run = Command::new(tool("helm")?);
    run.arg(command);
    if command != "lint" {
        run.arg(RELEASE);
    }
    run.arg(deploy().join("helm/meshsync"))
        .args(["--namespace", RELEASE])
        .args(args);
    Some(rendered(run))
}

fn rendered(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

pub(crate) fn documents(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    all.into_iter().filter(|value| !value.is_null()).collect()
}

/// Every combination the tests look at, with a name for messages.
pub(crate) fn combinations() -> Option<Vec<(String, Vec<Value>)>> {
    let mut all = Vec::new();
    for folder in [
        "base",
        "logs",
        "exec",
        "canary",
        "meshery-rbac",
        "meshery-operator",
        "meshery",
    ] {
        all.push((format!("kustomize {folder}"), kustomize(folder)?));
    }
    for component in COMPONENTS {
        let name = format!("kustomize base with {component}");
        all.push((name, base_with(&[component])?));
    }
    all.push((
        "kustomize base with all".to_owned(),
        base_with(&COMPONENTS)?,
    ));
    for (name, values) in VALUES {
        all.push((format!("chart: {name}"), chart(values)?));
    }
    Some(all)
}

pub(crate) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| kind(object) == wanted)
        .collect()
}

/// The items of a list that may be absent.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The texts of a list that may be absent.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    items(value).map(|item| item.as_str().unwrap()).collect()
}
