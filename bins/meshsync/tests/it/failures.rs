//! Exit codes, and messages that say what to do.

use std::net::TcpListener;

use crate::support::{ended, meshsync, source};

async fn check(args: &[&str], code: i32, says: &[&str]) {
    let ended = ended(meshsync(args)).await;
    ended.assert_code(code);
    ended.assert_says(says);
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn no_cluster_anywhere_is_configuration_and_says_what_to_set() {
    let says = [
        "no cluster configuration found",
        "set KUBECONFIG or pass --source k8s:?kubeconfig=PATH",
    ];
    check(&["run"], 78, &says).await;
    check(&["snapshot"], 78, &says).await;
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_configuration_and_named() {
    let args = ["run", "--source", "k8s:?kubeconfig=/nonexistent/kubeconfig"];
    check(&args, 78, &["/nonexistent/kubeconfig", "No such file"]).await;
}

#[tokio::test]
async fn a_context_that_is_not_there_is_configuration_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    std::fs::write(&path, "apiVersion: v1\nkind: Config\n").unwrap();
    let source = format!("{}&context=nope", source(&path));
    check(&["run", "--source", &source], 78, &["nope"]).await;
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_unreachable() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    let url = format!("http://127.0.0.1:{port}");
    std::fs::write(
        &path,
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n\
             users: [{{name: c, user: {{}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: c}}}}]\n"
        ),
    )
    .unwrap();
    let source = source(&path);
    let says = [url.as_str(), "refused", "kubectl cluster-info"];
    let endpoints = ["--probes-addr=none", "--admin-addr=none"];
    let args = [&["run", "--source", &source], &endpoints[..]].concat();
    check(&args, 69, &says).await;

    let output = dir.path().join("out.yaml");
    let output = output.to_str().unwrap();
    check(&["snapshot", "--source", &source, "-o", output], 69, &says).await;
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the kubeconfig: {left:?}");
}

#[tokio::test]
async fn what_was_told_and_cannot_work_is_configuration() {
    check(
        &["run", "--sink", "ftp://host"],
        78,
        &["unknown sink \"ftp://host\"", "file:PATH"],
    )
    .await;
    check(&["demo", "--sink", "file:"], 78, &["write file:PATH"]).await;
    check(
        &["run", "--source", "nonsense:"],
        78,
        &["\"nonsense\"", "k8s:"],
    )
    .await;
    check(
        &["run", "--include", "pods.v1"],
        78,
        &["\"pods.v1\"", "write \"pods.v1.\""],
    )
    .await;
    check(
        &["run", "--namespace", "Team"],
        78,
        &["\"Team\" cannot be a namespace"],
    )
    .await;
    check(&["run", "--cluster-id", ""], 78, &["--cluster-id is empty"]).await;
    check(
        &["snapshot", "-o", "/nonexistent/dir/out"],
        78,
        &["failed to write /nonexistent/dir/out", "No such file"],
    )
    .await;
}

#[tokio::test]
async fn what_is_no_cluster_is_not_told_to_meshery() {
    let dir = tempfile::tempdir().unwrap();
    let source = format!("manifests:{}", dir.path().display());
    check(
        &["run", "--source", &source, "--sink", "nats://127.0.0.1:1"],
        78,
        &["nats://127.0.0.1:1 takes Meshery messages", "jetstream://"],
    )
    .await;
}

#[tokio::test]
async fn a_broker_url_or_log_level_that_cannot_work_is_configuration() {
    let mut command = meshsync(&["run"]);
    command.env("BROKER_URL", "ftp://user:pass@host");
    let refused = ended(command).await;
    refused.assert_code(78);
    refused.assert_says(&["unknown sink \"ftp://host\""]);
    assert!(!refused.stderr.contains("pass@"), "{}", refused.stderr);

    let mut command = meshsync(&["run"]);
    command.env("RUST_LOG", "a=b=c");
    let refused = ended(command).await;
    refused.assert_code(78);
    refused.assert_says(&["RUST_LOG is \"a=b=c\"; write a level"]);
}

#[tokio::test]
async fn what_the_command_does_not_know_is_usage() {
    check(&["run", "--no-such-flag"], 2, &["--no-such-flag"]).await;
    check(&["run", "--stop-after", "soon"], 2, &["1m30s"]).await;
    check(&["run", "--probes-addr", "here"], 2, &["127.0.0.1:11001"]).await;
    check(&["run", "--secrets", "some"], 2, &["redacted", "plain"]).await;
    check(&["demo", "--churn=-1"], 2, &["--churn"]).await;
}
