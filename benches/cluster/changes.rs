//! A cluster that changes: what a change costs, and how long it takes to the sink.
//!
//! Pods are patched through the API server with the time in an annotation; a subscriber reads it
//! again. Both ends are in this process, so one clock measures.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::agent::Agent;
use crate::broker::Broker;
use crate::http::Connection;
use crate::listeners::Listeners;
use crate::options::{Options, Row};
use crate::report::Report;
use crate::simulator::Simulator;
use crate::sink::SinkKind;

/// Patches are sent over so many connections, one after the other on each.
const CONNECTIONS: u32 = 4;

/// Pods that are changed in turn.
const PODS_MAX: usize = 5_000;

const ANNOTATION: &str = "bench.meshsync/sent";

/// Whoever is on the way still counts.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// One measured rate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChangesRow {
    pub(crate) sink: SinkKind,
    pub(crate) objects: u64,
    pub(crate) wanted_per_s: u32,
    /// What the simulator managed.
    pub(crate) made_per_s: f64,
    pub(crate) changes: u64,
    /// Fewer when states of one object coalesced.
    pub(crate) received: u64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) agent_cpu_ms_per_change: f64,
    pub(crate) simulator_cpu_ms_per_change: f64,
    pub(crate) broker_cpu_ms_per_change: f64,
    pub(crate) agent_peak_rss_mib: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Changes) {
        return Ok(());
    }
    for &sink in &options.sinks {
        if sink == SinkKind::File {
            continue;
        }
        for &rate in &options.rates {
            let row = run(options, sink, rate, None)?;
            eprintln!("{rate} changes/s into {}: done", sink.name());
            report.changes.push(row);
        }
    }
    Ok(())
}

/// With an `audience`, the agent shows the web page, and so many clients listen to it.
pub(crate) fn run(
    options: &Options,
    sink: SinkKind,
    rate: u32,
    audience: Option<usize>,
) -> anyhow::Result<ChangesRow> {
    let simulator = Simulator::start(options, options.quiet_objects, None)?;
    let broker = Broker::start(options)?;
    let url = sink
        .broker_url(&broker.addr)
        .context("a sink without a broker")?;
    let mut agent = match audience {
        None => Agent::start(options, &simulator, &url)?,
        Some(_) => Agent::start_with_page(options, &simulator, Some(&url))?,
    };
    agent.synced()?;
    let _listening = match (&agent.page_url, audience) {
        (Some(url), Some(clients)) => Some(Listeners::open(url, clients)?),
        _ => None,
    };
    let clock = Instant::now();
    let latencies = Arc::new(Mutex::new(Vec::new()));
    broker.subscribe(sink.subject(), {
        let latencies = Arc::clone(&latencies);
        move |payload| {
            let now = clock.elapsed();
            if let Some(sent) = sent_at(payload)
                && let Ok(mut latencies) = latencies.lock()
            {
                latencies.push(now.saturating_sub(sent));
            }
        }
    })?;
    let paths = pods(&simulator.url)?;
    let before = (agent.usage()?, simulator.usage()?, broker.usage()?);
    let made = AtomicU64::new(0);
    let time = Duration::from_secs(options.change_seconds);
    std::thread::scope(|scope| {
        let patchers: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (url, paths, made) = (&simulator.url, &paths, &made);
                scope.spawn(move || patch(url, paths, number, rate, clock, time, made))
            })
            .collect();
        patchers
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a panic")))
    })?;
    let elapsed = clock.elapsed();
    std::thread::sleep(LAST_MESSAGES);
    let after = (agent.usage()?, simulator.usage()?, broker.usage()?);
    let changes = made.into_inner();
    let mut latencies = std::mem::take(&mut *latencies.lock().ok().context("a panic")?);
    ensure!(!latencies.is_empty(), "no change arrived");
    latencies.sort_unstable();
    let ms = |of: f64| of * 1e3 / changes as f64;
    Ok(ChangesRow {
        sink,
        objects: agent.counters()?.objects,
        wanted_per_s: rate,
        made_per_s: changes as f64 / elapsed.as_secs_f64(),
        changes,
        received: latencies.len() as u64,
        latency_p50_ms: quantile_ms(&latencies, 50),
        latency_p99_ms: quantile_ms(&latencies, 99),
        agent_cpu_ms_per_change: ms(after.0.cpu_s - before.0.cpu_s),
        simulator_cpu_ms_per_change: ms(after.1.cpu_s - before.1.cpu_s),
        broker_cpu_ms_per_change: ms(after.2.cpu_s - before.2.cpu_s),
        agent_peak_rss_mib: after.0.peak_rss_mib,
    })
}

/// Makes one connection's share of the changes, each at its time.
fn patch(
    url: &str,
    paths: &[String],
    number: u32,
    rate: u32,
    clock: Instant,
    time: Duration,
    made: &AtomicU64,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(url)?;
    let start = clock.elapsed();
    let mut turn = number;
    loop {
        let due = start + Duration::from_secs_f64(f64::from(turn) / f64::from(rate));
        if due > start + time || clock.elapsed() > start + time {
            return Ok(());
        }
        std::thread::sleep(due.saturating_sub(clock.elapsed()));
        let path = &paths[turn as usize % paths.len()];
        let nanos = clock.elapsed().as_nanos();
        let body = format!("{{\"metadata\":{{\"annotations\":{{\"{ANNOTATION}\":\"{nanos}\"}}}}}}");
        let headers = "content-type: application/merge-patch+json\r\naccept: application/json\r\n";
        let (status, length) = connection.request("PATCH", path, headers, &body)?;
        connection.body(length)?;
        ensure!(
            status == 200,
            "a patch of {path} was answered with {status}"
        );
        made.fetch_add(1, Ordering::Relaxed);
        turn += CONNECTIONS;
    }
}

/// Paths of some pods.
fn pods(url: &str) -> anyhow::Result<Vec<String>> {
    let path = format!("/api/v1/pods?limit={PODS_MAX}");
    let (status, body) = Connection::open(url)?.get(&path, "application/json")?;
    ensure!(status == 200, "{path} was answered with {status}");
    let list: Value = serde_json::from_slice(&body)?;
    let items = list["items"].as_array().context("a list without items")?;
    let paths: Vec<String> = items
        .iter()
        .filter_map(|pod| {
            let namespace = pod["metadata"]["namespace"].as_str()?;
            let name = pod["metadata"]["name"].as_str()?;
            Some(format!("/api/v1/namespaces/{namespace}/pods/{name}"))
        })
        .collect();
    ensure!(!paths.is_empty(), "the simulator has no pods");
    Ok(paths)
}

fn sent_at(payload: &[u8]) -> Option<Duration> {
    let at = memchr::memmem::find(payload, ANNOTATION.as_bytes())? + ANNOTATION.len();
    let digits: String = payload[at..]
        .iter()
        .skip_while(|byte| !byte.is_ascii_digit())
        .take_while(|byte| byte.is_ascii_digit())
        .map(|&byte| char::from(byte))
        .collect();
    digits.parse().ok().map(Duration::from_nanos)
}

/// Of sorted values.
fn quantile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_found_in_a_message_however_it_is_written() {
        let payload = br#"{"annotations":{"a":1,"bench.meshsync/sent": "1500"},"b":2}"#;
        assert_eq!(sent_at(payload), Some(Duration::from_nanos(1500)));
        assert_eq!(sent_at(b"{}"), None);
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile_ms(&sorted, 50), 51.0);
        assert_eq!(quantile_ms(&sorted, 99), 100.0);
        assert_eq!(quantile_ms(&sorted[..1], 99), 1.0);
    }
}
