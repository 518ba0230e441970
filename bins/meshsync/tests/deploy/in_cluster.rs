//! The image as a pod: service account files, the API server's address in the environment, TLS.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use meshsync_sim::{CutStyle, Sim};
use meshsync_testkit::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::archive::{Archive, Root};
use crate::cluster::{Agent, Cluster, DEADLINE, account};
use crate::manifests::kustomize;

/// Where the kubelet puts a pod's service account; `/var/run` is `/run`.
const MOUNTED: &str = "/run/secrets/kubernetes.io/serviceaccount";

/// A pod's service account files, as the kubelet lays them out: links to a folder that is replaced
/// as a whole.
struct ServiceAccount {
    dir: TempDir,
}

impl ServiceAccount {
    fn new(token: &str, ca: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let account = Self { dir };
        account.write("..first", token, ca);
        for name in ["token", "ca.crt", "namespace"] {
            symlink(format!("..data/{name}"), account.dir.path().join(name)).unwrap();
        }
        account
    }

    fn write(&self, version: &str, token: &str, ca: &str) {
        let folder = self.dir.path().join(version);
        fs::create_dir(&folder).unwrap();
        for (name, content) in [("token", token), ("ca.crt", ca), ("namespace", "meshsync")] {
            fs::write(folder.join(name), content).unwrap();
        }
        let next = self.dir.path().join("..data_tmp");
        symlink(version, &next).unwrap();
        fs::rename(next, self.dir.path().join("..data")).unwrap();
    }

    fn start(&self, root: &Root, sim: &Sim) -> Agent {
        let mounts = [(self.dir.path(), MOUNTED)];
        // Nothing says where the cluster is, but the environment.
        let args = [
            "/meshsync",
            "run",
            "--probes-addr=none",
            "--admin-addr=none",
        ];
        let mut command = root.command(&mounts, &args);
        command
            // T12: in a cluster this says nothing.
            .env("KUBECONFIG", "/nonexistent")
            .env("KUBERNETES_SERVICE_HOST", sim.addr().ip().to_string())
            .env("KUBERNETES_SERVICE_PORT", sim.addr().port().to_string());
        Agent::start(command)
    }
}

fn is_change_of(name: &'static str) -> impl Fn(&Value) -> bool {
    move |record| record["object"]["metadata"]["name"] == name
}

fn config_map(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
    })
}

/// Takes about a minute, most of it waiting: the token's file is read again that often.
#[tokio::test(flavor = "multi_thread")]
async fn the_image_runs_as_a_pod_and_takes_up_a_rotated_token() {
    let Some(base) = kustomize("base") else {
        return;
    };
    let cluster = Cluster::of(Sim::builder(), &base).await;
    let sim = &cluster.sim;
    let ca = sim.ca_certificate().unwrap().to_owned();
    let first = sim.users().issue(account(&base));
    let files = ServiceAccount::new(&first, &ca);
    let root = Archive::shared().unpack();
    let mut agent = files.start(&root, sim);
    agent.syncs().await;
    assert_eq!(cluster.refused(&base), Vec::<String>::new());

    let second = sim.users().issue(account(&base));
    files.write("..second", &second, &ca);
    assert!(sim.users().revoke(&first));
    sim.faults().cut_watches(CutStyle::Clean);
    sim.apply(config_map("after-rotation")).unwrap();
    agent
        .tells(
            "a change after the rotation",
            is_change_of("after-rotation"),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_another_authority_vouches_for_is_not_trusted() {
    let Some(base) = kustomize("base") else {
        return;
    };
    let cluster = Cluster::of(Sim::builder(), &base).await;
    let other = Sim::builder().tls().start().await.unwrap();
    let token = cluster.sim.users().issue(account(&base));
    let files = ServiceAccount::new(&token, other.ca_certificate().unwrap());
    let root = Archive::shared().unpack();
    let mut agent = files.start(&root, &cluster.sim);
    assert_eq!(agent.ends().await, Some(69), "{}", agent.complaints());
    assert!(
        agent.complaints().contains("certificate"),
        "{}",
        agent.complaints()
    );
    assert!(cluster.requests(&base).is_empty(), "the token was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_role_binding_it_says_what_to_grant() {
    let Some(mut base) = kustomize("base") else {
        return;
    };
    base.retain(|object| object["kind"] != "ClusterRoleBinding");
    let cluster = Cluster::of(Sim::builder(), &base).await;
    let ca = cluster.sim.ca_certificate().unwrap();
    let files = ServiceAccount::new(&cluster.sim.users().issue(account(&base)), ca);
    let root = Archive::shared().unpack();
    let agent = files.start(&root, &cluster.sim);
    eventually("a word about what is missing", DEADLINE, async || {
        let text = agent.complaints();
        text.contains("kube-system") && text.contains("--cluster-id")
    })
    .await;
}
