//! Configuration files.

use crate::support::{Cluster, ended, is_full_sync, line_with, lines, meshsync, run};

#[tokio::test]
async fn every_problem_of_a_file_is_reported_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meshsync.yaml");
    std::fs::write(&path, "probesAdr: none\nsinks:\n- 'stdout:'\n- ftp://x\n").unwrap();
    let file = path.to_str().unwrap();
    for args in [["config", "check", file], ["run", "--config", file]] {
        let ended = ended(meshsync(&args)).await;
        ended.assert_code(78);
        ended.assert_says(&[
            &format!("{file}:1:1: unknown key \"probesAdr\": did you mean \"probesAddr\"?"),
            &format!("{file}:4:3: unknown sink \"ftp://x\""),
        ]);
    }
}

#[tokio::test]
async fn a_good_file_is_ok() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meshsync.yaml");
    std::fs::write(&path, "sinks: ['stdout:']\nsecrets: redacted\n").unwrap();
    let file = path.to_str().unwrap();
    let ended = ended(meshsync(&["config", "check", file])).await;
    ended.assert_code(0);
    assert_eq!(ended.stdout, format!("{file}: OK\n"));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let ended = ended(meshsync(&["config", "check", "/nonexistent/a.yaml"])).await;
    ended.assert_code(78);
    ended.assert_says(&["/nonexistent/a.yaml", "No such file"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_followed_and_the_command_line_overrides_it() {
    let cluster = Cluster::start(60).await;
    let records = cluster.path("records.jsonl");
    let config = cluster.path("meshsync.yaml");
    let text = format!(
        "source: k8s:?kubeconfig=/nonexistent\n\
         sinks: ['file:{}']\n\
         include: [secrets, pods]\n\
         exclude: [pods]\n\
         secrets: plain\n\
         clusterId: of-the-file\n",
        records.display()
    );
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let mut child = run(&cluster, &["--config", config, "--secrets", "redacted"])
        .spawn()
        .unwrap();
    let text = meshsync_testkit::eventually(
        "a full sync in the file",
        crate::support::DEADLINE,
        async || {
            let text = std::fs::read_to_string(&records).unwrap_or_default();
            let last = serde_json::from_str(text.lines().last()?).ok()?;
            is_full_sync(&last).then_some(text)
        },
    )
    .await;
    child.kill().await.unwrap();
    assert!(text.contains(r#""scope":"of-the-file""#));
    assert!(text.contains(r#""kind":"Secret""#) && !text.contains(r#""kind":"Pod""#));
    assert!(!text.contains(crate::support::SECRET_BASE64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_is_in_force_at_once_and_one_that_is_wrong_changes_nothing() {
    let cluster = Cluster::start(60).await;
    let path = cluster.path("meshsync.yaml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("include: [secrets]\n");
    let mut child = run(&cluster, &["--config", path.to_str().unwrap()])
        .spawn()
        .unwrap();
    let mut stdout = lines(child.stdout.take().unwrap());
    let mut stderr = lines(child.stderr.take().unwrap());
    line_with(&mut stdout, r#""event":"SYNCED""#).await;

    write("include: [secrets, configmaps]\ntiers: [configmaps=presence]\n");
    let added = line_with(&mut stdout, r#""kind":"ConfigMap""#).await;
    assert!(added.contains(r#""event":"ADDED""#) && added.contains(r#""tier":"presence""#));

    write("include: [configmaps]\ninclud: [pods]\n");
    let refused = line_with(&mut stderr, "the one before stays").await;
    assert!(refused.contains("meshsync.yaml:2:1"), "{refused}");
    cluster
        .sim
        .delete("", "secrets", Some("default"), "known")
        .unwrap();
    line_with(&mut stdout, r#""event":"DELETED""#).await;

    write("include: [configmaps]\nclusterId: another\n");
    line_with(&mut stderr, "takes a restart").await;
    line_with(&mut stdout, r#""kind":"Secret""#).await;
    child.kill().await.unwrap();
}
