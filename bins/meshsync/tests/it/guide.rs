//! Every command of the book's guide (`docs/guide`), in order, page by page.

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

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// Lines with a prompt, in blocks of the language `console`.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        if let Some(text) = block.strip_prefix("console\n") {
            let commands = text.lines().map(|line| line.strip_prefix("$ "));
            found.extend(commands.map(|line| line.expect("only commands").to_owned()));
        }
    }
    found
}

/// Where a reader is: a cluster, a broker, and `meshsync` in the path.
struct Reader {
    cluster: Cluster,
    nats: Option<NatsServer>,
    bin: PathBuf,
}

impl Reader {
    async fn new() -> Self {
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
        }
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
            .current_dir(self.cluster.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn follow(&self, line: &str) {
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
    async fn once(&self, line: &str) {
        let output = tokio::time::timeout(DEADLINE, self.shell(line).output());
        let output = output
            .await
            .unwrap_or_else(|_| panic!("{line} does not end"));
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {errors}");
    }

    /// A command that goes on until it is interrupted.
    async fn until_said(&self, line: &str, what: &str) {
        let mut child = self.shell(line).stdout(Stdio::null()).spawn().unwrap();
        let mut said = lines(child.stderr.take().unwrap());
        line_with(&mut said, what).await;
        interrupt(&child).await;
        // What it says to the end is read, so that it can say it.
        while let Ok(Some(_)) = said.next_line().await {}
        let status = child.wait().await.unwrap();
        assert!(status.success(), "{line}: {status}");
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

async fn follow(page: &str) {
    let text = std::fs::read_to_string(root().join("docs/guide").join(page)).unwrap();
    let commands = commands(&text);
    assert!(!commands.is_empty(), "{page} has no commands");
    let mut reader = Reader::new().await;
    if commands.iter().any(|line| line.contains("broker:4222")) {
        if tool("nats-server").is_none() {
            return;
        }
        reader.nats = NatsServer::builder().jetstream().start_or_skip();
    }
    for line in commands {
        if line.starts_with("kubectl port-forward deploy/meshsync 11001") {
            // A simulated cluster has no pods to forward to; the names must be right.
            let base = root().join("deploy/kustomize/base/deployment.yaml");
            let base = std::fs::read_to_string(base).unwrap();
            assert!(base.contains("kind: Deployment") && base.contains("name: meshsync"));
            continue;
        }
        assert!(line.starts_with("meshsync "), "{page}: who runs {line}?");
        reader.follow(&line).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_works() {
    follow("quick-start.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_concepts_work() {
    follow("concepts.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_jetstream_works() {
    follow("jetstream.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_on_operation_works() {
    follow("operate.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_on_the_web_page_and_on_security_work() {
    follow("web-page.md").await;
    follow("security.md").await;
}

#[test]
fn no_page_of_the_guide_with_commands_is_forgotten() {
    let here = include_str!("guide.rs");
    for entry in std::fs::read_dir(root().join("docs/guide")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        if !commands(&text).is_empty() {
            assert!(here.contains(&format!("follow(\"{name}\")")), "{name}");
        }
    }
}
