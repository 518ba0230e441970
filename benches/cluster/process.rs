//! Processes we start, and what `/proc` says of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// `/proc/PID/stat` counts in these, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// How often something is looked at that does not say when it happens.
pub(crate) const POLL: Duration = Duration::from_millis(5);

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// CPU seconds, children that ended included.
    pub(crate) cpu_s: f64,
    /// Resident set now.
    pub(crate) rss_mib: f64,
    /// The largest it ever was (`VmHWM`).
    pub(crate) peak_rss_mib: f64,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self { child, name })
    }

    /// The first line of standard output, which the command must have piped.
    pub(crate) fn first_line(&mut self) -> anyhow::Result<String> {
        let name = &self.name;
        let stdout = self
            .child
            .stdout
            .take()
            .context("standard output is not piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            bail!("{name} ended before it said anything");
        }
        Ok(line.trim().to_owned())
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage(&self.child.id().to_string())
    }

    /// Looks until `done` answers.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        deadline: Duration,
        mut done: impl FnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let started = Instant::now();
        loop {
            if let Some(value) = done()? {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) before {what}", self.name);
            }
            if started.elapsed() > deadline {
                bail!("{}: not {what} within {} s", self.name, deadline.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only for one that has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Usage of a process by its number, or of `self`.
pub(crate) fn usage(pid: &str) -> anyhow::Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))
    };
    parse_usage(&read("stat")?, &read("status")?)
        .with_context(|| format!("/proc/{pid} is not as proc(5) says"))
}

fn parse_usage(stat: &str, status: &str) -> Option<Usage> {
    // The name, in parentheses, may hold anything; the fields begin behind it with the third.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let mut ticks = 0.0;
    for at in 14..=17 {
        ticks += fields.get(at - 3)?.parse::<f64>().ok()?;
    }
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024.0)
    };
    Some(Usage {
        cpu_s: ticks / TICKS_PER_SECOND,
        rss_mib: mib("VmRSS:")?,
        peak_rss_mib: mib("VmHWM:")?,
    })
}

/// A port nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_whatever_the_process_is_called() {
        let stat = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 150 50 20 5 20 0 3 0 99 0 0";
        let status = "Name:\ta) b\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let expected = Usage {
            cpu_s: 2.25,
            rss_mib: 1.0,
            peak_rss_mib: 2.0,
        };
        assert_eq!(parse_usage(stat, status), Some(expected));
        assert_eq!(parse_usage("7 (a) S 1", status), None);
        assert!(usage("self").unwrap().rss_mib > 0.0);
    }
}
