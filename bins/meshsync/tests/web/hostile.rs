//! Requests that nobody should make.

use meshsync_sim::{Generate, Sim};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, Page};

const SECRET: &str = "correct horse battery staple";
const SECRET_BASE64: &str = "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==";

#[tokio::test]
async fn what_nobody_should_ask_is_refused_and_nothing_else_happens() {
    let page = Page::demo(&["--objects", "100", "--churn", "0"]).await;
    page.synced("").await;
    rebinding(&page).await;
    traversal(&page).await;
    malformed(&page).await;
    questions(&page).await;
    // After all that it answers as before.
    assert_eq!(page.get("/api/v1/overview", "").await.status, 200);
}

/// A name that an attacker made point here.
async fn rebinding(page: &Page) {
    for path in [
        "/",
        "/api/v1/overview",
        "/status",
        "/api/v1/stream",
        "/nothing",
    ] {
        for host in [
            "evil.example",
            "evil.example:11001",
            "localhost.evil.example",
            "10.0.0.1",
        ] {
            let answer = page
                .say(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
                .await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (403, ""),
                "{path} {host}"
            );
        }
    }
    // A page of another site that asks by the right name.
    let answer = page
        .get("/api/v1/overview", "sec-fetch-site: cross-site\r\n")
        .await;
    assert_eq!((answer.status, answer.body.as_str()), (403, ""));
    let answer = page
        .get("/api/v1/overview", "origin: http://evil.example\r\n")
        .await;
    assert!(!answer.head.contains("access-control-allow"), "{answer:?}");
}

async fn traversal(page: &Page) {
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/app.js/../../../etc/passwd",
        "/assets/../app.js",
        "//etc/passwd",
        "/api/v1/objects/../../etc/passwd",
        "/api/v1/objects/pods/..%2f..%2f..%2fetc/passwd",
        "/index.html%00.js",
    ] {
        let answer = page.get(path, "").await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert!(!answer.body.contains("root:"), "{path}: {answer:?}");
    }
}

async fn malformed(page: &Page) {
    for (request, status) in [
        ("GARBAGE\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost localhost\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 403),
        (
            format!(
                "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
                "a".repeat(6_000)
            ),
            414,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
                "y".repeat(100_000)
            ),
            431,
        ),
        (
            "POST /api/v1/objects HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999999\r\n\r\n"
                .to_owned(),
            405,
        ),
        (
            "DELETE / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(),
            405,
        ),
    ] {
        let answer = page.say(&request).await;
        // A reset may overtake the answer to what was not read to its end.
        let is_refused = answer.status == status || (answer.status == 0 && status == 431);
        assert!(is_refused, "{request:.60}: {answer:?}");
        assert_eq!(answer.body, "", "{request:.60}");
    }
}

/// Those who may ask are told what is wrong with a question.
async fn questions(page: &Page) {
    for query in [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "after=x",
        "after=%5B%5D",
        "unknown=1",
        "labels=a+in+(b)",
        "labels=a,b,c,d,e,f,g,h,i",
    ] {
        let answer = page.get(&format!("/api/v1/objects?{query}"), "").await;
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
        let said = answer.json();
        assert!(
            said["error"].is_string() && said["remedy"].is_string(),
            "{said}"
        );
    }
    let long = page
        .get(&format!("/api/v1/objects?q={}", "a".repeat(201)), "")
        .await;
    assert_eq!(long.status, 400);
    // What looks like SQL is a word like others.
    let injected = page
        .get("/api/v1/objects?q='%20or%201=1;--%20%25", "")
        .await;
    assert_eq!(injected.json()["total"], 0);
    let missing = page.get("/api/v1/objects/pods/default/none", "").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn without_the_token_there_is_a_status_and_nothing_else() {
    let sim = Sim::builder()
        .generate(Generate::objects(50))
        .start()
        .await
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "0123456789abcdef0123\n").unwrap();
    let page = Page::run(
        &sim.kubeconfig(),
        &["--web-token-file", file.to_str().unwrap()],
    )
    .await;
    let with = "authorization: Bearer 0123456789abcdef0123\r\n";
    page.synced(with).await;
    for path in [
        "/status",
        "/api/v1/overview",
        "/api/v1/objects",
        "/api/v1/objects/pods/default/x",
        "/api/v1/fingerprints",
        "/api/v1/topology?namespace=default",
        "/api/v1/changes",
        "/api/v1/stream",
        "/api/v1/nothing",
        "/nothing",
    ] {
        for headers in [
            "",
            "authorization: Bearer 0123456789abcdef0124\r\n",
            "authorization: x\r\n",
        ] {
            let answer = page.get(path, headers).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (401, ""),
                "{path} {headers}"
            );
            assert!(!answer.head.contains("set-cookie"), "{answer:?}");
        }
    }
    // The files say nothing about a cluster; what they may do is said with them.
    let files = page.get("/", "").await;
    assert_eq!(files.status, 200);
    assert!(files.head.contains("default-src 'none'"), "{files:?}");
    assert!(!files.head.contains("unsafe"), "{files:?}");
}

#[tokio::test]
async fn values_of_secrets_are_not_told_even_where_the_pipeline_sends_them() {
    let sim = Sim::builder()
        .generate(Generate::objects(20))
        .start()
        .await
        .unwrap();
    let applied = json!({"kind": "Secret", "stringData": {"password": SECRET}}).to_string();
    sim.apply(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": "known", "namespace": "default",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied},
        },
        "data": {"password": SECRET_BASE64},
    }))
    .unwrap();
    let page = Page::run(&sim.kubeconfig(), &["--secrets", "plain"]).await;
    page.synced("").await;
    let answer = page.get("/api/v1/objects/secrets/default/known", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("password"), "{answer:?}");
    for value in [SECRET, SECRET_BASE64] {
        assert!(!answer.body.contains(value), "{answer:?}");
    }
    assert_eq!(answer.json()["redacted"], true);
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody() {
    let page = Page::demo(&["--objects", "200", "--churn", "200"]).await;
    page.synced("").await;
    // Streams that are opened and never read, and heads that never end.
    let mut idle = Vec::new();
    for at in 0..60 {
        let mut stream = TcpStream::connect(page.addr).await.unwrap();
        let head = match at % 2 {
            0 => "GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n",
            _ => "GET /api/v1/overview HTTP/1.1\r\nhost: local",
        };
        stream.write_all(head.as_bytes()).await.unwrap();
        idle.push(stream);
    }
    // One that reads is told what happens, again and again.
    let mut reader = TcpStream::connect(page.addr).await.unwrap();
    let head = "GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";
    reader.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    let mut buffer = [0; 8192];
    let frames = async {
        while said.matches("event: changes").count() < 5 {
            let read = reader.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the stream ended");
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    tokio::time::timeout(DEADLINE, frames).await.unwrap();
    for _ in 0..10 {
        assert_eq!(page.get("/api/v1/objects?limit=10", "").await.status, 200);
    }
}
