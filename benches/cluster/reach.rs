//! What is to be reached, and whether it was: judged from the rows, where there is one for it.

use serde::Serialize;

use crate::report::Report;
use crate::sink::SinkKind;
use crate::sync::SyncRow;

/// A limit that is about a large cluster is judged on rows of at least this many objects.
const LARGE_OBJECTS: u64 = 95_000;

/// One limit and what was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reach {
    pub(crate) what: String,
    /// `at most` or `at least`.
    pub(crate) bound: &'static str,
    pub(crate) limit: f64,
    pub(crate) measured: f64,
    pub(crate) reached: bool,
}

impl Reach {
    fn at_most(what: impl Into<String>, limit: f64, measured: f64) -> Self {
        Self {
            what: what.into(),
            bound: "at most",
            limit,
            measured,
            reached: measured <= limit,
        }
    }

    fn at_least(what: impl Into<String>, limit: f64, measured: f64) -> Self {
        Self {
            what: what.into(),
            bound: "at least",
            limit,
            measured,
            reached: measured >= limit,
        }
    }
}

pub(crate) fn judge(report: &Report) -> Vec<Reach> {
    let mut reach = Vec::new();
    for row in report
        .sync
        .iter()
        .filter(|row| row.objects >= LARGE_OBJECTS)
    {
        large(row, &mut reach);
    }
    let marginal = report.marginal.iter();
    for row in marginal.filter(|row| row.to_objects >= LARGE_OBJECTS) {
        let sink = row.sink.name();
        let what = |of: &str| format!("{sink}: bytes of a further object, {of}");
        reach.push(Reach::at_most(what("settled"), 256.0, row.settled_bytes));
        reach.push(Reach::at_most(what("at the peak"), 256.0, row.peak_bytes));
    }
    for row in report.changes.iter().filter(|row| row.wanted_per_s == 200) {
        let what = format!("{}: ms of CPU per change at 200/s", row.sink.name());
        reach.push(Reach::at_most(what, 0.15, row.agent_cpu_ms_per_change));
    }
    presets(report, &mut reach);
    streams(report, &mut reach);
    if let Some(row) = &report.idle {
        let kinds = row.kinds;
        let what = |unit: &str| format!("idle with {kinds} kinds: {unit}");
        reach.push(Reach::at_most(
            what("MiB resident"),
            16.0,
            row.agent_rss_mib,
        ));
        reach.push(Reach::at_most(
            what("% of a core"),
            0.2,
            row.agent_cpu_percent,
        ));
    }
    web(report, &mut reach);
    reach
}

fn presets(report: &Report, reach: &mut Vec<Reach>) {
    let of = |preset: &str| report.presets.iter().find(|row| row.preset == preset);
    for row in &report.presets {
        // A server that streams lists has no pages; it is the one that is simulated.
        let what = format!("{}: requests at the start", row.preset);
        let limit = row.kinds + 20;
        reach.push(Reach::at_most(what, limit as f64, row.requests as f64));
    }
    let (presence, full) = (of("presence"), of("full"));
    if let (Some(presence), Some(full)) = (presence, full)
        && full.objects >= LARGE_OBJECTS
    {
        for (what, limit, part, whole) in [
            ("agent's CPU", 0.5, presence.agent.cpu_s, full.agent.cpu_s),
            (
                "server's CPU",
                0.5,
                presence.simulator_cpu_s,
                full.simulator_cpu_s,
            ),
            (
                "bytes",
                1.0 / 3.0,
                presence.read_bytes as f64,
                full.read_bytes as f64,
            ),
        ] {
            let what = format!("presence: {what} over that of full");
            reach.push(Reach::at_most(what, limit, part / whole.max(1e-9)));
        }
    }
    if let Some(row) = &report.soon {
        let what = "seconds from a written file to another plan";
        reach.push(Reach::at_most(what, 2.0, row.file_s));
        let what = "seconds from an established definition to its first instance in the sink";
        reach.push(Reach::at_most(what, 0.5, row.definition_s));
    }
}

fn web(report: &Report, reach: &mut Vec<Reach>) {
    let page = report.page.as_ref();
    if let Some(row) = page.filter(|row| row.objects >= LARGE_OBJECTS) {
        let what = "web page: seconds to the first 50 rows";
        reach.push(match row.browser_s {
            Some(seconds) => Reach::at_most(format!("{what} in a browser"), 2.0, seconds),
            None => Reach::at_most(format!("{what}, sent"), 2.0, row.first_rows_s),
        });
    }
    let alone = report.audience.iter().find(|row| row.clients == 0);
    let crowded = report.audience.iter().find(|row| row.clients >= 1_000);
    if let (Some(alone), Some(crowded)) = (alone, crowded) {
        let clients = crowded.clients;
        let what = |of: &str| format!("web page: {of} with {clients} listeners, over without");
        for (of, with, without) in [
            ("CPU", crowded.agent_cpu_s, alone.agent_cpu_s),
            ("p99", crowded.latency_p99_ms, alone.latency_p99_ms),
        ] {
            reach.push(Reach::at_most(what(of), 1.05, with / without.max(1e-9)));
        }
    }
}

fn streams(report: &Report, reach: &mut Vec<Reach>) {
    let large = |objects: u64| objects >= LARGE_OBJECTS;
    if let Some(row) = report.streams.as_ref().filter(|row| large(row.objects)) {
        let (part, cpu_s) = (row.of_bare * 100.0, row.agent.cpu_s);
        let peak = row.agent.peak_rss_mib;
        reach.push(Reach::at_least(
            "a stream: % of a bare publisher's speed",
            40.0,
            part,
        ));
        reach.push(Reach::at_most("a stream: CPU seconds", 9.0, cpu_s));
        reach.push(Reach::at_most("a stream: MiB resident at most", 48.0, peak));
        let messages = row.restart.object_messages as f64;
        let ratio = row.restart.wall_s / row.restart.floor_s;
        reach.push(Reach::at_most(
            "a start over it: messages of objects",
            0.0,
            messages,
        ));
        reach.push(Reach::at_most(
            "a start over it: time over listing's",
            1.5,
            ratio,
        ));
    }
    if let Some(row) = &report.trips {
        let ratio = row.changes_p99_ms / row.bare_p99_ms;
        let what = "p99 from change to sink at 500/s, over that of a bare round trip";
        reach.push(Reach::at_most(what, 3.0, ratio));
    }
    if let Some(row) = report.store.as_ref().filter(|row| large(row.objects)) {
        reach.push(Reach::at_most("a store: MB", 300.0, row.megabytes));
        reach.push(Reach::at_most(
            "a store: ms of a question by label",
            50.0,
            row.label_ms,
        ));
    }
}

fn large(row: &SyncRow, reach: &mut Vec<Reach>) {
    let pace = row
        .pace_mb_s
        .map_or_else(String::new, |pace| format!(", paced at {pace} MB/s"));
    let what = |of: &str| format!("{}{pace}: {of}", row.sink.name());
    match row.pace_mb_s {
        Some(_) => reach.push(Reach::at_most(
            what("time over the floor's"),
            1.3,
            row.floor_ratio,
        )),
        None => reach.push(Reach::at_least(
            what("objects a second"),
            12_000.0,
            row.objects_per_s,
        )),
    }
    let cpu_s = match row.sink {
        SinkKind::Nats => 11.0,
        SinkKind::Jetstream | SinkKind::File => 8.0,
    };
    reach.push(Reach::at_most(what("CPU seconds"), cpu_s, row.agent.cpu_s));
    reach.push(Reach::at_most(
        what("MiB resident at most"),
        40.0,
        row.agent.peak_rss_mib,
    ));
    reach.push(Reach::at_most(
        what("seconds to the first object"),
        0.5,
        row.first_object_s,
    ));
}
