//! `cargo xtask bench`: builds what is measured, then measures it.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, ensure};

use crate::{
    stage::stage,
    test::{cargo, install_web_tests, provide, web_tests, workspace_root},
    tool::Effort,
};

/// What the measuring program is told in the short form: that everything runs, in seconds.
const SMOKE: &[&str] = &[
    "--objects=300,600",
    "--rates=50",
    "--quiet-objects=300",
    "--change-seconds=1",
    "--idle-seconds=1",
    "--clients=20",
    "--settle-seconds=0.1",
    "--pace=10",
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only show that everything runs: few objects, a few seconds, without optimisation
    #[arg(long)]
    smoke: bool,

    /// Also fetch what drives the web page in a browser, and install packages of Debian, which needs
    /// root
    #[arg(long)]
    install: bool,

    /// Handed to the measuring program; `cargo xtask bench -- --help` lists what it takes
    #[arg(last = true)]
    extra: Vec<OsString>,
}

/// Answers with the exit code of the first step that failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(
        cfg!(target_os = "linux"),
        "processes are measured through /proc, which only Linux has"
    );
    let root = workspace_root()?;
    let tools = root.join("target/tools");
    let effort = match args.install {
        true => Effort::Any,
        false => Effort::Small,
    };
    let variables = stage("tools", || provide(&tools, effort));
    if args.install
        && let Err(error) = install_web_tests(&root, &tools)
    {
        eprintln!("warning: the time until a browser shows something is left out: {error:#}");
    }
    let program = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, path)| path.clone())
    };
    let nats_server = program("MESHSYNC_NATS_SERVER")
        .context("there is no nats-server to measure with: see the warning above")?;
    let mut browser: Vec<OsString> = Vec::new();
    if let (Some(chromium), Some((node, tests))) =
        (program("MESHSYNC_CHROMIUM"), web_tests(&root, &tools))
    {
        for (option, path) in [
            ("--node", node),
            ("--chromium", chromium),
            ("--web-tests", tests),
        ] {
            browser.extend([option.into(), path.into_os_string()]);
        }
    }
    let profile = if args.smoke { "dev" } else { "release" };
    let built = stage("build", || build(&root, profile).status()).context("failed to run cargo")?;
    ensure!(built.success(), "what is measured does not build");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let bin = target.join(if args.smoke { "debug" } else { "release" });
    let mut command = Command::new(bin.join("bench-cluster"));
    command
        .current_dir(&root)
        .arg("--meshsync")
        .arg(bin.join("meshsync"))
        .arg("--kubesim")
        .arg(bin.join("kubesim"))
        .arg("--nats-server")
        .arg(nats_server)
        .args(browser)
        .args(if args.smoke { SMOKE } else { &[] })
        .args(&args.extra);
    let status = stage("measure", || command.status()).context("failed to measure")?;
    Ok(status.code().map_or(ExitCode::FAILURE, |code| {
        ExitCode::from(u8::try_from(code).unwrap_or(1))
    }))
}

fn build(root: &Path, profile: &str) -> Command {
    let mut command = cargo(root);
    command.args(["build", "--profile", profile, "--bins"]);
    command.args([
        "-p",
        "meshsync-cli",
        "-p",
        "kubesim",
        "-p",
        "meshsync-benches",
    ]);
    command
}
