//! A store: how large it is, and how long a question takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::agent::Agent;
use crate::options::{Options, Row};
use crate::process::Usage;
use crate::report::Report;
use crate::simulator::Simulator;

/// Each question is asked so often; the median counts.
const TIMES: usize = 9;

/// A store of a whole cluster.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StoreRow {
    pub(crate) objects: u64,
    pub(crate) wall_s: f64,
    pub(crate) agent: Usage,
    /// All its files.
    pub(crate) megabytes: f64,
    /// Objects with the label that was asked for.
    pub(crate) found: u64,
    /// A question by label, the process that asks it included.
    pub(crate) label_ms: f64,
    /// The same process with a question that needs no table.
    pub(crate) process_ms: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Store) {
        return Ok(());
    }
    let objects = options.objects.iter().max().context("no cluster")?;
    let simulator = Simulator::start(options, *objects, None)?;
    let scratch = tempfile::tempdir()?;
    let url = format!("store:{}", scratch.path().join("bench.db").display());
    let mut agent = Agent::start(options, &simulator, &url)?;
    let wall = agent.synced()? - agent.started;
    let usage = agent.usage()?;
    let objects = agent.counters()?.objects;
    drop(agent);
    let (_, text) = ask(options, &url, COMMON)?;
    let mut words = text
        .lines()
        .nth(1)
        .context("no label is common")?
        .split_whitespace();
    let (key, value) = words
        .next()
        .zip(words.next())
        .context("no label is common")?;
    let question = format!(
        "select namespace, name from labels join objects using (id) where key = '{key}' and value = '{value}'"
    );
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..TIMES {
        let (time, text) = ask(options, &url, &question)?;
        found = text.lines().count() as u64 - 1;
        times.push(time);
    }
    let mut bare = Vec::new();
    for _ in 0..TIMES {
        bare.push(ask(options, &url, "select 1")?.0);
    }
    report.store = Some(StoreRow {
        objects,
        wall_s: wall.as_secs_f64(),
        agent: usage,
        megabytes: size(scratch.path())? as f64 / 1e6,
        found,
        label_ms: median(&mut times),
        process_ms: median(&mut bare),
    });
    eprintln!("a store of {objects} objects: done");
    Ok(())
}

/// A label of some hundred objects.
const COMMON: &str = "select key, value from labels group by key, value having count(*) <= 500 \
    order by count(*) desc limit 1";

/// Asks a question; how many milliseconds it took, and the answer.
fn ask(options: &Options, url: &str, sql: &str) -> anyhow::Result<(f64, String)> {
    let started = Instant::now();
    let output = Command::new(&options.programs.meshsync)
        .args(["sql", "--store", url, sql])
        .stdin(Stdio::null())
        .output()?;
    let time = started.elapsed().as_secs_f64() * 1e3;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{sql}: {text}");
    Ok((time, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}
