//! A cluster in which nothing happens.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::agent::Agent;
use crate::broker::Broker;
use crate::options::{Options, Row};
use crate::report::Report;
use crate::simulator::Simulator;

/// What it costs to be there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct IdleRow {
    pub(crate) objects: u64,
    /// Resources under observation, each with its watch.
    pub(crate) kinds: u64,
    pub(crate) seconds: f64,
    pub(crate) agent_rss_mib: f64,
    /// Of one core.
    pub(crate) agent_cpu_percent: f64,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    if !options.rows.contains(&Row::Idle) {
        return Ok(());
    }
    let simulator = Simulator::start(options, options.quiet_objects, None)?;
    let broker = Broker::start(options)?;
    let mut agent = Agent::start(options, &simulator, &format!("nats://{}", broker.addr))?;
    agent.synced()?;
    let counters = agent.counters()?;
    std::thread::sleep(options.settle());
    let (before, since) = (agent.usage()?, Instant::now());
    std::thread::sleep(Duration::from_secs(options.idle_seconds));
    let after = agent.usage()?;
    let seconds = since.elapsed().as_secs_f64();
    report.idle = Some(IdleRow {
        objects: counters.objects,
        kinds: counters.kinds,
        seconds,
        agent_rss_mib: after.rss_mib,
        agent_cpu_percent: (after.cpu_s - before.cpu_s) / seconds * 100.0,
    });
    Ok(())
}
