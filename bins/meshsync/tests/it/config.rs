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

/// A command whose environment says nothing but `variables`.
fn command(args: &[&str], variables: &[(&str, &str)]) -> tokio::process::Command {
    let mut command = meshsync(args);
    command.env_remove("BROKER_URL");
    command.envs(variables.iter().copied());
    command
}

#[tokio::test]
async fn the_configuration_is_shown_with_the_origin_of_each_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meshsync.yaml");
    let text = "sinks: ['nats://user:pass@h:4222']\ndepth: standard\ninclude: [pods]\ntiers: ['pods=detail']\n";
    std::fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    let args = [
        "config",
        "show",
        "--config",
        file,
        "--include",
        "pods@shop name=a",
    ];
    let variables = [
        ("MESHSYNC_DEPTH", "presence"),
        ("MESHSYNC_INCLUDE", "nodes"),
    ];
    let shown = ended(command(&args, &variables)).await;
    shown.assert_code(0);
    for line in [
        "include: [\"pods@shop name=a\"] # flag",
        "depth: \"presence\" # environment",
        "tiers: [\"pods=detail\"] # file",
        "secrets: \"redacted\" # default",
    ] {
        assert!(
            shown.stdout.lines().any(|it| it == line),
            "{line}: {}",
            shown.stdout
        );
    }
    assert!(!shown.stdout.contains("pass"), "{}", shown.stdout);
    // It is a file that says the same.
    let again = dir.path().join("again.yaml");
    std::fs::write(&again, &shown.stdout).unwrap();
    let checked = ended(meshsync(&["config", "check", again.to_str().unwrap()])).await;
    checked.assert_code(0);
    let wrong = ended(command(&["config", "show"], &[("MESHSYNC_DEPTH", "deep")])).await;
    wrong.assert_code(78);
    wrong.assert_says(&["$MESHSYNC_DEPTH: \"deep\" is no depth"]);
}

#[tokio::test]
async fn the_schema_takes_what_is_read_and_refuses_what_is_not() {
    let schema = ended(meshsync(&["config", "schema"])).await;
    schema.assert_code(0);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let check = |value: serde_json::Value, expected: bool| {
        assert_eq!(schema.is_valid(&value), expected, "{value}");
    };
    check(serde_json::json!(null), true);
    check(
        serde_json::json!({"include": ["pods@shop labels=a=b"], "depth": "standard", "outboxBytes": 65536}),
        true,
    );
    for value in [
        serde_json::json!({"includes": []}),
        serde_json::json!({"depth": "deep"}),
        serde_json::json!({"sinks": "stdout:"}),
        serde_json::json!([]),
    ] {
        check(value, false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_which_rule_decided() {
    let cluster = Cluster::start(60).await;
    cluster
        .sim
        .apply(serde_json::json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "quiet", "namespace": "default",
                "annotations": {"meshsync.io/ignore": "true"}},
        }))
        .unwrap();
    let explain = async |args: &[&str], expected: &[&str]| {
        let source = cluster.source();
        let mut all = vec!["config", "explain", "--source", &source];
        all.extend(args);
        let ended = ended(meshsync(&all)).await;
        ended.assert_code(0);
        for text in expected {
            assert!(
                ended.stdout.contains(text),
                "{args:?}: {text}: {}",
                ended.stdout
            );
        }
    };
    explain(
        &["pods"],
        &[
            "resource  observed: it can be listed and watched",
            "tier      detail",
        ],
    )
    .await;
    explain(&["leases"], &["not observed: left out by default"]).await;
    explain(
        &[
            "po",
            "-n",
            "default",
            "--exclude",
            "*@def*",
            "--tier",
            "pods@default=presence",
        ],
        &[
            "object    not selected: excluded by \"*@def*\"",
            "presence: rule \"pods@default=presence\"",
        ],
    )
    .await;
    explain(
        &["configmaps", "-n", "default", "--name", "quiet"],
        &["not selected: it has the annotation meshsync.io/ignore"],
    )
    .await;
    explain(
        &["pods", "-n", "default", "--include", "pods labels=a=b"],
        &[
            "depends on the object: rule \"pods labels=a=b\"",
            "asked with labelSelector=a=b",
        ],
    )
    .await;
    let source = cluster.source();
    let nothing = ended(meshsync(&[
        "config", "explain", "--source", &source, "pdos",
    ]))
    .await;
    nothing.assert_code(1);
    nothing.assert_says(&["\"pdos\" is nothing this cluster serves"]);
}

/// Flags, file, Meshery's resource and ours at once, the two resources and the file edited live.
#[tokio::test(flavor = "multi_thread")]
async fn each_source_is_in_force_where_those_above_it_say_nothing() {
    let cluster = Cluster::start(60).await;
    let deploy = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/kustomize/discovery/definition.yaml"
    );
    let definition = std::fs::read_to_string(deploy).unwrap();
    let definition: serde_json::Value = serde_saphyr::from_str(&definition).unwrap();
    cluster.sim.apply(definition).unwrap();
    let ours = |spec: serde_json::Value| {
        let resource = serde_json::json!({
            "apiVersion": "meshsync.io/v1alpha1", "kind": "Discovery",
            "metadata": {"name": "ours", "namespace": "default"}, "spec": spec,
        });
        cluster.sim.apply(resource).unwrap();
    };
    ours(serde_json::json!({"include": ["secrets"], "tiers": ["secrets=presence"]}));
    let path = cluster.path("meshsync.yaml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("discoveryResource: default/ours\nevents: written\n");
    let args = ["--config", path.to_str().unwrap(), "--exclude", "nodes"];
    let mut child = run(&cluster, &args).spawn().unwrap();
    let mut stdout = lines(child.stdout.take().unwrap());
    let mut stderr = lines(child.stderr.take().unwrap());
    let record = line_with(&mut stdout, r#""kind":"Secret""#).await;
    assert!(record.contains(r#""tier":"presence""#), "{record}");
    line_with(&mut stdout, r#""event":"SYNCED""#).await;
    // Ours names what a flag leaves out, and something else.
    ours(serde_json::json!({"include": ["nodes", "namespaces"]}));
    let record = line_with(&mut stdout, r#""event":"ADDED""#).await;
    assert!(record.contains(r#""kind":"Namespace""#), "{record}");
    // The file says something else, and then nothing usable.
    write("discoveryResource: default/ours\nevents: written\ninclude: [configmaps]\n");
    line_with(&mut stdout, r#""kind":"ConfigMap""#).await;
    write("includ: [configmaps]\n");
    let refused = line_with(&mut stderr, "the one before stays").await;
    assert!(refused.contains("meshsync.yaml:1:1"), "{refused}");
    meshsync_testkit::eventually("both know", crate::support::DEADLINE, async || {
        let ours = cluster
            .sim
            .object("meshsync.io", "discoveries", Some("default"), "ours");
        let conditions = ours.unwrap()["status"]["conditions"].to_string();
        let events = cluster
            .sim
            .snapshot()
            .filter(|object| object.plural == "events");
        let mut events = events.filter_map(|object| {
            cluster
                .sim
                .object("", "events", Some(&object.namespace), &object.name)
        });
        conditions.contains("meshsync.yaml:1:1")
            && events.any(|event| event["message"].to_string().contains("meshsync.yaml:1:1"))
    })
    .await;
    child.kill().await.unwrap();
}
