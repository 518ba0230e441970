//! The simulated API server.

use std::process::{Command, Stdio};

use crate::options::Options;
use crate::process::{Process, Usage};

/// A running `kubesim`.
#[derive(Debug)]
pub(crate) struct Simulator {
    process: Process,
    pub(crate) url: String,
    pub(crate) kubeconfig: tempfile::NamedTempFile,
}

impl Simulator {
    pub(crate) fn start(
        options: &Options,
        objects: usize,
        pace: Option<f64>,
    ) -> anyhow::Result<Self> {
        let kubeconfig = tempfile::NamedTempFile::new()?;
        let pace = pace.map(|mb_s| format!("--pace={mb_s}"));
        let mut process = Process::start(
            Command::new(&options.programs.kubesim)
                .args(["--objects", &objects.to_string()])
                .args(pace)
                .arg("--kubeconfig-out")
                .arg(kubeconfig.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let url = process.first_line()?;
        Ok(Self {
            process,
            url,
            kubeconfig,
        })
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }
}
