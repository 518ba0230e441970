//! Which crate may depend on which, over `cargo metadata`.
//!
//! The rules are about what ships: normal and build dependencies. Tests may use what they like.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

/// Third-party crates that only some packages may name, with the folders or packages that may.
const RESERVED: &[(&str, &[&str])] = &[
    // One place knows the Kubernetes client, so that another one can take its place.
    ("kube", &["meshsync-informer", "meshsync-examples"]),
    ("kube-client", &["meshsync-informer"]),
    ("kube-core", &["meshsync-informer"]),
    ("kube-runtime", &[]),
    // The same for the broker's client.
    ("async-nats", &["meshsync-broker"]),
    // One crate knows how a file system tells of changes.
    ("notify", &["meshsync-sources"]),
    // Libraries have typed errors.
    ("anyhow", &["bins/", "examples/", "benches/"]),
];

/// What would make the pure crate impure: names, or the beginning of names where they end in `*`.
const IMPURE: &[&str] = &[
    "async-*", "axum*", "futures*", "h2", "http*", "hyper*", "kube*", "nats*", "reqwest", "smol*",
    "tokio*", "tower*",
];

/// The facts about one workspace package that the rules look at.
#[derive(Debug)]
struct Package {
    /// Relative to the workspace, with a slash at the end.
    dir: String,
    /// What it ships with.
    dependencies: Vec<String>,
}

type Workspace = BTreeMap<String, Package>;

#[test]
fn the_workspace_keeps_its_layers() {
    assert_eq!(violations(&workspace()), Vec::<String>::new());
}

#[test]
fn every_rule_catches_its_violation() {
    let package = |dir: &str, dependencies: &[&str]| Package {
        dir: dir.to_owned(),
        dependencies: dependencies.iter().map(ToString::to_string).collect(),
    };
    let broken = Workspace::from([
        (
            "meshsync".to_owned(),
            package(
                "crates/meshsync/",
                &["kube", "meshsync-sim", "meshsync-web"],
            ),
        ),
        (
            "meshsync-cli".to_owned(),
            package("bins/meshsync/", &["anyhow", "async-nats", "meshsync-sim"]),
        ),
        (
            "meshsync-fingerprint".to_owned(),
            package("crates/meshsync-fingerprint/", &["meshsync", "tokio"]),
        ),
        (
            "meshsync-model".to_owned(),
            package("crates/meshsync-model/", &["anyhow", "tokio-util"]),
        ),
        (
            "meshsync-web".to_owned(),
            package("crates/meshsync-web/", &["meshsync"]),
        ),
        (
            "meshsync-sim".to_owned(),
            package("crates/meshsync-sim/", &["meshsync-model"]),
        ),
        (
            "meshsync-sources".to_owned(),
            package("crates/meshsync-sources/", &["meshsync-broker", "notify"]),
        ),
        (
            "meshsync-broker".to_owned(),
            package("crates/meshsync-broker/", &["notify"]),
        ),
    ]);
    assert_eq!(
        violations(&broken),
        [
            "meshsync must not depend on kube",
            "meshsync must not depend on meshsync-sim: it is for tests and bins",
            "meshsync must not depend on meshsync-web: it is on top of everything",
            "meshsync-broker must not depend on notify",
            "meshsync-cli must not depend on async-nats",
            "meshsync-fingerprint must not depend on meshsync: it knows objects and nothing else",
            "meshsync-fingerprint must not depend on tokio: it is pure",
            "meshsync-model must not depend on anyhow",
            "meshsync-model must not depend on tokio-util: it is pure",
            "meshsync-sim must not depend on meshsync-model: it must not share code with what it tests",
            "meshsync-sources must not depend on meshsync-broker: it does not know what a sink is",
        ]
    );
}

fn violations(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for (name, package) in workspace {
        for dependency in &package.dependencies {
            if let Some(reason) = objection(name, package, dependency, workspace) {
                found.push(format!("{name} must not depend on {dependency}{reason}"));
            }
        }
    }
    found
}

/// Why an edge must not be, or `None` where it may.
fn objection(
    name: &str,
    package: &Package,
    dependency: &str,
    workspace: &Workspace,
) -> Option<&'static str> {
    let is_library = package.dir.starts_with("crates/");
    let is_ours = workspace.contains_key(dependency);
    let reserved = RESERVED
        .iter()
        .find(|(crate_name, _)| *crate_name == dependency);
    if let Some((_, allowed)) = reserved
        && !allowed
            .iter()
            .any(|allowed| *allowed == name || package.dir.starts_with(allowed))
    {
        return Some("");
    }
    match (name, dependency) {
        ("meshsync-model" | "meshsync-fingerprint", _) if matches_any(dependency, IMPURE) => {
            Some(": it is pure")
        }
        ("meshsync-fingerprint", _) if is_ours && dependency != "meshsync-model" => {
            Some(": it knows objects and nothing else")
        }
        ("meshsync-sources", "meshsync-broker" | "meshsync-store") => {
            Some(": it does not know what a sink is")
        }
        ("meshsync-sim", _) if is_ours => Some(": it must not share code with what it tests"),
        ("meshsync-testkit", _) if is_ours => Some(": every crate's tests use it"),
        (_, "meshsync-sim") if is_library => Some(": it is for tests and bins"),
        (_, "meshsync-web") if is_library => Some(": it is on top of everything"),
        (_, "meshsync-testkit") => Some(": it is for tests"),
        _ => None,
    }
}

fn matches_any(name: &str, patterns: &[&str]) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
}

fn workspace() -> Workspace {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = Path::new(metadata["workspace_root"].as_str().unwrap());
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 5, "a workspace of many crates");
    packages.iter().map(|package| read(package, root)).collect()
}

fn read(package: &Value, root: &Path) -> (String, Package) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let manifest = text(&package["manifest_path"]);
    let dir = Path::new(&manifest).parent().unwrap();
    let dir = format!("{}/", dir.strip_prefix(root).unwrap().display());
    let dependencies = package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(&dependency["name"]))
        .collect();
    (text(&package["name"]), Package { dir, dependencies })
}
