//! A Podman of its own, with storage of its own, that serves Docker's API.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::source::DEADLINE;

/// See the [module](self).
pub(crate) struct Podman {
    program: PathBuf,
    folder: TempDir,
    service: Option<Child>,
}

impl Podman {
    /// None where there is none; that is printed.
    pub(crate) async fn start() -> Option<Self> {
        let program = meshsync_testkit::tool("podman")?;
        let mut podman = Self {
            program,
            folder: TempDir::new().unwrap(),
            service: None,
        };
        for name in ["root", "run", "net", "tmp"] {
            std::fs::create_dir(podman.folder.path().join(name)).unwrap();
        }
        podman.serve().await;
        Some(podman)
    }

    /// Starts the service and waits until it answers.
    pub(crate) async fn serve(&mut self) {
        let at = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.program);
        command
            .arg("--root")
            .arg(at("root"))
            .arg("--runroot")
            .arg(at("run"));
        command
            .arg("--tmpdir")
            .arg(at("tmp"))
            .arg("--network-config-dir")
            .arg(at("net"));
        command.args(["--storage-driver", "vfs", "--events-backend", "file"]);
        command.args(["system", "service", "--time", "0", &self.socket()]);
        let log = std::fs::File::create(at("log")).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        self.service = Some(command.spawn().unwrap());
        meshsync_testkit::eventually("podman answers", DEADLINE, async || {
            self.try_run(&["version"]).await.status.success()
        })
        .await;
    }

    /// Kills the service, as a crash would.
    pub(crate) async fn kill(&mut self) {
        let mut service = self.service.take().unwrap();
        service.kill().await.unwrap();
        std::fs::remove_file(self.folder.path().join("podman.sock")).unwrap_or_default();
    }

    pub(crate) fn url(&self) -> String {
        format!("docker:{}", self.socket())
    }

    /// Runs a command against the service; returns what it prints.
    pub(crate) async fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// An image that holds nothing that could be started.
    pub(crate) async fn import(&self, tag: &str) {
        let archive = self.folder.path().join("empty.tar");
        std::fs::write(&archive, [0; 10_240]).unwrap();
        self.run(&["import", archive.to_str().unwrap(), tag]).await;
    }

    async fn try_run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command
            .args(["--remote", "--url", &self.socket()])
            .args(args);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command.output().await.unwrap()
    }

    fn socket(&self) -> String {
        let path = self.folder.path().join("podman.sock");
        format!("unix://{}", path.display())
    }
}
