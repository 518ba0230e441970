//! How deep is how dear: the same cluster observed by each preset; and how soon a change counts.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::json;

use crate::agent::Agent;
use crate::http::Connection;
use crate::options::{Options, Row};
use crate::process::{POLL, Usage};
use crate::report::Report;
use crate::simulator::Simulator;

/// What takes longer is a failure.
const SOON_MAX: Duration = Duration::from_secs(60);

const JSON: &str = "content-type: application/json\r\naccept: application/json\r\n";

/// One preset, from the start of the agent until its sink has everything.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PresetRow {
    pub(crate) preset: &'static str,
    pub(crate) objects: u64,
    pub(crate) kinds: u64,
    pub(crate) read_bytes: u64,
    /// All that were sent until then.
    pub(crate) requests: u64,
    pub(crate) wall_s: f64,
    pub(crate) agent: Usage,
    pub(crate) simulator_cpu_s: f64,
}

/// How soon what changes is in force.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SoonRow {
    /// From the write of a configuration file until the plan is another.
    pub(crate) file_s: f64,
    /// From the answer to a definition, which says that it is established, and its first instance
    /// until that is in the sink.
    pub(crate) definition_s: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Presets) {
        return Ok(());
    }
    if let Some(&largest) = options.objects.iter().max() {
        // Sizes of their own: what makes up a size otherwise is in annotations, which are metadata.
        let simulator = Simulator::start_natural(options, largest)?;
        for preset in ["presence", "standard", "full"] {
            let row = of_preset(options, &simulator, preset)?;
            eprintln!("{preset}: {:.2} s, {} requests", row.wall_s, row.requests);
            report.presets.push(row);
        }
    }
    report.soon = Some(soon(options)?);
    Ok(())
}

fn of_preset(
    options: &Options,
    simulator: &Simulator,
    preset: &'static str,
) -> anyhow::Result<PresetRow> {
    let scratch = tempfile::tempdir()?;
    let sink = format!("file:{}", scratch.path().join("records.jsonl").display());
    let before = simulator.usage()?;
    let mut agent = Agent::start_with(options, simulator, &sink, &["--depth", preset])?;
    let synced = agent.synced()?;
    let usage = agent.usage()?;
    let simulator_cpu_s = simulator.usage()?.cpu_s - before.cpu_s;
    let counters = agent.counters()?;
    Ok(PresetRow {
        preset,
        objects: counters.objects,
        kinds: counters.kinds,
        read_bytes: counters.read_bytes,
        requests: counters.requests,
        wall_s: (synced - agent.started).as_secs_f64(),
        agent: usage,
        simulator_cpu_s,
    })
}

fn soon(options: &Options) -> anyhow::Result<SoonRow> {
    let simulator = Simulator::start(options, options.quiet_objects, None)?;
    let scratch = tempfile::tempdir()?;
    let records = scratch.path().join("records.jsonl");
    let config = scratch.path().join("meshsync.yaml");
    fs::write(&config, "exclude: [roles]\n")?;
    let config_arg = config.display().to_string();
    let sink = format!("file:{}", records.display());
    let mut agent = Agent::start_with(options, &simulator, &sink, &["--config", &config_arg])?;
    agent.synced()?;
    let kinds = agent.counters()?.kinds;
    let written = Instant::now();
    fs::write(&config, "exclude: [roles, services]\n")?;
    until("the file is in force", || {
        Ok(agent.counters()?.kinds + 1 == kinds)
    })?;
    let file_s = written.elapsed().as_secs_f64();

    let group = "bench.example.com";
    let mut connection = Connection::open(&simulator.url)?;
    let mut create = |path: &str, document: serde_json::Value| -> anyhow::Result<()> {
        let (status, length) = connection.request("POST", path, JSON, &document.to_string())?;
        let body = connection.body(length)?;
        let body = String::from_utf8_lossy(&body);
        ensure!(status == 201, "{path} was answered with {status}: {body}");
        Ok(())
    };
    create(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"plural": "things", "kind": "Thing"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
        }),
    )?;
    let established = Instant::now();
    create(
        &format!("/apis/{group}/v1/namespaces/default/things"),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Thing",
            "metadata": {"name": "first-of-its-kind", "namespace": "default"},
        }),
    )?;
    until("the instance is in the sink", || {
        contains(&records, "first-of-its-kind")
    })?;
    Ok(SoonRow {
        file_s,
        definition_s: established.elapsed().as_secs_f64(),
    })
}

fn contains(file: &Path, text: &str) -> anyhow::Result<bool> {
    let content = fs::read(file).with_context(|| format!("failed to read {}", file.display()))?;
    let mut windows = content.windows(text.len());
    Ok(windows.any(|window| window == text.as_bytes()))
}

fn until(what: &str, mut done: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + SOON_MAX;
    while !done()? {
        ensure!(Instant::now() < deadline, "not within {SOON_MAX:?}: {what}");
        std::thread::sleep(POLL);
    }
    Ok(())
}
