//! Installs a package of Debian: for what is no single program that can be fetched.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};

/// Needs root.
pub(crate) fn install(package: &str) -> anyhow::Result<()> {
    ensure!(
        Path::new("/usr/bin/apt-get").exists(),
        "there is no apt-get to install {package} with"
    );
    println!("installing {package}");
    apt_get(&["update"])?;
    apt_get(&["install", "--yes", "--no-install-recommends", package])
}

fn apt_get(args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("/usr/bin/apt-get")
        .arg("--quiet=2")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("failed to run apt-get")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().last().unwrap_or("no reason given");
    ensure!(
        output.status.success(),
        "apt-get {} failed: {last}",
        args.join(" ")
    );
    Ok(())
}
