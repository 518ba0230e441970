//! `cargo xtask test`: what the tests need, then the tests.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::{
    fetch,
    stage::stage,
    tool::{Effort, Located, NODE, TOOLS, Tool},
    web,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also fetch what is large, and install packages of Debian, which needs root
    #[arg(long)]
    install: bool,

    /// Handed to `cargo test`, for example `-- -p meshsync-broker` or `-- some_name -- --nocapture`
    #[arg(last = true)]
    extra: Vec<OsString>,
}

/// Answers with the exit code of `cargo test`.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = workspace_root()?;
    let effort = match args.install {
        true => Effort::Any,
        false => Effort::Small,
    };
    let tools = root.join("target/tools");
    let mut variables = stage("tools", || provide(&tools, effort));
    if effort == Effort::Any
        && let Err(error) = install_web_tests(&root, &tools)
    {
        warn_missing(NODE, &error);
    }
    if let Some((node, tests)) = web_tests(&root, &tools) {
        variables.extend([(NODE.variable, node), ("MESHSYNC_WEB_TESTS", tests)]);
    }
    let mut command = cargo_test(&root, &args.extra);
    command.envs(variables);
    let status = stage("cargo test", || command.status()).context("failed to run cargo")?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

/// Locates every tool and answers with the variables that name them. A tool that is missing costs
/// its tests only.
pub(crate) fn provide(tools: &Path, effort: Effort) -> Vec<(&'static str, PathBuf)> {
    let mut variables = Vec::new();
    for tool in TOOLS {
        let outcome = tool.locate(tools, effort).and_then(|located| {
            fetch::publish(&located.path, tool.name, tools)?;
            Ok(located)
        });
        match outcome {
            Ok(Located { path, version }) => {
                println!("{} {version}: {}", tool.name, path.display());
                variables.push((tool.variable, path));
            }
            Err(error) => warn_missing(tool, &error),
        }
    }
    variables
}

/// What drives the web page in a browser, where it was installed: Node.js, and the tests among the
/// packages they need.
pub(crate) fn web_tests(root: &Path, tools: &Path) -> Option<(PathBuf, PathBuf)> {
    if !root.join("target/web/.installed").exists() {
        eprintln!("warning: {} are not installed: use --install", NODE.used_by);
        return None;
    }
    let node = NODE.locate(tools, Effort::Small).ok()?;
    let workshop = web::install(root, &node.path).ok()?;
    Some((node.path, workshop.join("tests/browser.mjs")))
}

pub(crate) fn install_web_tests(root: &Path, tools: &Path) -> anyhow::Result<()> {
    let node = NODE.locate(tools, Effort::Any)?;
    let tests = web::install(root, &node.path)?.join("tests/browser.mjs");
    fetch::publish(&node.path, NODE.name, tools)?;
    fetch::publish(&tests, "web-tests", tools)?;
    println!("{} {}: {}", NODE.name, node.version, node.path.display());
    Ok(())
}

fn warn_missing(tool: &Tool, error: &anyhow::Error) {
    eprintln!("warning: no {}: {error:#}", tool.name);
    eprintln!("warning:   will skip: {}", tool.used_by);
    eprintln!("warning:   to run them: {}", tool.remedy());
}

pub(crate) fn cargo_test(root: &Path, extra: &[OsString]) -> Command {
    let mut command = cargo(root);
    command.arg("test");
    if !names_packages(extra) {
        command.arg("--workspace");
    }
    command.args(extra);
    command
}

/// The cargo that runs us, in the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root);
    // What `cargo run` sets for this process is not meant for the crates built below; build
    // scripts that watch these variables would run again each time.
    for (name, _) in env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_ours {
            command.env_remove(name);
        }
    }
    command
}

/// Whether the arguments choose packages themselves.
fn names_packages(extra: &[OsString]) -> bool {
    extra
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "-p" || arg.to_str().is_some_and(|arg| arg.starts_with("--package")))
}

pub(crate) fn workspace_root() -> anyhow::Result<PathBuf> {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest_dir.ancestors().nth(2);
    Ok(root.context("xtask is not in bins/xtask")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(extra: &[&str], expected: &[&str]) {
        let extra: Vec<_> = extra.iter().map(OsString::from).collect();
        let command = cargo_test(Path::new("."), &extra);
        assert_eq!(command.get_args().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn everything_is_tested_unless_packages_are_named() {
        check(&[], &["test", "--workspace"]);
        check(&["ledger"], &["test", "--workspace", "ledger"]);
        check(&["-p", "xtask"], &["test", "-p", "xtask"]);
        check(&["--package=xtask"], &["test", "--package=xtask"]);
        check(&["--", "-p"], &["test", "--workspace", "--", "-p"]);
    }
}
