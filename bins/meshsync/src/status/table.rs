//! A status for people.

use std::io::{self, Write};

use anstyle::Style;
use meshsync::StatusDocument;
use meshsync::status::{Health, ResourceStatus, SinkStatus, SourceStatus};

use crate::output::{BAD, DIM, GOOD, HEAD, WARN, bytes, seconds, styled};

/// Writes everything that matters, what is wrong first.
pub(super) fn write(out: &mut dyn Write, status: &StatusDocument) -> io::Result<()> {
    summary(out, status)?;
    for problem in &status.problems {
        let what = format!("{} {}", problem.area, problem.subject);
        writeln!(out, "\n{} {}", styled(BAD, "problem:"), what)?;
        writeln!(out, "  {}", problem.message)?;
        writeln!(out, "  {} {}", styled(DIM, "do:"), problem.remedy)?;
    }
    if status.sources.len() > 1 {
        writeln!(out)?;
        sources(out, &status.sources)?;
    }
    writeln!(out)?;
    sinks(out, &status.sinks)?;
    writeln!(out)?;
    resources(out, status)?;
    fingerprints(out, status)
}

fn summary(out: &mut dyn Write, status: &StatusDocument) -> io::Result<()> {
    let style = match status.health {
        Health::Ok => GOOD,
        Health::Starting => WARN,
        Health::Degraded => BAD,
    };
    let synced = if status.synced {
        "in sync"
    } else {
        "not in sync yet"
    };
    let cluster = match &status.cluster {
        Some(cluster) => format!("{} ({})", cluster.url, cluster.id),
        None => "not reached yet".to_owned(),
    };
    let plan = &status.plan;
    writeln!(
        out,
        "{}, {synced}: {} objects of {} resources, {} live; up {}",
        styled(style, status.health.as_str()),
        status.objects,
        plan.resources,
        plan.live,
        seconds(status.uptime_seconds as f64),
    )?;
    writeln!(
        out,
        "cluster {cluster}, meshsync {}, plan {}",
        status.version, plan.version
    )?;
    if !status.configuration.source.is_empty() {
        writeln!(out, "configuration from {}", status.configuration.source)?;
    }
    if status.secrets == "plain" {
        writeln!(out, "{}", styled(WARN, "values of Secrets leave in plain"))?;
    }
    Ok(())
}

fn sources(out: &mut dyn Write, sources: &[SourceStatus]) -> io::Result<()> {
    let head = [
        "SOURCE",
        "STATE",
        "FOR",
        "PLATFORM",
        "RESOURCES",
        "OBJECTS",
        "PROBLEMS",
        "SCOPE",
    ];
    let rows = sources.iter().map(|source| {
        let style = match source.state.as_str() {
            "live" => GOOD,
            "connecting" => WARN,
            _ => BAD,
        };
        let cells = vec![
            source.source.clone(),
            source.state.clone(),
            since(source.since),
            source.platform.clone(),
            source.resources.to_string(),
            source.objects.to_string(),
            source.problem_count.to_string(),
            dash(source.scope.clone()),
        ];
        (cells, style)
    });
    table(out, &head, rows.collect())
}

fn sinks(out: &mut dyn Write, sinks: &[SinkStatus]) -> io::Result<()> {
    let head = [
        "SINK",
        "STATE",
        "FOR",
        "ACKNOWLEDGED",
        "PENDING",
        "OLDEST",
        "OUTBOX",
        "P50",
        "P99",
    ];
    let rows = sinks.iter().map(|sink| {
        let style = match sink.state.as_str() {
            "up" => GOOD,
            "starting" => WARN,
            _ => BAD,
        };
        let latency = &sink.latency;
        let at_most = |bound: Option<f64>| match (bound, latency.count) {
            (Some(bound), _) => format!("≤ {}", seconds(bound)),
            (None, 0) => "-".to_owned(),
            (None, _) => "> 120 s".to_owned(),
        };
        let outbox = &sink.outbox;
        let cells = vec![
            sink.sink.clone(),
            sink.state.clone(),
            since(sink.since),
            sink.acknowledged.to_string(),
            sink.pending.to_string(),
            dash(sink.oldest_pending_age_seconds.map(seconds)),
            bytes((outbox.queued_bytes + outbox.in_flight_bytes) as u64),
            at_most(latency.p50_seconds),
            at_most(latency.p99_seconds),
        ];
        (cells, style)
    });
    table(out, &head, rows.collect())
}

fn resources(out: &mut dyn Write, status: &StatusDocument) -> io::Result<()> {
    for source in &status.sources {
        let own = status.resources.iter();
        let own: Vec<_> = own.filter(|own| own.scope == source.scope).collect();
        if own.is_empty() {
            continue;
        }
        if status.sources.len() > 1 {
            writeln!(out, "{}", styled(DIM, &source.source))?;
        }
        resources_of(out, &own)?;
    }
    Ok(())
}

fn resources_of(out: &mut dyn Write, resources: &[&ResourceStatus]) -> io::Result<()> {
    let head = [
        "RESOURCE", "STATE", "FOR", "TIER", "OBJECTS", "EVENTS", "LAST", "LAG", "RESTARTS", "OWED",
    ];
    let rows = resources.iter().map(|resource| {
        let style = match resource.state.as_str() {
            "live" => GOOD,
            "listing" => WARN,
            _ => BAD,
        };
        let cells = vec![
            resource.resource.clone(),
            resource.state.clone(),
            since(resource.since),
            resource.tier.clone(),
            resource.objects.to_string(),
            resource.events.to_string(),
            dash(resource.last_event_age_seconds.map(seconds)),
            seconds(resource.lag_seconds),
            resource.restarts.to_string(),
            resource.owed.to_string(),
        ];
        (cells, style)
    });
    table(out, &head, rows.collect())
}

fn fingerprints(out: &mut dyn Write, status: &StatusDocument) -> io::Result<()> {
    let Some(found) = &status.fingerprints else {
        return Ok(());
    };
    writeln!(
        out,
        "\ninstalled, by {} rules ({}):",
        found.rules, found.rules_version
    )?;
    let head = ["PRODUCT", "STATE", "VERSION", "NAMESPACE", "INSTANCE"];
    let rows = found.products.iter().map(|product| {
        let cells = vec![
            product.product.clone(),
            product.state.clone(),
            dash(product.version.clone()),
            dash(product.namespace.clone()),
            product.instance.clone(),
        ];
        (cells, Style::new())
    });
    table(out, &head, rows.collect())
}

fn since(at: Option<jiff::Timestamp>) -> String {
    let age = at.map(|at| jiff::Timestamp::now().duration_since(at).as_secs_f64());
    dash(age.map(seconds))
}

fn dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

/// Columns as wide as they have to be; the second one, the state, in a style.
fn table(out: &mut dyn Write, head: &[&str], rows: Vec<(Vec<String>, Style)>) -> io::Result<()> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for (cells, _) in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    let last = head.len().saturating_sub(1);
    let pad = |at: usize, cell: &str| match at == last {
        true => cell.to_owned(),
        false => format!("{cell:width$}   ", width = widths[at]),
    };
    let head: String = (head.iter().enumerate())
        .map(|(at, cell)| pad(at, cell))
        .collect();
    writeln!(out, "{}", styled(HEAD, head))?;
    for (cells, style) in &rows {
        let line: String = (cells.iter().enumerate())
            .map(|(at, cell)| match at {
                1 => styled(*style, pad(at, cell)),
                _ => pad(at, cell),
            })
            .collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
