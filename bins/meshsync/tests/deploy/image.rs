//! The container image.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use meshsync_testkit::tool;
use oci_spec::image::{Arch, Os};
use serde_json::{Value, json};

use crate::archive::{Archive, REFERENCE};
use crate::manifests::deploy;

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[out.as_slice(), err.as_slice()].concat()).into_owned()
}

#[test]
fn the_same_binary_gives_the_same_digest() {
    let (first, again) = (Archive::shared(), Archive::new());
    assert_eq!(first.summary.digest, again.summary.digest);
    let bytes = |archive: &Archive| std::fs::read(archive.path()).unwrap();
    assert!(bytes(first) == bytes(&again), "the archives differ");
}

#[test]
fn it_is_an_image_by_the_specification() {
    let (manifest, image, layers) = Archive::shared().read();
    assert_eq!(manifest.schema_version(), 2);
    assert_eq!(layers.len(), 2);
    assert_eq!(image.os(), &Os::Linux);
    let arch = match std::env::consts::ARCH {
        "aarch64" => Arch::ARM64,
        _ => Arch::Amd64,
    };
    assert_eq!(image.architecture(), &arch);
    let config = image.config().as_ref().unwrap();
    assert_eq!(config.user().as_deref(), Some("65532:65532"));
    let entry_point = config.entrypoint().as_ref().unwrap();
    assert_eq!(entry_point, &["/meshery-meshsync"]);
    // The Meshery Operator starts `./meshery-meshsync`.
    assert_eq!(config.working_dir().as_deref(), Some("/"));
    assert_eq!(
        config.exposed_ports().as_deref(),
        Some(["11000/tcp".to_owned()].as_slice())
    );
    let labels = config.labels().as_ref().unwrap();
    for (name, value) in [
        ("title", "meshsync"),
        ("licenses", "Apache-2.0"),
        ("version", "0.0.0-test"),
    ] {
        assert_eq!(labels[&format!("org.opencontainers.image.{name}")], value);
    }
}

/// Nobody can build it here; at least it says the same about how a container starts.
#[test]
fn the_dockerfile_says_the_same() {
    let text = std::fs::read_to_string(deploy().join("Dockerfile")).unwrap();
    let last_stage = text.rsplit_once("FROM scratch\n").unwrap().1;
    let (_, image, _) = Archive::shared().read();
    let config = image.config().as_ref().unwrap();
    let words = |list: &Option<Vec<String>>| list.as_ref().unwrap().clone();
    let ports = words(config.exposed_ports());
    for expected in [
        format!("USER {}", config.user().as_ref().unwrap()),
        format!("WORKDIR {}", config.working_dir().as_ref().unwrap()),
        format!("ENV {}", words(config.env()).join(" ")),
        format!("EXPOSE {}", ports[0].trim_end_matches("/tcp")),
        format!("ENTRYPOINT {:?}", words(config.entrypoint())),
    ] {
        assert!(
            last_stage.lines().any(|line| line == expected),
            "{expected}"
        );
    }
    let unpacked = Archive::shared().unpack();
    for file in ["passwd", "group"] {
        let content = std::fs::read_to_string(unpacked.root.join("etc").join(file)).unwrap();
        let escaped = content.replace('\n', "\\n");
        assert!(
            text.contains(&format!("printf '{escaped}' > /root-fs/etc/{file}")),
            "{escaped}"
        );
    }
}

#[test]
fn nobody_but_root_may_write_its_files_and_nothing_else_is_in_it() {
    let unpacked = Archive::shared().unpack();
    let mut found = BTreeMap::new();
    let mut folders = vec![unpacked.root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let meta = path.symlink_metadata().unwrap();
            if meta.is_dir() {
                folders.push(path.clone());
            }
            let inside = path.strip_prefix(&unpacked.root).unwrap();
            let mode = meta.permissions().mode() & 0o7777;
            found.insert(format!("/{}", inside.display()), (meta, mode));
        }
    }
    for (path, (meta, mode)) in &found {
        let may_write = mode & 0o022 != 0 && !meta.is_symlink();
        assert_eq!(may_write, path == "/tmp", "{path}: {mode:o}");
        if crate::archive::is_root() {
            assert_eq!((meta.uid(), meta.gid()), (0, 0), "{path}");
        }
        assert_eq!(mode & 0o6000, 0, "set-user-id or set-group-id: {path}");
    }
    let (one, other) = (&found["/meshsync"].0, &found["/meshery-meshsync"].0);
    assert_eq!(one.ino(), other.ino(), "one program under two names");
    let executables: Vec<&str> = found
        .iter()
        .filter(|(_, (meta, mode))| meta.is_file() && mode & 0o111 != 0)
        .map(|(path, _)| path.as_str())
        .filter(|path| !path.contains(".so"))
        .collect();
    assert_eq!(executables, ["/meshery-meshsync", "/meshsync"]);
    for path in [
        "/etc/passwd",
        "/etc/group",
        "/etc/ssl/certs/ca-certificates.crt",
    ] {
        assert!(found[path].0.len() > 0, "{path}");
    }
}

/// Where containers cannot be started this is as near as one comes: the image's own files as the
/// whole file system, read-only, as its user, without capabilities and without a home.
#[test]
fn the_program_starts_from_the_image_alone() {
    let unpacked = Archive::shared().unpack();
    let run = |args: &[&str]| unpacked.command(&[], args).output().unwrap();

    let output = run(&["./meshery-meshsync", "-h"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).to_lowercase().contains("usage"),
        "{}",
        said(&output)
    );

    let output = run(&["/meshsync", "--version"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).starts_with("meshsync "), "{}", said(&output));

    // Neither a cluster nor a place to look for one: an error, not a crash.
    let output = run(&["/meshsync", "run", "--sink=stdout:"]);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("no cluster configuration found"), "{text}");
}

#[test]
fn a_demo_runs_in_a_read_only_image_and_writes_nothing() {
    let unpacked = Archive::shared().unpack();
    let output = unpacked
        .command(
            &[],
            &[
                "/meshsync",
                "demo",
                "--objects=50",
                "--churn=0",
                "--stop-after=2s",
            ],
        )
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let records = String::from_utf8_lossy(&output.stdout);
    assert!(records.contains(r#""event":"SYNCED""#), "{records}");
}

#[test]
fn podman_loads_it_and_sees_what_we_meant() {
    let Some(podman) = tool("podman") else { return };
    let archive = Archive::shared();
    let storage = tempfile::tempdir().unwrap();
    let podman = |args: &[&str]| {
        let place = |name: &str| storage.path().join(name);
        let output = Command::new(&podman)
            .arg("--root")
            .arg(place("root"))
            .arg("--runroot")
            .arg(place("run"))
            .args(["--storage-driver", "vfs"])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        output.stdout
    };
    podman(&["load", "--input", archive.path().to_str().unwrap()]);
    let inspected: Value =
        serde_json::from_slice(&podman(&["image", "inspect", REFERENCE])).unwrap();
    let image = &inspected[0];
    assert_eq!(image["Digest"], archive.summary.digest);
    assert_eq!(image["User"], "65532:65532");
    assert_eq!(image["Config"]["Entrypoint"], json!(["/meshery-meshsync"]));
    assert_eq!(image["Config"]["WorkingDir"], "/");
    assert_eq!(image["Config"]["ExposedPorts"], json!({"11000/tcp": {}}));

    // A container of it, which need not start, has the files where the manifests say.
    podman(&["create", "--name", "it", REFERENCE]);
    let files = storage.path().join("files.tar");
    podman(&["export", "--output", files.to_str().unwrap(), "it"]);
    let mut exported = tar::Archive::new(std::fs::File::open(files).unwrap());
    let names: Vec<_> = exported
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().into_owned())
        .collect();
    for name in ["meshsync", "meshery-meshsync", "etc/passwd"] {
        assert!(names.iter().any(|path| path == Path::new(name)), "{name}");
    }
}
