//! A cluster that allows only what the manifests grant, and the agent as they start it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use meshsync_sim::{GroupResource, LoggedRequest, Sim, SimBuilder, User};
use meshsync_testkit::eventually;
use serde_json::Value;
use tempfile::TempDir;

use crate::manifests::{items, of_kind, texts};

/// Nothing here takes longer than seconds, but the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// A simulated cluster in which objects were applied, and where RBAC counts. With TLS: kubectl tells
/// nobody its token without.
pub(crate) struct Cluster {
    pub(crate) sim: Sim,
    pub(crate) dir: TempDir,
}

impl Cluster {
    pub(crate) async fn of(builder: SimBuilder, objects: &[Value]) -> Self {
        let sim = builder
            .tls()
            .rbac()
            .request_log(100_000)
            .start()
            .await
            .unwrap();
        for object in objects {
            sim.apply(object.clone()).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        Self { sim, dir }
    }

    /// A kubeconfig of a user.
    pub(crate) fn kubeconfig(&self, user: User) -> PathBuf {
        let path = self.dir.path().join("kubeconfig");
        fs::write(&path, self.sim.kubeconfig_as(user)).unwrap();
        path
    }

    /// The program as the manifests' Deployment starts it, but outside of a container: under its
    /// ServiceAccount, with a kubeconfig of it.
    pub(crate) fn start(&self, objects: &[Value]) -> Agent {
        self.start_with(objects, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(&self, objects: &[Value], more: &[&str]) -> Agent {
        let account = account(objects);
        let kubeconfig = self.kubeconfig(account);
        let container =
            &of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0];
        let words = [texts(&container["command"]), texts(&container["args"])].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_meshsync"));
        command
            .arg0(words[0])
            .args(&words[1..])
            .arg(format!("--source=k8s:?kubeconfig={}", kubeconfig.display()))
            .args(["--probes-addr=none", "--admin-addr=none"])
            .args(more)
            .env_clear()
            .current_dir(self.dir.path());
        match words[0] {
            "/meshsync" => command.arg("--sink=stdout:"),
            "/meshery-meshsync" => command.args(["--output=file", "--outputFile=it.yaml"]),
            other => panic!("who is {other}?"),
        };
        Agent::start(command)
    }

    /// Requests of the ServiceAccount of a Deployment.
    pub(crate) fn requests(&self, objects: &[Value]) -> Vec<LoggedRequest> {
        let user = account(objects);
        let mut all = self.sim.requests().all();
        all.retain(|request| request.user == user.name);
        all
    }

    /// What those that were answered needed.
    pub(crate) fn answered(&self, objects: &[Value]) -> impl Iterator<Item = Permission> {
        let mut requests = self.requests(objects);
        requests.retain(|request| request.status < 400);
        requests.into_iter().filter_map(|request| needed(&request))
    }

    /// Those that were refused.
    pub(crate) fn refused(&self, objects: &[Value]) -> Vec<String> {
        let mut refused = Vec::new();
        for request in self.requests(objects) {
            if matches!(request.status, 401 | 403) {
                refused.push(format!("{} {}", request.status, request.path));
            }
        }
        refused
    }
}

/// The ServiceAccount of a Deployment.
pub(crate) fn account(objects: &[Value]) -> User {
    let deployment = of_kind(objects, "Deployment")[0];
    let namespace = deployment["metadata"]["namespace"].as_str().unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    User::service_account(namespace, pod["serviceAccountName"].as_str().unwrap())
}

/// A running program, and what it has written.
pub(crate) struct Agent {
    child: Child,
    dir: TempDir,
}

impl Agent {
    pub(crate) fn start(mut command: Command) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn text(&self, name: &str) -> String {
        let bytes = fs::read(self.dir.path().join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What it has written to standard error.
    pub(crate) fn complaints(&self) -> String {
        self.text("err")
    }

    /// Waits until a record is as wanted.
    pub(crate) async fn tells(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let find = eventually(what, DEADLINE, async || {
            let ended = self.child.try_wait().unwrap();
            let text = self.text("out");
            let mut records = text
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let found = records.any(|record| wanted(&record));
            assert!(found || ended.is_none(), "it ended: {}", self.complaints());
            found
        });
        find.await;
    }

    /// Waits until every resource that can be listed was told.
    pub(crate) async fn syncs(&mut self) {
        self.tells("a full sync", |record| {
            record["event"] == "SYNCED" && record.get("resource").is_none()
        })
        .await;
    }

    /// Waits until it has ended, and says with which code.
    pub(crate) async fn ends(&mut self) -> Option<i32> {
        eventually("its end", DEADLINE, async || {
            self.child.try_wait().unwrap().map(|status| status.code())
        })
        .await
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One permission: verb, API group, resource with subresource.
pub(crate) type Permission = (String, String, String);

/// What the rules of roles grant.
pub(crate) fn granted(objects: &[Value]) -> BTreeSet<Permission> {
    let mut all = BTreeSet::new();
    for rule in objects.iter().flat_map(|object| items(&object["rules"])) {
        for verb in texts(&rule["verbs"]) {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    all.insert((verb.to_owned(), group.to_owned(), resource.to_owned()));
                }
            }
        }
    }
    all
}

/// What a request needed; `None` for what is no resource.
pub(crate) fn needed(request: &LoggedRequest) -> Option<Permission> {
    let GroupResource { group, plural } = request.resource.as_ref()?;
    let resource = match request.subresource.as_str() {
        "" => plural.clone(),
        subresource => format!("{plural}/{subresource}"),
    };
    Some((request.verb.clone(), group.clone(), resource))
}
