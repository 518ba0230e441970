//! The first synchronisation: from the start of the agent until its sink has confirmed everything.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::agent::Agent;
use crate::broker::Broker;
use crate::floor::{self, Floor};
use crate::options::{Options, Row};
use crate::process::{POLL, Usage};
use crate::report::Report;
use crate::simulator::Simulator;
use crate::sink::SinkKind;

/// For the news of a first object to get through.
const NEWS: Duration = Duration::from_secs(1);

/// One measured synchronisation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SyncRow {
    pub(crate) sink: SinkKind,
    /// Objects in the agent's picture at the end.
    pub(crate) objects: u64,
    /// The simulator sent so many MB/s at most.
    pub(crate) pace_mb_s: Option<f64>,
    /// Bytes of response bodies the agent read.
    pub(crate) read_bytes: u64,
    /// Deliveries the sink confirmed.
    pub(crate) published: u64,
    pub(crate) wall_s: f64,
    pub(crate) objects_per_s: f64,
    pub(crate) first_object_s: f64,
    /// The agent when all was confirmed.
    pub(crate) agent: Usage,
    /// Its resident set when nothing has happened for a while.
    pub(crate) settled_rss_mib: f64,
    pub(crate) simulator_cpu_s: f64,
    pub(crate) broker_cpu_s: Option<f64>,
    pub(crate) floor: Floor,
    /// `wall_s` over that of the floor.
    pub(crate) floor_ratio: f64,
}

/// What a further object costs, between the two largest clusters of one sink.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MarginalRow {
    pub(crate) sink: SinkKind,
    pub(crate) from_objects: u64,
    pub(crate) to_objects: u64,
    /// Of the resident set when nothing happens any more.
    pub(crate) settled_bytes: f64,
    /// Of the largest resident set.
    pub(crate) peak_bytes: f64,
    pub(crate) cpu_us: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Sync) {
        return Ok(());
    }
    for &objects in &options.objects {
        measure_cluster(options, report, objects, None)?;
    }
    if let Some(&largest) = options.objects.iter().max()
        && options.pace > 0.0
    {
        measure_cluster(options, report, largest, Some(options.pace))?;
    }
    for &sink in &options.sinks {
        report.marginal.extend(marginal(&report.sync, sink));
    }
    Ok(())
}

fn measure_cluster(
    options: &Options,
    report: &mut Report,
    objects: usize,
    pace: Option<f64>,
) -> anyhow::Result<()> {
    let simulator = Simulator::start(options, objects, pace)?;
    for &sink in &options.sinks {
        let runs = (0..options.repeat.max(1))
            .map(|_| run(options, &simulator, sink, pace))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let row = median(runs).context("no run")?;
        let name = sink.name();
        eprintln!("sync of {objects} objects into {name}: {:.2} s", row.wall_s);
        report.sync.push(row);
    }
    Ok(())
}

fn run(
    options: &Options,
    simulator: &Simulator,
    sink: SinkKind,
    pace_mb_s: Option<f64>,
) -> anyhow::Result<SyncRow> {
    // Just before, so that both meet the same machine.
    let floor = floor::measure(&simulator.url)?;
    let target = Target::open(options, sink)?;
    let before = simulator.usage()?;
    let mut agent = Agent::start(options, simulator, &target.url)?;
    let synced = agent.synced()?;
    let usage = agent.usage()?;
    let simulator_cpu_s = simulator.usage()?.cpu_s - before.cpu_s;
    let broker_cpu_s = match &target.broker {
        Some(broker) => Some(broker.usage()?.cpu_s),
        None => None,
    };
    let counters = agent.counters()?;
    ensure!(
        counters.published >= counters.objects,
        "the sink has not got everything"
    );
    std::thread::sleep(options.settle());
    let settled_rss_mib = agent.usage()?.rss_mib;
    let first = target
        .first
        .recv_timeout(NEWS)
        .context("the sink got nothing")?;
    let wall_s = (synced - agent.started).as_secs_f64();
    Ok(SyncRow {
        sink,
        objects: counters.objects,
        pace_mb_s,
        read_bytes: counters.read_bytes,
        published: counters.published,
        wall_s,
        objects_per_s: counters.objects as f64 / wall_s,
        first_object_s: (first - agent.started).as_secs_f64(),
        agent: usage,
        settled_rss_mib,
        simulator_cpu_s,
        broker_cpu_s,
        floor_ratio: wall_s / floor.wall_s,
        floor,
    })
}

/// Where the agent of one run delivers, and the watch for its first object.
struct Target {
    url: String,
    first: Receiver<Instant>,
    broker: Option<Broker>,
    _scratch: Option<tempfile::TempDir>,
}

impl Target {
    fn open(options: &Options, sink: SinkKind) -> anyhow::Result<Self> {
        if sink == SinkKind::File {
            let scratch = tempfile::tempdir()?;
            let path = scratch.path().join("records.jsonl");
            return Ok(Self {
                url: format!("file:{}", path.display()),
                first: first_bytes(path),
                broker: None,
                _scratch: Some(scratch),
            });
        }
        let broker = Broker::start(options)?;
        Ok(Self {
            url: sink
                .broker_url(&broker.addr)
                .context("a sink without a broker")?,
            first: broker.first_message(sink.subject())?,
            broker: Some(broker),
            _scratch: None,
        })
    }
}

/// When a file first holds something.
fn first_bytes(path: PathBuf) -> Receiver<Instant> {
    let (first, received) = channel();
    std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
                first.send(Instant::now()).ok();
                return;
            }
            std::thread::sleep(POLL);
        }
    });
    received
}

/// The run with the median wall time, whole: its numbers belong together.
fn median(mut runs: Vec<SyncRow>) -> Option<SyncRow> {
    runs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    let at = runs.len().checked_sub(1)? / 2;
    Some(runs.swap_remove(at))
}

fn marginal(rows: &[SyncRow], sink: SinkKind) -> Option<MarginalRow> {
    let mut rows: Vec<_> = rows
        .iter()
        .filter(|row| row.sink == sink && row.pace_mb_s.is_none())
        .collect();
    rows.sort_by_key(|row| row.objects);
    let [.., from, to] = rows[..] else {
        return None;
    };
    let further = to
        .objects
        .checked_sub(from.objects)
        .filter(|count| *count > 0)? as f64;
    let bytes = |mib: f64| mib * f64::from(1 << 20) / further;
    Some(MarginalRow {
        sink,
        from_objects: from.objects,
        to_objects: to.objects,
        settled_bytes: bytes(to.settled_rss_mib - from.settled_rss_mib),
        peak_bytes: bytes(to.agent.peak_rss_mib - from.agent.peak_rss_mib),
        cpu_us: (to.agent.cpu_s - from.agent.cpu_s) * 1e6 / further,
    })
}
