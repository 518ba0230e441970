//! `cargo xtask web`: builds the web page from `web/` into what is part of the program.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use crate::{
    stage::stage,
    test::workspace_root,
    tool::{Effort, NODE},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing, and fail where the built files are not what the sources give
    #[arg(long)]
    check: bool,
}

/// Files of the page, as the program knows them.
const ASSETS: &[&str] = &["index.html", "app.js", "app.css", "icon.svg"];

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let root = workspace_root()?;
    let node = NODE.locate(&root.join("target/tools"), Effort::Any)?.path;
    let workshop = stage("packages", || install(&root, &node))?;
    stage("types", || {
        script(
            &node,
            &workshop,
            "node_modules/typescript/bin/tsc",
            &["--noEmit"],
        )
    })?;
    stage("build", || {
        script(
            &node,
            &workshop,
            "node_modules/vite/bin/vite.js",
            &["build", "--logLevel", "warn"],
        )
    })?;
    let (built, kept) = (
        workshop.join("dist"),
        root.join("crates/meshsync-web/assets"),
    );
    if args.check {
        return compare(&built, &kept);
    }
    for name in ASSETS {
        fs::copy(built.join(name), kept.join(name))?;
    }
    println!("built into {}", kept.display());
    Ok(())
}

/// The sources beside the packages they need, below `target`: nothing is written to `web/`.
pub(crate) fn install(root: &Path, node: &Path) -> anyhow::Result<PathBuf> {
    let (sources, workshop) = (root.join("web"), root.join("target/web"));
    fs::create_dir_all(&workshop)?;
    for entry in fs::read_dir(&workshop)? {
        let entry = entry?;
        let is_kept = ["node_modules", ".installed"].map(OsStr::new);
        if is_kept.contains(&entry.file_name().as_os_str()) {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    copy(&sources, &workshop)?;
    let lock = fs::read(sources.join("package-lock.json"))?;
    let mark = workshop.join(".installed");
    if fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return Ok(workshop);
    }
    println!("fetching what web/package-lock.json names");
    let mut npm = npm(node)?;
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
    run_quietly(npm.current_dir(&workshop), "npm ci")?;
    fs::write(mark, lock)?;
    Ok(workshop)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        match entry.file_type()?.is_dir() {
            true if name == "node_modules" || name == "dist" => {}
            true => copy(&entry.path(), &to.join(name))?,
            false => drop(fs::copy(entry.path(), to.join(name))?),
        }
    }
    Ok(())
}

/// The npm that came with this Node.js, else the one in `PATH`.
fn npm(node: &Path) -> anyhow::Result<Command> {
    let real = fs::canonicalize(node)?;
    let beside = [
        "../lib/node_modules/npm/bin/npm-cli.js",
        "../share/nodejs/npm/bin/npm-cli.js",
    ];
    let own = beside
        .iter()
        .filter_map(|path| Some(real.parent()?.join(path)))
        .find(|path| path.is_file());
    let mut path = vec![
        real.parent()
            .context("a program is in a folder")?
            .to_owned(),
    ];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut command = match own {
        Some(script) => {
            let mut command = Command::new(&real);
            command.arg(script);
            command
        }
        None => Command::new("npm"),
    };
    command.env("PATH", env::join_paths(path)?);
    Ok(command)
}

fn script(node: &Path, workshop: &Path, path: &str, args: &[&str]) -> anyhow::Result<()> {
    run_quietly(
        Command::new(node)
            .arg(path)
            .args(args)
            .current_dir(workshop),
        path,
    )
}

/// Says what a program said only where it failed.
fn run_quietly(command: &mut Command, name: &str) -> anyhow::Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn compare(built: &Path, kept: &Path) -> anyhow::Result<()> {
    let differs = |name: &&&str| fs::read(built.join(name)).ok() != fs::read(kept.join(name)).ok();
    let stale: Vec<&str> = ASSETS.iter().filter(differs).copied().collect();
    ensure!(
        stale.is_empty(),
        "{} of the web page are not what web/ gives: run `cargo xtask web` and commit them",
        stale.join(", ")
    );
    println!("the web page is what web/ gives");
    Ok(())
}
