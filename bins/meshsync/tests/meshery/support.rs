//! A cluster as Meshery's tests have it, a broker, and the agent.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use meshsync_sim::{Generate, Sim, SimBuilder};
use meshsync_testkit::NatsServer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Nothing here takes that long, but the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

pub(crate) const TOKEN: &str = "t0ken";

/// A cluster, a broker that wants a token, and a folder.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) nats: NatsServer,
    pub(crate) dir: TempDir,
    /// Taken while the broker has its port, so that none of them is that.
    addrs: Mutex<Vec<String>>,
}

impl World {
    /// About so many objects; `None` where there is no NATS server to be had.
    pub(crate) async fn start(objects: usize) -> Option<Self> {
        Self::of(Sim::builder().generate(Generate::objects(objects))).await
    }

    pub(crate) async fn of(builder: SimBuilder) -> Option<Self> {
        let nats = NatsServer::builder().token(TOKEN).monitoring();
        Self::with(builder, nats.start_or_skip()?).await
    }

    pub(crate) async fn with(builder: SimBuilder, nats: NatsServer) -> Option<Self> {
        let sim = builder.start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kubeconfig"), sim.kubeconfig()).unwrap();
        let addrs = Mutex::new(free_addrs(16));
        let world = Self {
            sim,
            nats,
            dir,
            addrs,
        };
        for namespace in ["meshery", "agile-otter"] {
            world.apply(json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace},
            }));
        }
        for (name, kind, api) in [
            ("nginx-deployment", "Deployment", "apps/v1"),
            ("nginx-deployment-abc", "ReplicaSet", "apps/v1"),
            ("nginx-deployment-abc-1", "Pod", "v1"),
            ("nginx-deployment-abc-2", "Pod", "v1"),
            ("nginx-deployment-abc-3", "Pod", "v1"),
        ] {
            world.apply(json!({
                "apiVersion": api, "kind": kind,
                "metadata": {"name": name, "namespace": "agile-otter", "labels": {"app": "nginx"}},
                "spec": {"replicas": 3}, "status": {},
            }));
        }
        Some(world)
    }

    pub(crate) fn apply(&self, object: Value) {
        self.sim.apply(object).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `BROKER_URL` as the operator writes it.
    pub(crate) fn broker_url(&self) -> String {
        format!("nats://{TOKEN}@{}", self.nats.addr())
    }

    /// The agent as the operator starts it, but for its ports.
    pub(crate) fn agent(&self, args: &[&str]) -> Command {
        let mut command = meshery_meshsync(args);
        command
            .env("BROKER_URL", self.broker_url())
            .env("KUBECONFIG", self.path("kubeconfig"))
            .current_dir(self.dir.path());
        command
    }

    /// The same, running, with its endpoints.
    pub(crate) fn run(&self, args: &[&str]) -> Agent {
        self.run_with(args, &[])
    }

    pub(crate) fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Agent {
        let mut addrs = self.addrs.lock().unwrap();
        let (probes, admin) = (addrs.pop().unwrap(), addrs.pop().unwrap());
        drop(addrs);
        let mut all = vec!["--probes-addr", &probes, "--admin-addr", &admin];
        all.extend(args);
        let mut command = self.agent(&all);
        command.envs(variables.iter().copied());
        command.stderr(std::fs::File::create(self.path(&format!("log-{probes}"))).unwrap());
        let log = self.path(&format!("log-{probes}"));
        Agent {
            child: command.spawn().unwrap(),
            probes,
            admin,
            log,
        }
    }
}

/// A running agent.
pub(crate) struct Agent {
    pub(crate) child: Child,
    pub(crate) probes: String,
    admin: String,
    log: PathBuf,
}

/// A test that fails shows what the agent said.
impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

impl Agent {
    pub(crate) async fn status(&self) -> Value {
        let (_, body) = get(&self.admin, "/status").await.unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Waits until everything was given to the sink.
    pub(crate) async fn synced(&self) {
        let what = "everything is in sync";
        meshsync_testkit::eventually(what, DEADLINE, async || {
            // Without a broker it is never ready.
            let is_file = self.status().await["sinks"][0]["sink"]
                .as_str()?
                .starts_with("file:");
            let ready = is_file || self.probe("/readyz").await == 200;
            (ready && self.status().await["synced"] == true).then_some(())
        })
        .await;
    }

    pub(crate) async fn probe(&self, path: &str) -> u16 {
        get(&self.probes, path).await.map_or(0, |(code, _)| code)
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = get(&self.probes, "/metrics").await;
        answer.unwrap_or_default().1
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it, as the kernel does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; returns the exit code.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().unwrap().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(killed.unwrap().success());
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        ended.unwrap().unwrap().code()
    }
}

/// The binary by the name the operator calls it, with nothing in its
/// environment.
pub(crate) fn meshery_meshsync(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshsync"));
    command
        .arg0("./meshery-meshsync")
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

pub(crate) async fn ended(mut command: Command) -> Ended {
    let output = tokio::time::timeout(DEADLINE, command.output());
    let output = output.await.unwrap().unwrap();
    Ended {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) async fn get(addr: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let code = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n")?.1;
    Some((code, body.to_owned()))
}

/// Addresses that were free a moment ago, all different.
fn free_addrs(count: usize) -> Vec<String> {
    let listen = |_| TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<TcpListener> = (0..count).map(listen).collect();
    let addrs = listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap());
    addrs.map(|addr| addr.to_string()).collect()
}

pub(crate) fn config_map(namespace: &str, name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"value": value},
    })
}

/// A definition of namespaced resources of one version.
pub(crate) fn definition(group: &str, plural: &str, kind: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(at, name)| {
            json!({
                "name": name, "served": true, "storage": at == 0,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }},
            })
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "versions": versions,
            "names": {"plural": plural, "kind": kind, "singular": kind.to_lowercase()},
        },
    })
}

/// The operator's definition.
pub(crate) fn meshsync_definition(group: &str) -> Value {
    definition(group, "meshsyncs", "MeshSync", &["v1alpha1", "v1alpha2"])
}

/// The resource with its lists, as the Server writes it.
pub(crate) fn meshsync(group: &str, whitelist: &str, blacklist: &str) -> Value {
    json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": "MeshSync",
        "metadata": {"name": "meshery-meshsync", "namespace": "meshery"},
        "spec": {
            "size": 1,
            "watch-list": {"data": {"whitelist": whitelist, "blacklist": blacklist}},
        },
    })
}
