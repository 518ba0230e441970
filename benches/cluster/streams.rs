//! What a stream costs beside a bare publisher of the same bytes, what a start costs when nothing has
//! changed, and how long a change takes until it is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::agent::Agent;
use crate::broker::Broker;
use crate::floor;
use crate::options::{Options, Row};
use crate::process::Usage;
use crate::publisher::Bare;
use crate::report::Report;
use crate::simulator::Simulator;
use crate::sink::SinkKind;

const STREAM: &str = "MESHSYNC_STATE";
const EVENTS: &str = "MESHSYNC_EVENTS";

/// The broker has copied everything into the stream of events within this time.
const COPIED_MAX: Duration = Duration::from_secs(120);

/// Round trips of the bare publisher.
const ROUND_TRIPS: u32 = 1_500;

/// Changes a second, and single publishes a second.
pub(crate) const RATE: u32 = 500;

/// A stream beside a bare publisher.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StreamRow {
    pub(crate) objects: u64,
    /// Bytes of the objects' bodies.
    pub(crate) bytes: u64,
    /// From the start of the agent until everything was acknowledged.
    pub(crate) wall_s: f64,
    /// Until the broker had copied everything into the stream of events, which it begins when the
    /// picture is complete.
    pub(crate) copied_s: f64,
    pub(crate) agent: Usage,
    /// The bare publisher, for the same bodies under the same subjects.
    pub(crate) bare_s: f64,
    /// What the agent has reached of the bare publisher's speed, as a part of 1.
    pub(crate) of_bare: f64,
    /// The start over the stream that is there.
    pub(crate) restart: RestartRow,
}

/// A start when nothing has changed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RestartRow {
    /// Messages of objects; none of them is needed.
    pub(crate) object_messages: u64,
    pub(crate) wall_s: f64,
    /// What listing takes a bare client.
    pub(crate) floor_s: f64,
    pub(crate) agent: Usage,
}

/// How long it takes until a message is stored.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TripRow {
    pub(crate) bare_p50_ms: f64,
    pub(crate) bare_p99_ms: f64,
    pub(crate) changes_p99_ms: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Streams) || !options.sinks.contains(&SinkKind::Jetstream) {
        return Ok(());
    }
    let objects = options.objects.iter().max().context("no cluster")?;
    let simulator = Simulator::start(options, *objects, None)?;
    report.streams = Some(stream(options, &simulator)?);
    eprintln!("a stream beside a bare publisher: done");
    report.trips = Some(trips(options, report)?);
    Ok(())
}

fn stream(options: &Options, simulator: &Simulator) -> anyhow::Result<StreamRow> {
    let broker = Broker::start(options)?;
    let url = format!("jetstream://{}", broker.addr);
    let mut agent = Agent::start(options, simulator, &url)?;
    let started = agent.started;
    let wall = agent.synced()? - started;
    let usage = agent.usage()?;
    let objects = agent.counters()?.objects;
    drop(agent);
    let copied = copied(&broker, objects)? - started;
    let restart = restart(options, simulator, &broker, &url)?;
    let messages = Bare::connect(&broker.addr)?.read_stream(STREAM, "meshsync.v1.*.obj.>")?;
    ensure!(
        messages.len() as u64 == objects,
        "the stream is not the cluster"
    );
    drop(broker);
    let bytes = messages
        .iter()
        .map(|message| message.payload.len() as u64)
        .sum();
    let other = Broker::start(options)?;
    Bare::connect(&other.addr)?.make_stream("BARE", "meshsync.>")?;
    let bare = Bare::connect(&other.addr)?.publish_all(&messages)?;
    Ok(StreamRow {
        objects,
        bytes,
        wall_s: wall.as_secs_f64(),
        copied_s: copied.as_secs_f64(),
        agent: usage,
        bare_s: bare.as_secs_f64(),
        of_bare: bare.as_secs_f64() / wall.as_secs_f64(),
        restart,
    })
}

/// When the stream of events holds a message of every object.
fn copied(broker: &Broker, objects: u64) -> anyhow::Result<Instant> {
    let mut bare = Bare::connect(&broker.addr)?;
    let deadline = Instant::now() + COPIED_MAX;
    while bare.last_seq(EVENTS)? < objects {
        ensure!(
            Instant::now() < deadline,
            "the stream of events is not filled"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(Instant::now())
}

fn restart(
    options: &Options,
    simulator: &Simulator,
    broker: &Broker,
    url: &str,
) -> anyhow::Result<RestartRow> {
    let floor = floor::measure(&simulator.url)?;
    let told = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&told);
    broker.subscribe(SinkKind::Jetstream.subject(), move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    })?;
    let before = Bare::connect(&broker.addr)?.last_seq(STREAM)?;
    let mut agent = Agent::start(options, simulator, url)?;
    let synced = agent.synced()?;
    let after = Bare::connect(&broker.addr)?.last_seq(STREAM)?;
    ensure!(
        after > before,
        "a start without a claim and markers is none"
    );
    Ok(RestartRow {
        object_messages: told.load(Ordering::Relaxed),
        wall_s: (synced - agent.started).as_secs_f64(),
        floor_s: floor.wall_s,
        agent: agent.usage()?,
    })
}

/// Single publishes, and changes of a cluster at the same rate.
fn trips(options: &Options, report: &mut Report) -> anyhow::Result<TripRow> {
    let broker = Broker::start(options)?;
    let mut bare = Bare::connect(&broker.addr)?;
    bare.make_stream("BARE", "bare.objects.>")?;
    let payload = vec![b'x'; 5_000];
    let times = bare.round_trips("bare.objects.a", &payload, ROUND_TRIPS, RATE)?;
    let known = report.changes.iter();
    let mut known = known.filter(|r| r.sink == SinkKind::Jetstream && r.wanted_per_s == RATE);
    let changes_p99_ms = match known.next() {
        Some(row) => row.latency_p99_ms,
        None => {
            let row = crate::changes::run(options, SinkKind::Jetstream, RATE, None)?;
            let p99 = row.latency_p99_ms;
            report.changes.push(row);
            p99
        }
    };
    let ms = |percent: usize| {
        let at = (times.len() * percent / 100).min(times.len() - 1);
        times.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3
    };
    Ok(TripRow {
        bare_p50_ms: ms(50),
        bare_p99_ms: ms(99),
        changes_p99_ms,
    })
}
