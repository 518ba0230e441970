//! `web/tests/browser.mjs` against a demo.

use std::path::Path;
use std::process::Stdio;

use meshsync_testkit::tool;
use tokio::process::Command;

use crate::support::Page;

#[tokio::test]
async fn a_person_finds_everything_in_a_browser() {
    let (Some(node), Some(chromium), Some(tests)) =
        (tool("node"), tool("chromium"), tool("web-tests"))
    else {
        return;
    };
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("web-pictures");
    std::fs::create_dir_all(&pictures).unwrap();
    let demo = Page::demo(&["--objects", "1500", "--churn", "20"]).await;
    let output = Command::new(node)
        .args(["--test", "--test-reporter=spec"])
        .arg(std::fs::canonicalize(tests).unwrap())
        .env("MESHSYNC_WEB_URL", format!("http://{}", demo.addr))
        .env("MESHSYNC_CHROMIUM", chromium)
        .env("MESHSYNC_WEB_PICTURES", &pictures)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    println!("{said}");
    // A runner that ran nothing is happy too.
    assert!(said.contains("pass 11"), "{said}");
}
