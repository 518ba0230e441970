//! The simulated API server.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::options::Options;
use crate::pace::Road;
use crate::process::{POLL, Process, Usage};

/// A running `kubesim`.
#[derive(Debug)]
pub(crate) struct Simulator {
    process: Process,
    _road: Option<Road>,
    pub(crate) url: String,
    pub(crate) kubeconfig: tempfile::NamedTempFile,
}

impl Simulator {
    pub(crate) fn start(
        options: &Options,
        objects: usize,
        pace: Option<f64>,
    ) -> anyhow::Result<Self> {
        let mut simulator = Self::start_as(options, objects, &["--size-distribution", "zipf"])?;
        if let Some(mb_s) = pace {
            simulator.slow_down(mb_s)?;
        }
        Ok(simulator)
    }

    /// One whose objects are as large as they are: most of each is spec and status.
    pub(crate) fn start_natural(options: &Options, objects: usize) -> anyhow::Result<Self> {
        Self::start_as(options, objects, &[])
    }

    fn start_as(options: &Options, objects: usize, sizes: &[&str]) -> anyhow::Result<Self> {
        let kubeconfig = tempfile::NamedTempFile::new()?;
        let mut process = Process::start(
            Command::new(&options.programs.kubesim)
                .args(["--objects", &objects.to_string()])
                .args(sizes)
                .arg("--kubeconfig-out")
                .arg(kubeconfig.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let url = process.first_line()?;
        // The kubeconfig is written after the first line is.
        wait_for_text(kubeconfig.path(), &url)?;
        Ok(Self {
            process,
            _road: None,
            url,
            kubeconfig,
        })
    }

    /// Puts a road of that many MB/s before the server.
    fn slow_down(&mut self, mb_s: f64) -> anyhow::Result<()> {
        let path = self.kubeconfig.path();
        let kubeconfig = fs::read_to_string(path)?;
        let road = Road::open(&self.url, mb_s)?;
        fs::write(path, kubeconfig.replace(&self.url, &road.url))?;
        self.url.clone_from(&road.url);
        self._road = Some(road);
        Ok(())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }
}

/// A file that another process is about to write, once it says `text`.
fn wait_for_text(path: &Path, text: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let content = fs::read_to_string(path)?;
        if content.contains(text) {
            return Ok(content);
        }
        ensure!(Instant::now() < deadline, "no {text} in {}", path.display());
        std::thread::sleep(POLL);
    }
}
