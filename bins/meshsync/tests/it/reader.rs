//! Somebody who does what the documentation says: a cluster, a broker, and the command in the path.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use meshsync_sim::{Generate, Sim};
use meshsync_testkit::{NatsServer, tool};
use serde_json::json;
use tokio::process::Command;

use crate::support::{Cluster, DEADLINE, line_with, lines};

pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// Lines with a prompt, in blocks of the language `console`: without comments, with what they go on in.
pub(crate) fn commands(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        let Some(text) = block.strip_prefix("console\n") else {
            continue;
        };
        let mut goes_on = false;
        for line in text.lines() {
            let continued = found.last_mut().filter(|_| goes_on);
            let command = line.strip_prefix("$ ");
            // What is no command is what one has printed.
            let text = command.unwrap_or(line);
            let text = text.split("  #").next().unwrap_or_default().trim();
            goes_on = text.ends_with('\\') && (command.is_some() || continued.is_some());
            let text = text.trim_end_matches('\\').trim_end();
            match (command, continued) {
                (None, Some(last)) => {
                    last.push(' ');
                    last.push_str(text);
                }
                (Some(_), _) => found.push(text.to_owned()),
                (None, None) => {}
            }
        }
    }
    found
}

/// Where a reader is: a cluster, a broker, and `meshsync` in the path.
pub(crate) struct Reader {
    pub(crate) cluster: Cluster,
    pub(crate) nats: Option<NatsServer>,
    bin: PathBuf,
    /// What was exported.
    variables: Vec<(String, String)>,
}

impl Reader {
    pub(crate) async fn new() -> Self {
        let cluster = Cluster::of(Sim::builder().generate(Generate::objects(60))).await;
        for object in [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "web", "namespace": "shop"}, "data": {"colour": "green"},
            }),
        ] {
            cluster.sim.apply(object).unwrap();
        }
        let bin = cluster.path("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_meshsync"), bin.join("meshsync")).unwrap();
        Self {
            cluster,
            nats: None,
            bin,
            variables: Vec::new(),
        }
    }

    /// Puts another command into the path; no where there is none.
    pub(crate) fn has(&self, name: &str) -> bool {
        let Some(program) = tool(name) else {
            return false;
        };
        let program = std::fs::canonicalize(program).unwrap();
        std::os::unix::fs::symlink(program, self.bin.join(name)).unwrap();
        true
    }

    /// `export NAME=VALUE`.
    pub(crate) fn export(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn shell(&self, line: &str) -> Command {
        let line = match &self.nats {
            Some(nats) => line.replace("broker:4222", &nats.addr().to_string()),
            None => line.to_owned(),
        };
        let mut command = Command::new("/bin/sh");
        command
            // What is interrupted is the program, and no shell around it.
            .args(["-c", &format!("exec {line}")])
            .env_clear()
            .env("HOME", self.cluster.dir.path())
            .env("TMPDIR", self.cluster.dir.path())
            .env("KUBECONFIG", self.cluster.path("kubeconfig"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.bin.display()))
            .envs(self.variables.iter().cloned())
            .current_dir(self.cluster.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn follow(&self, line: &str) {
        let mut words = line.split_whitespace().skip(1);
        match words.next().unwrap() {
            "run" | "demo" => {
                let line = format!("{line} --admin-addr 127.0.0.1:0 --probes-addr none");
                self.until_said(&line, "every resource is in sync").await;
            }
            "tail" => self.until_printed(line).await,
            "replicate" => self.once(&format!("{line} --once")).await,
            "status" | "top" => self.status(line).await,
            _ => self.once(line).await,
        }
    }

    /// A command that ends by itself.
    pub(crate) async fn once(&self, line: &str) {
        let output = tokio::time::timeout(DEADLINE, self.shell(line).output());
        let output = output
            .await
            .unwrap_or_else(|_| panic!("{line} does not end"));
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
    }

    /// A command that goes on until it is interrupted.
    pub(crate) async fn until_said(&self, line: &str, what: &str) {
        let mut child = self.shell(line).stdout(Stdio::null()).spawn().unwrap();
        let mut said = lines(child.stderr.take().unwrap());
        line_with(&mut said, what).await;
        interrupt(&child).await;
        // What it says to the end is read, so that it can say it.
        while let Ok(Some(_)) = said.next_line().await {}
        let status = child.wait().await.unwrap();
        assert!(status.success(), "{line}: {status}");
    }

    /// A command that ends by itself, while another one goes on.
    pub(crate) async fn beside(&self, other: &str, says: &str, line: &str) {
        let mut child = self.shell(other).stdout(Stdio::null()).spawn().unwrap();
        let mut said = lines(child.stderr.take().unwrap());
        line_with(&mut said, says).await;
        self.once(line).await;
        child.kill().await.unwrap();
    }

    async fn until_printed(&self, line: &str) {
        let mut child = self.shell(line).stderr(Stdio::null()).spawn().unwrap();
        let mut printed = lines(child.stdout.take().unwrap());
        line_with(&mut printed, "").await;
        interrupt(&child).await;
        while let Ok(Some(_)) = printed.next_line().await {}
        let status = child.wait().await.unwrap();
        assert!(status.success(), "{line}: {status}");
    }

    /// Of an agent that is asked where it happens to be.
    async fn status(&self, line: &str) {
        let agent = "meshsync --log-format json run --sink file:r --admin-addr 127.0.0.1:0 --probes-addr none";
        let mut child = self.shell(agent).stdout(Stdio::null()).spawn().unwrap();
        let mut said = lines(child.stderr.take().unwrap());
        let listening = line_with(&mut said, "listening").await;
        let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
        let addr = listening["fields"]["addr"].as_str().unwrap().to_owned();
        line_with(&mut said, "every resource is in sync").await;
        self.once(&format!("{line} --url http://{addr}")).await;
        child.kill().await.unwrap();
    }
}

async fn interrupt(child: &tokio::process::Child) {
    let pid = child.id().unwrap().to_string();
    let status = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(status.unwrap().success());
}
