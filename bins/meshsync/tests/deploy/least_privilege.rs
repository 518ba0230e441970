//! What `meshsync rbac` prints is enough for `meshsync run` with the same options, and each rule of it
//! is needed: the simulator's authoriser decides.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;
use std::process::Command;

use meshsync_sim::{Generate, LoggedRequest, Sim, User};
use serde_json::{Value, json};

use crate::cluster::{Agent, Cluster};
use crate::manifests::{documents, items};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_meshsync"))
}

/// What the command prints, and the text before it.
fn printed(args: &[&str]) -> (Vec<Value>, String) {
    let output = program()
        .arg("rbac")
        .args(args)
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (documents(&text), text)
}

fn account() -> User {
    User::service_account("agents", "agent")
}

/// Runs with just these permissions; the requests it made until it was in sync.
async fn run(cluster: &Cluster, manifests: &[Value], args: &[&str]) -> Vec<LoggedRequest> {
    for manifest in manifests {
        cluster.sim.apply(manifest.clone()).unwrap();
    }
    cluster.sim.requests().clear();
    let kubeconfig = cluster.kubeconfig(account());
    let mut command = program();
    command
        .arg("run")
        .arg(format!("--source=k8s:?kubeconfig={}", kubeconfig.display()))
        .args(["--probes-addr=none", "--admin-addr=none", "--sink=stdout:"])
        .args(args)
        .env_clear();
    let mut agent = Agent::start(command);
    agent.syncs().await;
    let mut requests = cluster.sim.requests().all();
    requests.retain(|request| request.user == account().name);
    requests
}

fn refused(requests: &[LoggedRequest]) -> BTreeSet<String> {
    let refused = requests.iter().filter(|request| request.status == 403);
    refused.map(|request| request.path.clone()).collect()
}

async fn cluster() -> Cluster {
    Cluster::of(Sim::builder().generate(Generate::objects(300)), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_enough_for_everything_in_a_cluster() {
    let cluster = cluster().await;
    let admin = cluster.kubeconfig(User::admin());
    let source = format!("--source=k8s:?kubeconfig={}", admin.display());
    let (manifests, text) = printed(&[&source, "--service-account=agents/agent"]);
    assert!(
        text.contains("monitoring.coreos.com") && !text.contains("\"*\""),
        "{text}"
    );
    let requests = run(&cluster, &manifests, &[]).await;
    assert_eq!(refused(&requests), BTreeSet::new());
    // All that is permitted to be listed is.
    let listed: BTreeSet<(String, String)> = requests
        .iter()
        .filter(|request| matches!(request.verb.as_str(), "list" | "watch"))
        .filter_map(|request| request.resource.clone())
        .map(|resource| (resource.group, resource.plural))
        .collect();
    for rule in manifests.iter().flat_map(|role| items(&role["rules"])) {
        for plural in items(&rule["resources"]) {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let resource = (text(&rule["apiGroups"][0]), text(plural));
            assert!(
                listed.contains(&resource),
                "{resource:?} is never asked for"
            );
        }
    }
}

const SELECTION: &[&str] = &[
    "--include=configmaps",
    "--include=deployments.apps",
    "--include=storageclasses",
    "--namespace=default",
    "--namespace=kube-system",
];

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_namespaces_are_enough_for_a_selection_of_namespaces_and_each_rule_is_needed() {
    let cluster = cluster().await;
    let admin = cluster.kubeconfig(User::admin());
    let mut args = vec!["--source=".to_owned() + "k8s:?kubeconfig=" + admin.to_str().unwrap()];
    args.push("--service-account=agents/agent".to_owned());
    args.extend(SELECTION.iter().map(|&arg| arg.to_owned()));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (manifests, _) = printed(&args);
    let kinds: Vec<&str> = manifests
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "ClusterRole",
            "ClusterRoleBinding",
            "Role",
            "RoleBinding",
            "Role",
            "RoleBinding"
        ]
    );
    let requests = run(&cluster, &manifests, SELECTION).await;
    // Each is asked for everywhere first, and then where it may be.
    let of_cluster = ["/api/v1/configmaps", "/apis/apps/v1/deployments"].map(str::to_owned);
    assert_eq!(refused(&requests), of_cluster.clone().into());

    for (at, role) in manifests.iter().enumerate() {
        for rule in 0..items(&role["rules"]).count() {
            let mut less = manifests.clone();
            let removed = less[at]["rules"].as_array_mut().unwrap().remove(rule);
            for manifest in &less {
                cluster.sim.apply(manifest.clone()).unwrap();
            }
            if removed["resourceNames"] == json!(["kube-system"]) {
                says_what_it_needs(&cluster);
                continue;
            }
            let requests = run(&cluster, &less, SELECTION).await;
            let plural = removed["resources"][0].as_str().unwrap();
            let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default();
            // In the namespace nothing is seen of it any more, elsewhere all of it.
            let seen = |request: &&LoggedRequest| {
                request.status == 200 && request.path.ends_with(&format!("/{plural}"))
            };
            let seen: BTreeSet<&str> = requests
                .iter()
                .filter(seen)
                .map(|it| it.namespace.as_str())
                .collect();
            assert!(
                !seen.contains(namespace),
                "{plural} in {namespace} without {removed}"
            );
            let all = if namespace.is_empty() { 0 } else { 1 };
            assert_eq!(seen.len(), all, "{plural} is seen in {seen:?}");
        }
    }
}

/// Without the name of the cluster nothing may leave.
fn says_what_it_needs(cluster: &Cluster) {
    let kubeconfig = cluster.kubeconfig(account());
    let output = program()
        .arg("run")
        .arg(format!("--source=k8s:?kubeconfig={}", kubeconfig.display()))
        .args(["--probes-addr=none", "--admin-addr=none", "--sink=stdout:"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("grant get on it"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cluster_it_is_what_every_cluster_serves() {
    let (offline, text) = printed(&[
        "--offline",
        "--include=pods",
        "--include=certificates.cert-manager.io",
    ]);
    assert_eq!(offline[0]["rules"][0]["resources"], json!(["pods"]));
    assert!(
        text.contains("# Not in it: certificates.cert-manager.io"),
        "{text}"
    );
    let interactive = [
        "--offline",
        "--include=pods",
        "--cluster-id=x",
        "--enable-interactive",
        "--interactive-namespaces=shop",
        "--user=jane",
        "--name=least",
    ];
    let (manifests, _) = printed(&interactive);
    let role = manifests.iter().find(|it| it["kind"] == "Role").unwrap();
    assert_eq!(
        role["metadata"],
        json!({"name": "least", "namespace": "shop"})
    );
    assert_eq!(role["rules"][0]["resources"], json!(["pods/exec"]));
    assert_eq!(manifests[1]["subjects"][0]["name"], "jane");

    // It is what the simulator serves by itself, but for what a cluster may do without.
    let sim = Cluster::of(Sim::builder(), &[]).await;
    let admin = sim.kubeconfig(User::admin());
    let (_, online) = printed(&[&format!("--source=k8s:?kubeconfig={}", admin.display())]);
    let (offline, _) = printed(&["--offline"]);
    for plural in offline
        .iter()
        .flat_map(|it| items(&it["rules"]))
        .flat_map(|rule| items(&rule["resources"]))
    {
        assert!(
            online.contains(&plural.to_string()),
            "{plural} is not served"
        );
    }
}
