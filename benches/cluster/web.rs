//! The web page: how soon it shows something of a large cluster, and what many listeners cost.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::agent::Agent;
use crate::changes;
use crate::http::Connection;
use crate::listeners;
use crate::options::{Options, Row};
use crate::report::Report;
use crate::simulator::Simulator;
use crate::sink::SinkKind;

/// Each time is taken so often; the median counts.
const REPEAT: usize = 5;

/// Everything a browser asks for before the inventory can be used.
const FIRST_ROWS: [&str; 5] = [
    "/",
    "/app.js",
    "/app.css",
    "/api/v1/overview",
    "/api/v1/objects?limit=50",
];

/// Words that one object in many has.
const SEARCH: &str = "/api/v1/objects?limit=50&q=deployment%20checkout";

/// Files a process has open beside its clients.
const OTHER_FILES: usize = 200;

/// The page over a large cluster.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PageRow {
    pub(crate) objects: u64,
    /// Until all that the first rows take has been sent, on one connection.
    pub(crate) first_rows_s: f64,
    pub(crate) search_s: f64,
    /// Until a browser shows them, where there is one.
    pub(crate) browser_s: Option<f64>,
    pub(crate) agent_rss_mib: f64,
}

/// A cluster that changes while so many clients listen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AudienceRow {
    pub(crate) clients: usize,
    pub(crate) changes: u64,
    pub(crate) agent_cpu_s: f64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) agent_peak_rss_mib: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Web) {
        return Ok(());
    }
    report.page = Some(page(options)?);
    eprintln!("the web page: done");
    let rate = *options.rates.first().context("no rate of changes")?;
    for clients in [0, options.clients] {
        let files_max = listeners::files_max()?;
        if clients + OTHER_FILES > files_max {
            eprintln!("{clients} listeners left out: only {files_max} files may be open");
            continue;
        }
        let row = changes::run(options, SinkKind::Nats, rate, Some(clients))?;
        report.audience.push(AudienceRow {
            clients,
            changes: row.changes,
            agent_cpu_s: row.agent_cpu_ms_per_change * row.changes as f64 / 1e3,
            latency_p50_ms: row.latency_p50_ms,
            latency_p99_ms: row.latency_p99_ms,
            agent_peak_rss_mib: row.agent_peak_rss_mib,
        });
        eprintln!("{clients} listeners: done");
    }
    Ok(())
}

fn page(options: &Options) -> anyhow::Result<PageRow> {
    let objects = options.objects.iter().copied().max();
    let objects = objects.context("no size of a cluster")?;
    let simulator = Simulator::start(options, objects, None)?;
    let mut agent = Agent::start_with_page(options, &simulator, None)?;
    agent.synced()?;
    std::thread::sleep(options.settle());
    let url = agent.page_url.clone().context("there is no page")?;
    Ok(PageRow {
        objects: agent.counters()?.objects,
        first_rows_s: median(|| seconds(&url, &FIRST_ROWS))?,
        search_s: median(|| seconds(&url, &[SEARCH]))?,
        browser_s: browser(options, &url)?,
        agent_rss_mib: agent.usage()?.rss_mib,
    })
}

/// Until all of these have been answered.
fn seconds(url: &str, paths: &[&str]) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut connection = Connection::open(url)?;
    for path in paths {
        let (status, body) = connection.get(path, "*/*")?;
        ensure!(status == 200, "{path} was answered with {status}");
        ensure!(!body.is_empty(), "{path} was answered with nothing");
    }
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut take: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let mut taken = (0..REPEAT)
        .map(|_| take())
        .collect::<anyhow::Result<Vec<_>>>()?;
    taken.sort_by(f64::total_cmp);
    Ok(taken[REPEAT / 2])
}

/// Seconds from the address to the fiftieth row, as the browser's own clock says.
fn browser(options: &Options, url: &str) -> anyhow::Result<Option<f64>> {
    let programs = &options.programs;
    let (Some(node), Some(chromium), Some(tests)) =
        (&programs.node, &programs.chromium, &programs.web_tests)
    else {
        return Ok(None);
    };
    let output = Command::new(node)
        .arg(tests.with_file_name("first-rows.mjs"))
        .env("MESHSYNC_WEB_URL", url)
        .env("MESHSYNC_CHROMIUM", chromium)
        .output()
        .context("failed to run node")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let seconds = said.trim().parse();
    Ok(Some(
        seconds.with_context(|| format!("no number: {said}{errors}"))?,
    ))
}
