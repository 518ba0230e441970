//! The command with a page.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use meshsync_testkit::eventually;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The command with a page.
pub(crate) struct Page {
    pub(crate) addr: SocketAddr,
    /// Killed when dropped.
    _child: Child,
    _dir: TempDir,
}

/// How long anything takes, on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

impl Page {
    pub(crate) async fn demo(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sink = format!("file:{}", dir.path().join("records.jsonl").display());
        let all = [&["demo", "--sink", &sink], args].concat();
        Self::start(dir, &all).await
    }

    /// `meshsync run --web` on a simulated cluster.
    pub(crate) async fn run(kubeconfig: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig).unwrap();
        let source = format!("k8s:?kubeconfig={}", path.display());
        let all = [&["run", "--web", "--source", &source], args].concat();
        Self::start(dir, &all).await
    }

    async fn start(dir: TempDir, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshsync"));
        command
            .args(["--log-format", "json"])
            .args(args)
            .args(["--admin-addr", "127.0.0.1:0", "--probes-addr", "none"])
            .env_clear()
            .env("TMPDIR", dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let addr = loop {
            let line = lines.next_line().await.unwrap().expect("it listens");
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if said["fields"]["message"] == "listening" {
                break said["fields"]["addr"].as_str().unwrap().parse().unwrap();
            }
        };
        // A pipe that nobody reads fills up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            addr,
            _child: child,
            _dir: dir,
        }
    }

    /// The answer to a path, with more headers.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        let addr = self.addr;
        self.say(&format!(
            "GET {path} HTTP/1.1\r\nhost: {addr}\r\n{headers}\r\n"
        ))
        .await
    }

    /// The answer to these bytes.
    pub(crate) async fn say(&self, request: &str) -> Answer {
        let said = async {
            let mut stream = TcpStream::connect(self.addr).await.unwrap();
            let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // A connection that is reset has ended too.
            drop(stream.read_to_end(&mut answer).await);
            String::from_utf8_lossy(&answer).into_owned()
        };
        let text = tokio::time::timeout(DEADLINE, said).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or(0),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Waits until everything is in the store.
    pub(crate) async fn synced(&self, headers: &str) {
        eventually("the page is in sync", DEADLINE, async || {
            let overview = self.get("/api/v1/overview", headers).await.json();
            overview["stats"]["synced"] == true
        })
        .await;
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 where nothing did.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}
