//! The command as a user runs it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, like the tests themselves"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// Far more than a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(180);

struct Kubesim {
    child: Child,
    url: String,
}

impl Kubesim {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubesim"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        let url = url.trim_end().to_owned();
        Self { child, url }
    }
}

impl Drop for Kubesim {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn kubectl(program: &Path, home: &Path, arguments: &str) -> Output {
    Command::new(program)
        .arg("--kubeconfig")
        .arg(home.join("config"))
        .arg("--cache-dir")
        .arg(home.join("cache"))
        .args(arguments.split(' '))
        .env("HOME", home)
        .output()
        .unwrap()
}

#[tokio::test]
async fn kubectl_gets_in_with_a_token_that_is_renewed() {
    let Some(program) = meshsync_testkit::tool("kubectl") else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    let sim = Kubesim::start(&[
        "--objects=50",
        "--tls",
        "--rbac",
        "--token-rotation=1s",
        &format!("--token-file={}", path("token")),
        &format!("--ca-out={}", path("ca.crt")),
        &format!("--kubeconfig-out={}", path("config")),
    ]);
    assert!(sim.url.starts_with("https://127.0.0.1:"), "{}", sim.url);
    let certificate = fs::read_to_string(path("ca.crt")).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let first = fs::read_to_string(path("token")).unwrap();
    meshsync_testkit::eventually("the token is renewed", DEADLINE, async || {
        fs::read_to_string(path("token")).unwrap() != first
    })
    .await;
    let pods = kubectl(&program, home.path(), "get pods -A");
    assert!(pods.status.success(), "{pods:?}");
    let kubeconfig = fs::read_to_string(path("config")).unwrap();
    assert!(kubeconfig.contains("tokenFile") && !kubeconfig.contains(&first));
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_kubesim"))
            .args(arguments)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    };
    check(&["--ca-out=x"], 2, "--tls");
    check(&["--churn=-1"], 2, "changes per second");
    check(&["--capture=/nowhere/at/all"], 78, "/nowhere/at/all");
    check(&["--bind=203.0.113.1:1"], 69, "203.0.113.1:1");
}
