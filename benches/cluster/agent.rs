//! The agent under measurement.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::options::Options;
use crate::process::{Process, Usage, free_port};
use crate::simulator::Simulator;

/// A synchronisation that takes longer is a failure.
const SYNC_MAX: Duration = Duration::from_secs(600);

/// A running `meshsync run`.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Process,
    probes_url: String,
    /// Of the web page, where there is one.
    pub(crate) page_url: Option<String>,
    pub(crate) started: Instant,
}

/// What the agent's own metrics say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) objects: u64,
    pub(crate) read_bytes: u64,
    pub(crate) published: u64,
    pub(crate) outbox_bytes: u64,
    pub(crate) kinds: u64,
    /// To the API server.
    pub(crate) requests: u64,
}

impl Agent {
    pub(crate) fn start(
        options: &Options,
        simulator: &Simulator,
        sink_url: &str,
    ) -> anyhow::Result<Self> {
        let args = ["--sink", sink_url, "--admin-addr", "none"];
        Self::start_as(options, simulator, &args, None)
    }

    /// One with more arguments.
    pub(crate) fn start_with(
        options: &Options,
        simulator: &Simulator,
        sink_url: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let args = [&["--sink", sink_url, "--admin-addr", "none"], more].concat();
        Self::start_as(options, simulator, &args, None)
    }

    /// One with the web page, and with a sink beside the page's store where one is given.
    pub(crate) fn start_with_page(
        options: &Options,
        simulator: &Simulator,
        sink_url: Option<&str>,
    ) -> anyhow::Result<Self> {
        let addr = format!("127.0.0.1:{}", free_port()?);
        let mut args = vec!["--web", "--admin-addr", &addr];
        args.extend(sink_url.iter().flat_map(|url| ["--sink", url]));
        let page_url = format!("http://{addr}");
        Self::start_as(options, simulator, &args, Some(page_url))
    }

    fn start_as(
        options: &Options,
        simulator: &Simulator,
        args: &[&str],
        page_url: Option<String>,
    ) -> anyhow::Result<Self> {
        let addr = format!("127.0.0.1:{}", free_port()?);
        let kubeconfig = simulator.kubeconfig.path().display();
        let mut command = Command::new(&options.programs.meshsync);
        command
            .args(["run", "--source", &format!("k8s:?kubeconfig={kubeconfig}")])
            .args(["--probes-addr", &addr])
            .args(args)
            .args(&options.agent_arg)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        Ok(Self {
            process: Process::start(&mut command)?,
            probes_url: format!("http://{addr}"),
            page_url,
            started,
        })
    }

    /// Waits until every sink was given every resource in full and has confirmed it; returns when.
    pub(crate) fn synced(&mut self) -> anyhow::Result<Instant> {
        let url = self.probes_url.clone();
        let ready = || {
            let answer = Connection::open(&url).and_then(|mut it| it.get("/readyz", "*/*"));
            Ok(answer.is_ok_and(|(status, _)| status == 200).then_some(()))
        };
        self.process.wait_for("synced", SYNC_MAX, ready)?;
        let drained = || {
            let counters = counters(&url)?;
            Ok((counters.outbox_bytes == 0).then(Instant::now))
        };
        self.process.wait_for("drained", SYNC_MAX, drained)
    }

    pub(crate) fn counters(&self) -> anyhow::Result<Counters> {
        counters(&self.probes_url)
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }
}

fn counters(url: &str) -> anyhow::Result<Counters> {
    let (_, body) = Connection::open(url)?.get("/metrics", "*/*")?;
    Ok(parse(&String::from_utf8_lossy(&body)))
}

fn parse(text: &str) -> Counters {
    let mut counters = Counters::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let value: u64 = value.parse().unwrap_or(0);
        match series.split('{').next() {
            Some("meshsync_resource_objects") => {
                counters.objects += value;
                counters.kinds += 1;
            }
            Some("meshsync_resource_read_bytes_total") => counters.read_bytes += value,
            Some("meshsync_sink_published_total") => counters.published += value,
            Some("meshsync_requests_total") => counters.requests += value,
            Some("meshsync_sink_outbox_bytes") => counters.outbox_bytes += value,
            _ => {}
        }
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_resources_and_sinks() {
        let text = "# HELP x\nmeshsync_resource_objects{resource=\"pods\"} 3\n\
                    meshsync_resource_objects{resource=\"nodes\"} 2\n\
                    meshsync_resource_read_bytes_total{resource=\"pods\"} 10\n\
                    meshsync_requests_total{verb=\"list\"} 4\n\
                    meshsync_sink_published_total{sink=\"a b\",index=\"0\"} 5\n\
                    meshsync_sink_outbox_bytes{sink=\"a b\",index=\"0\"} 7\n# EOF\n";
        let expected = Counters {
            objects: 5,
            read_bytes: 10,
            published: 5,
            outbox_bytes: 7,
            kinds: 2,
            requests: 4,
        };
        assert_eq!(parse(text), expected);
    }
}
