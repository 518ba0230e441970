//! Every command of the book's guide (`docs/guide`), in order, page by page.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use meshsync_testkit::{NatsServer, tool};

use crate::reader::{Reader, commands, root};

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
async fn the_page_on_synthetic_tests_works() {
    follow("synthetic-test.md").await;
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
