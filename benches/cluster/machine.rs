//! Where and of what the numbers are.

use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::options::Options;

/// Facts without which a number says nothing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// Load of the machine when measuring began: above 0, others took part.
    pub(crate) load: f64,
    pub(crate) nats_server: String,
    /// Commit that was measured; with a plus where files were changed since.
    pub(crate) commit: String,
    /// Whether this is a build with optimisation; nothing else can be compared.
    pub(crate) optimised: bool,
}

pub(crate) fn facts(options: &Options) -> anyhow::Result<Machine> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("", |line| line.trim_matches([':', ' ', '\t']))
            .to_owned()
    };
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory_kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let load = read("/proc/loadavg");
    let changed = !output("git", &["status", "--porcelain", "-uno"]).is_empty();
    Ok(Machine {
        cpu: field(&read("/proc/cpuinfo"), "model name"),
        cores: std::thread::available_parallelism()?.get(),
        memory_gib: memory_kib / f64::from(1 << 20),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        load: load
            .split(' ')
            .next()
            .and_then(|load| load.parse().ok())
            .unwrap_or(0.0),
        nats_server: output(
            &options.programs.nats_server.to_string_lossy(),
            &["--version"],
        ),
        commit: output("git", &["rev-parse", "--short", "HEAD"]) + if changed { "+" } else { "" },
        optimised: !cfg!(debug_assertions),
    })
}

/// What a command prints; nothing where it cannot run.
fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
