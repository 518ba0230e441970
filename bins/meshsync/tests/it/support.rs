//! Clusters to run against and the command to run.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use meshsync_sim::{Generate, Sim, SimBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Nothing here takes longer than seconds, but the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// What the known Secret of a [`Cluster`] keeps.
pub(crate) const SECRET_VALUE: &str = "correct horse battery staple";
pub(crate) const SECRET_BASE64: &str = "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==";

/// A simulated cluster and a folder with its kubeconfig.
pub(crate) struct Cluster {
    pub(crate) sim: Sim,
    pub(crate) dir: TempDir,
}

impl Cluster {
    /// About so many objects, one of them a Secret with [`SECRET_VALUE`].
    pub(crate) async fn start(objects: usize) -> Self {
        let cluster = Self::of(Sim::builder().generate(Generate::objects(objects))).await;
        let applied = json!({"kind": "Secret", "stringData": {"password": SECRET_VALUE}});
        cluster
            .sim
            .apply(json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {
                    "name": "known", "namespace": "default",
                    "annotations": {
                        "kubectl.kubernetes.io/last-applied-configuration": applied.to_string(),
                    },
                },
                "data": {"password": SECRET_BASE64},
            }))
            .unwrap();
        cluster
    }

    pub(crate) async fn of(builder: SimBuilder) -> Self {
        let sim = builder.start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kubeconfig"), sim.kubeconfig()).unwrap();
        Self { sim, dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `--source` for it.
    pub(crate) fn source(&self) -> String {
        source(&self.path("kubeconfig"))
    }

    /// Identity of every object that is observed by default, sorted.
    pub(crate) fn observed(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .sim
            .snapshot()
            .filter(|object| {
                !matches!(
                    object.plural.as_str(),
                    "events" | "leases" | "componentstatuses"
                )
            })
            .map(|object| object.uid)
            .collect();
        all.sort();
        all
    }
}

pub(crate) fn source(kubeconfig: &Path) -> String {
    format!("k8s:?kubeconfig={}", kubeconfig.display())
}

/// The command in an environment that has nothing in it, not even a home.
pub(crate) fn meshsync(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshsync"));
    command
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// `meshsync run` against a cluster, without endpoints.
pub(crate) fn run(cluster: &Cluster, args: &[&str]) -> Command {
    let mut command = meshsync(&["run", "--probes-addr=none", "--admin-addr=none"]);
    command.arg("--source").arg(cluster.source()).args(args);
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The lines of standard output as JSON.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
    }

    /// The message says all of this.
    pub(crate) fn assert_says(&self, parts: &[&str]) {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no {part:?} in: {}",
                self.stderr
            );
        }
    }
}

/// Runs to the end.
pub(crate) async fn ended(mut command: Command) -> Ended {
    let output = tokio::time::timeout(DEADLINE, command.output())
        .await
        .unwrap()
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The exit code of a child that is to end by itself.
pub(crate) async fn code(child: &mut Child) -> Option<i32> {
    let status = tokio::time::timeout(DEADLINE, child.wait()).await;
    status.unwrap().unwrap().code()
}

/// Sends a signal to a child of ours.
pub(crate) async fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    let status = Command::new("kill").args([signal, &pid]).status().await;
    assert!(status.unwrap().success());
}

/// The next line that contains `part`.
pub(crate) async fn line_with<R: AsyncRead + Unpin>(
    lines: &mut Lines<BufReader<R>>,
    part: &str,
) -> String {
    let find = async {
        loop {
            match lines.next_line().await.unwrap() {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => panic!("ended without {part:?}"),
            }
        }
    };
    tokio::time::timeout(DEADLINE, find).await.unwrap()
}

pub(crate) fn lines<R: AsyncRead + Unpin>(stream: R) -> Lines<BufReader<R>> {
    BufReader::new(stream).lines()
}

/// uids of the objects in records of an event, sorted.
pub(crate) fn uids(records: &[Value], event: &str) -> Vec<String> {
    let mut uids: Vec<String> = records
        .iter()
        .filter(|record| record["event"] == event)
        .map(|record| {
            record["object"]["metadata"]["uid"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    uids.sort();
    uids
}

/// Whether the last record says that everything was sent.
pub(crate) fn is_full_sync(record: &Value) -> bool {
    record["event"] == "SYNCED" && record.get("resource").is_none()
}

/// An address that was free a moment ago.
pub(crate) fn free_addr() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// An answer to a GET, head and all; `None` where nobody listens.
pub(crate) async fn get(addr: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
