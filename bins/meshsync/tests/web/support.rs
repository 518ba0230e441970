//! The command with a page.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A demo with its page.
pub(crate) struct Demo {
    pub(crate) addr: SocketAddr,
    /// Killed when dropped.
    _child: Child,
    _dir: TempDir,
}

impl Demo {
    pub(crate) async fn start(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sink = format!("file:{}", dir.path().join("records.jsonl").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshsync"));
        command
            .args(["--log-format", "json", "demo", "--sink", &sink])
            .args(["--admin-addr", "127.0.0.1:0", "--probes-addr", "none"])
            .args(args)
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
}
