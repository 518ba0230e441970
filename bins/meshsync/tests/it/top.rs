//! `meshsync top`: once where nobody looks, and on a terminal of its own.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;
use tokio::process::Child;

use crate::support::{Cluster, DEADLINE, code, ended, free_addr, meshsync};

async fn agent(cluster: &Cluster, args: &[&str]) -> (Child, String) {
    let admin = free_addr();
    let child = meshsync(&["run", "--probes-addr", "none", "--admin-addr", &admin])
        .args(["--source", &cluster.source()])
        .args(args)
        .spawn()
        .unwrap();
    meshsync_testkit::eventually("in sync", DEADLINE, async || {
        let status = ended(meshsync(&["status", "--url", &admin])).await;
        status.stdout.contains(", in sync:").then_some(())
    })
    .await;
    (child, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_looks_it_prints_one_table() {
    let cluster = Cluster::start(60).await;
    let sink = format!("file:{}", cluster.path("records").display());
    let (_agent, admin) = agent(&cluster, &["--sink", &sink]).await;
    let args = [
        "top",
        "--url",
        &admin,
        "--interval",
        "100ms",
        "--sort",
        "name",
    ];
    let printed = ended(meshsync(&args)).await;
    printed.assert_code(0);
    assert!(!printed.stdout.contains('\x1b'), "{}", printed.stdout);
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert!(lines[0].starts_with("ok  "), "{}", printed.stdout);
    let objects = format!("{} objects of ", cluster.observed().len());
    assert!(lines[1].starts_with(&objects), "{}", printed.stdout);
    for part in ["SINK ", "file:", "RESOURCE ", "CHANGES/S"] {
        assert!(
            printed.stdout.contains(part),
            "no {part} in {}",
            printed.stdout
        );
    }
    let row = |name: &str| {
        let is_it = |line: &&str| line.split_whitespace().next() == Some(name);
        lines.iter().position(is_it).unwrap()
    };
    assert!(row("configmaps") < row("pods") && row("pods") < row("secrets"));

    let nobody = ended(meshsync(&["top", "--url", &free_addr()])).await;
    nobody.assert_code(69);
    nobody.assert_says(&["Is an agent running", "port-forward"]);
}

/// A terminal of 120 columns and 30 lines, and what was drawn on it.
struct Screen {
    keys: File,
    drawn: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    /// The screen, and the end of it that a program has.
    fn open() -> (Self, File) {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let size = Winsize {
            ws_row: 30,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&near, size).unwrap();
        let name = ptsname(&near, Vec::new()).unwrap();
        let name = name.to_str().unwrap();
        let far = File::options().read(true).write(true).open(name).unwrap();
        let keys = File::from(near);
        let mut reader = keys.try_clone().unwrap();
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&drawn);
        // Ends when nobody has the other end any more.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read) = reader.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        (Self { keys, drawn }, far)
    }

    fn press(&mut self, key: &[u8]) {
        self.keys.write_all(key).unwrap();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.drawn.lock().unwrap()).into_owned()
    }

    /// Waits until something is drawn that was not before.
    async fn shows(&self, part: &str) {
        meshsync_testkit::eventually(part, DEADLINE, async || {
            self.text().contains(part).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_it_is_live_obeys_keys_and_leaves_everything_as_it_was() {
    let cluster = Cluster::start(60).await;
    let (_agent, admin) = agent(&cluster, &["--web"]).await;
    let (mut screen, far) = Screen::open();
    let before = rustix::termios::tcgetattr(&far).unwrap();
    let of_program = || Stdio::from(far.try_clone().unwrap());
    let mut top = meshsync(&["top", "--url", &admin, "--interval", "100ms"])
        .stdin(of_program())
        .stdout(of_program())
        .stderr(of_program())
        .env("TERM", "xterm-256color")
        .spawn()
        .unwrap();
    screen.shows("\x1b[?1049h").await;
    screen.shows("s sort (changes)").await;
    screen.shows("at most").await;

    // What happens is shown without being asked for, once it listens.
    let mut number = 0;
    meshsync_testkit::eventually("changes", DEADLINE, async || {
        number += 1;
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("seen-{number}"), "namespace": "default"},
        });
        cluster.sim.apply(object).unwrap();
        screen.text().contains("default/seen-").then_some(())
    })
    .await;
    assert!(screen.text().contains("CHANGES"));

    screen.press(b"s");
    screen.shows("s sort (objects)").await;
    screen.press(b"p");
    screen.shows("paused").await;
    // No line is wider than the terminal.
    for line in screen.text().split("\r\n") {
        let plain = anstream::adapter::strip_str(line).to_string();
        assert!(plain.chars().count() <= 240, "{plain:?}");
    }
    screen.press(b"q");
    assert_eq!(code(&mut top).await, Some(0));
    screen.shows("\x1b[?1049l").await;
    assert!(screen.text().contains("\x1b[?25h"), "the cursor is back");
    let after = rustix::termios::tcgetattr(&far).unwrap();
    assert_eq!(before.local_modes, after.local_modes);
}
