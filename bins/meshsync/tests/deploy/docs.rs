//! Every command of `docs/DEPLOY.md`, in order, on a cluster that enforces RBAC.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use meshsync_sim::{Sim, User};
use meshsync_testkit::tool;
use serde_json::json;

use crate::archive::{Archive, REFERENCE};
use crate::cluster::Cluster;
use crate::manifests::deploy;

/// One thing the page tells its reader to do.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Run(String),
    Write(String, String),
}

/// Commands are lines with a prompt; a block that begins with a comment is a file of that name.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        match language {
            "console" => {
                for line in text.lines() {
                    let command = line.strip_prefix("$ ");
                    steps.push(Step::Run(command.expect("only commands").to_owned()));
                }
            }
            "yaml" => {
                let (name, content) = text.split_once('\n').unwrap();
                let name = name.strip_prefix("# ").expect("a file's name").to_owned();
                steps.push(Step::Write(name, content.to_owned()));
            }
            other => panic!("what is done with {other:?}?"),
        }
    }
    steps
}

/// A folder that looks like the repository's, and programs that do what they are told but to no
/// more than that folder and the simulated cluster.
struct Place {
    cluster: Cluster,
    folder: tempfile::TempDir,
    has_podman: bool,
}

impl Place {
    async fn new(kubectl: &Path, helm: &Path) -> Self {
        // Meshery is there, with its operator's custom resource.
        let meshery =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshery"}});
        let names = json!({"plural": "meshsyncs", "singular": "meshsync", "kind": "MeshSync", "listKind": "MeshSyncList"});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "meshsyncs.meshery.io"},
            "spec": {
                "group": "meshery.io", "names": names, "scope": "Namespaced",
                "versions": [{"name": "v1alpha1", "served": true, "storage": true}],
            },
        });
        let resource = json!({
            "apiVersion": "meshery.io/v1alpha1", "kind": "MeshSync",
            "metadata": {"name": "meshery-meshsync", "namespace": "meshery"},
            "spec": {"size": 1, "version": "1.0.3"},
        });
        let cluster = Cluster::of(Sim::builder(), &[meshery, definition, resource]).await;
        let folder = tempfile::tempdir().unwrap();
        copy(&deploy(), folder.path());
        let podman = tool("podman");
        let place = Self {
            cluster,
            folder,
            has_podman: podman.is_some(),
        };
        place.program("kubectl", &format!("exec {} \"$@\"", kubectl.display()));
        place.program("helm", &format!("exec {} \"$@\"", helm.display()));
        if let Some(podman) = podman {
            let (podman, storage) = (podman.display(), place.path("storage"));
            let storage = storage.display();
            place.program(
                "podman",
                &format!("exec {podman} --root {storage}/root --runroot {storage}/run --storage-driver vfs \"$@\""),
            );
        }
        // What `cargo xtask image` does after the build is in the other tests; a build in a test
        // would take minutes.
        fs::create_dir_all(place.path("target/image")).unwrap();
        let image = Archive::shared().path();
        place.program(
            "cargo",
            &format!(
                "[ \"$1 $2\" = 'xtask image' ] && cp {} target/image/meshsync.tar",
                image.display()
            ),
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let bin = self.path("bin");
        fs::create_dir_all(&bin).unwrap();
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, command: &str) -> String {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-ec", command])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", self.cluster.kubeconfig(User::admin()))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command}:\n{out}\n{err}");
        out
    }
}

fn copy(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-R").arg(from).arg(into).status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_works() {
    let (Some(kubectl), Some(helm)) = (tool("kubectl"), tool("helm")) else {
        return;
    };
    let page = fs::read_to_string(deploy().join("../docs/DEPLOY.md")).unwrap();
    let steps = steps(&page);
    assert!(steps.len() > 12, "{steps:?}");
    let place = Place::new(&kubectl, &helm).await;
    for step in steps {
        match step {
            Step::Write(name, content) => fs::write(place.path(&name), content).unwrap(),
            Step::Run(command) if command.starts_with("podman ") && !place.has_podman => {}
            // The release takes what the base has made, which Helm rightly does not.
            Step::Run(command) => {
                if command.starts_with("helm install") {
                    place.run("kubectl delete --ignore-not-found --kustomize .");
                }
                let said = place.run(&command);
                if command.contains("can-i") {
                    assert_eq!(said.trim(), "yes", "{command}");
                }
                if command.starts_with("podman load") {
                    assert!(said.contains(REFERENCE), "{said}");
                }
            }
        }
    }
    let version = place
        .cluster
        .sim
        .object(
            "meshery.io",
            "meshsyncs",
            Some("meshery"),
            "meshery-meshsync",
        )
        .unwrap();
    assert_eq!(version["spec"]["version"], "1.1.0");
}

#[test]
fn commands_and_files_are_found_on_a_page() {
    let page = "text\n```console\n$ one\n$ two\n```\n\n```yaml\n# a.yaml\nb: 1\n```\n";
    let expected = [
        Step::Run("one".to_owned()),
        Step::Run("two".to_owned()),
        Step::Write("a.yaml".to_owned(), "b: 1\n".to_owned()),
    ];
    assert_eq!(steps(page), expected);
}
