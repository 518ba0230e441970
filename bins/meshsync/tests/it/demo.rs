//! `meshsync demo`.

use crate::support::{ended, is_full_sync, meshsync};

#[tokio::test]
async fn records_come_out_where_it_is_piped() {
    let ended = ended(meshsync(&[
        "demo",
        "--objects",
        "200",
        "--stop-after",
        "5s",
    ]))
    .await;
    ended.assert_code(0);
    let records = ended.records();
    let count = |event: &str| {
        records
            .iter()
            .filter(|record| record["event"] == event)
            .count()
    };
    assert!(count("ADDED") >= 150, "{}", count("ADDED"));
    assert!(count("MODIFIED") > 0);
    assert!(records.iter().any(is_full_sync));
}

#[tokio::test]
async fn records_go_to_a_sink_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.jsonl");
    let sink = format!("file:{}", path.display());
    let mut command = meshsync(&["demo", "--objects", "100", "--churn", "0", "--sink", &sink]);
    // What is made up must not get to a real broker.
    command
        .args(["--stop-after", "5s"])
        .env("BROKER_URL", "nats://127.0.0.1:1");
    let ended = ended(command).await;
    ended.assert_code(0);
    assert_eq!(ended.stdout, "");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() > 80, "{}", text.lines().count());
}
