//! The report for people.

use crate::report::Report;

/// All rows as text, a table for each kind of them.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    let machine = &report.machine;
    let optimised = if machine.optimised {
        ""
    } else {
        " NOT OPTIMISED: shows that it runs, and nothing else."
    };
    push(
        &mut text,
        format_args!(
            "{} x {}, {:.0} GiB, Linux {}, {}; commit {}; load {:.1} at the start.{optimised}\n",
            machine.cores,
            machine.cpu,
            machine.memory_gib,
            machine.kernel,
            machine.nats_server,
            machine.commit,
            machine.load,
        ),
    );
    sync(&mut text, report);
    marginal(&mut text, report);
    presets(&mut text, report);
    changes(&mut text, report);
    streams(&mut text, report);
    if let Some(row) = &report.idle {
        let header = [
            "idle: objects",
            "kinds",
            "RSS MiB",
            "CPU % of a core",
            "over s",
        ];
        table(
            &mut text,
            &header,
            &[vec![
                row.objects.to_string(),
                row.kinds.to_string(),
                format!("{:.1}", row.agent_rss_mib),
                format!("{:.2}", row.agent_cpu_percent),
                format!("{:.0}", row.seconds),
            ]],
        );
    }
    web(&mut text, report);
    let rows: Vec<_> = report
        .reach
        .iter()
        .map(|reach| {
            let verdict = if reach.reached { "reached" } else { "MISSED" };
            vec![
                reach.what.clone(),
                format!("{} {}", reach.bound, reach.limit),
                number(reach.measured),
                verdict.to_owned(),
            ]
        })
        .collect();
    table(&mut text, &["to reach", "limit", "measured", ""], &rows);
    text
}

fn sync(text: &mut String, report: &Report) {
    let header = [
        "first sync",
        "objects",
        "MB in",
        "pace",
        "wall s",
        "obj/s",
        "floor s",
        "x floor",
        "first s",
        "CPU s",
        "sim CPU",
        "NATS CPU",
        "peak MiB",
        "after MiB",
    ];
    let rows: Vec<_> = report
        .sync
        .iter()
        .map(|row| {
            vec![
                row.sink.name().to_owned(),
                row.objects.to_string(),
                format!("{:.1}", row.read_bytes as f64 / 1e6),
                row.pace_mb_s
                    .map_or_else(|| "-".to_owned(), |pace| pace.to_string()),
                format!("{:.2}", row.wall_s),
                format!("{:.0}", row.objects_per_s),
                format!("{:.2}", row.floor.wall_s),
                format!("{:.2}", row.floor_ratio),
                format!("{:.3}", row.first_object_s),
                format!("{:.2}", row.agent.cpu_s),
                format!("{:.2}", row.simulator_cpu_s),
                row.broker_cpu_s
                    .map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.2}")),
                format!("{:.1}", row.agent.peak_rss_mib),
                format!("{:.1}", row.settled_rss_mib),
            ]
        })
        .collect();
    table(text, &header, &rows);
}

fn presets(text: &mut String, report: &Report) {
    let header = [
        "preset", "objects", "kinds", "MB in", "requests", "wall s", "CPU s", "sim CPU", "RSS MiB",
        "peak MiB",
    ];
    let rows: Vec<_> = report
        .presets
        .iter()
        .map(|row| {
            vec![
                row.preset.to_owned(),
                row.objects.to_string(),
                row.kinds.to_string(),
                format!("{:.1}", row.read_bytes as f64 / 1e6),
                row.requests.to_string(),
                format!("{:.2}", row.wall_s),
                format!("{:.2}", row.agent.cpu_s),
                format!("{:.2}", row.simulator_cpu_s),
                format!("{:.1}", row.agent.rss_mib),
                format!("{:.1}", row.agent.peak_rss_mib),
            ]
        })
        .collect();
    table(text, &header, &rows);
    if let Some(row) = &report.soon {
        let header = ["in force after", "s"];
        let cell = |what: &str, seconds: f64| vec![what.to_owned(), format!("{seconds:.3}")];
        let rows = [
            cell("a file is written", row.file_s),
            cell("a definition is established", row.definition_s),
        ];
        table(text, &header, &rows);
    }
}

fn marginal(text: &mut String, report: &Report) {
    let header = [
        "a further object",
        "from",
        "to",
        "bytes after",
        "bytes at peak",
        "CPU us",
    ];
    let rows: Vec<_> = report
        .marginal
        .iter()
        .map(|row| {
            vec![
                row.sink.name().to_owned(),
                row.from_objects.to_string(),
                row.to_objects.to_string(),
                format!("{:.0}", row.settled_bytes),
                format!("{:.0}", row.peak_bytes),
                format!("{:.1}", row.cpu_us),
            ]
        })
        .collect();
    table(text, &header, &rows);
}

fn changes(text: &mut String, report: &Report) {
    let header = [
        "changes",
        "wanted/s",
        "made/s",
        "received",
        "p50 ms",
        "p99 ms",
        "CPU ms each",
        "sim CPU ms",
        "NATS CPU ms",
        "peak MiB",
    ];
    let rows: Vec<_> = report
        .changes
        .iter()
        .map(|row| {
            vec![
                row.sink.name().to_owned(),
                row.wanted_per_s.to_string(),
                format!("{:.0}", row.made_per_s),
                format!("{}/{}", row.received, row.changes),
                format!("{:.2}", row.latency_p50_ms),
                format!("{:.2}", row.latency_p99_ms),
                format!("{:.3}", row.agent_cpu_ms_per_change),
                format!("{:.3}", row.simulator_cpu_ms_per_change),
                format!("{:.3}", row.broker_cpu_ms_per_change),
                format!("{:.1}", row.agent_peak_rss_mib),
            ]
        })
        .collect();
    table(text, &header, &rows);
}

fn web(text: &mut String, report: &Report) {
    let header = [
        "web page: objects",
        "sent s",
        "search s",
        "browser s",
        "RSS MiB",
    ];
    let rows: Vec<_> = report
        .page
        .iter()
        .map(|row| {
            vec![
                row.objects.to_string(),
                format!("{:.3}", row.first_rows_s),
                format!("{:.3}", row.search_s),
                row.browser_s
                    .map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2}")),
                format!("{:.1}", row.agent_rss_mib),
            ]
        })
        .collect();
    table(text, &header, &rows);
    let header = [
        "listeners",
        "changes",
        "CPU s",
        "p50 ms",
        "p99 ms",
        "peak MiB",
    ];
    let rows: Vec<_> = report
        .audience
        .iter()
        .map(|row| {
            vec![
                row.clients.to_string(),
                row.changes.to_string(),
                format!("{:.2}", row.agent_cpu_s),
                format!("{:.2}", row.latency_p50_ms),
                format!("{:.2}", row.latency_p99_ms),
                format!("{:.1}", row.agent_peak_rss_mib),
            ]
        })
        .collect();
    table(text, &header, &rows);
}

fn streams(text: &mut String, report: &Report) {
    if let Some(row) = &report.streams {
        let header = [
            "a stream: objects",
            "MB",
            "wall s",
            "CPU s",
            "peak MiB",
            "bare s",
            "of bare",
            "copied s",
        ];
        let cells = vec![
            row.objects.to_string(),
            format!("{:.1}", row.bytes as f64 / 1e6),
            format!("{:.2}", row.wall_s),
            format!("{:.2}", row.agent.cpu_s),
            format!("{:.1}", row.agent.peak_rss_mib),
            format!("{:.2}", row.bare_s),
            format!("{:.0} %", row.of_bare * 100.0),
            format!("{:.2}", row.copied_s),
        ];
        table(text, &header, &[cells]);
        let row = &row.restart;
        let header = [
            "start over it: object messages",
            "wall s",
            "floor s",
            "CPU s",
            "peak MiB",
        ];
        let cells = vec![
            row.object_messages.to_string(),
            format!("{:.2}", row.wall_s),
            format!("{:.2}", row.floor_s),
            format!("{:.2}", row.agent.cpu_s),
            format!("{:.1}", row.agent.peak_rss_mib),
        ];
        table(text, &header, &[cells]);
    }
    if let Some(row) = &report.trips {
        let header = [
            "until it is stored",
            "bare p50 ms",
            "bare p99 ms",
            "changes p99 ms",
        ];
        let cells = vec![
            format!("{} a second", crate::streams::RATE),
            format!("{:.2}", row.bare_p50_ms),
            format!("{:.2}", row.bare_p99_ms),
            format!("{:.2}", row.changes_p99_ms),
        ];
        table(text, &header, &[cells]);
    }
    if let Some(row) = &report.store {
        let header = [
            "a store: objects",
            "MB",
            "wall s",
            "CPU s",
            "peak MiB",
            "found",
            "label ms",
            "process ms",
        ];
        let cells = vec![
            row.objects.to_string(),
            format!("{:.1}", row.megabytes),
            format!("{:.2}", row.wall_s),
            format!("{:.2}", row.agent.cpu_s),
            format!("{:.1}", row.agent.peak_rss_mib),
            row.found.to_string(),
            format!("{:.1}", row.label_ms),
            format!("{:.1}", row.process_ms),
        ];
        table(text, &header, &[cells]);
    }
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// Columns as wide as their widest cell; nothing where there are no rows.
fn table(text: &mut String, header: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(String::len);
        cells.chain([header[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    text.push('\n');
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (at, (cell, width)) in cells.zip(&widths).enumerate() {
            if at == 0 {
                push(text, format_args!("{cell:<width$}"));
            } else {
                push(text, format_args!("  {cell:>width$}"));
            }
        }
        text.push('\n');
    };
    line(&mut header.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

fn push(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.push_str(&args.to_string());
}
