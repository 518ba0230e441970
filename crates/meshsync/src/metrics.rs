//! Metrics, read from the status when they are scraped: the hot path knows
//! nothing of them. Labels are resources and sinks, never objects.

mod more;
mod process;
mod traffic;

use std::fmt;
use std::sync::Arc;

use meshsync_informer::ResourceState;
use meshsync_model::Secrets;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::lane::Lane;
use crate::monitor::Monitor;

/// A registry over one pipeline.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
}

impl Metrics {
    pub(crate) fn new(monitor: Monitor) -> Self {
        let mut registry = Registry::default();
        let started = monitor.started();
        registry.register_collector(Box::new(process::ProcessCollector { started }));
        let pipeline = registry.sub_registry_with_prefix("meshsync");
        pipeline.register_collector(Box::new(PipelineCollector { monitor }));
        Self { registry }
    }

    /// The metrics in OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if a metric itself does; then it ends there.
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            text.push_str("# EOF\n");
        }
        text
    }
}

#[derive(Debug)]
struct PipelineCollector {
    monitor: Monitor,
}

impl Collector for PipelineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let monitor = &self.monitor;
        let synced = i64::from(monitor.is_synced());
        single(
            &mut encoder,
            "synced",
            "1 when every sink was given every resource in full",
            synced,
        )?;
        let leader = i64::from(monitor.leadership().role.observes());
        single(
            &mut encoder,
            "leader",
            "1 when this one observes; 0 while another one leads or nobody does",
            leader,
        )?;
        let plain = i64::from(monitor.secrets() == Secrets::Plain);
        single(
            &mut encoder,
            "secrets_plain",
            "1 when values of Secrets leave in plain",
            plain,
        )?;
        let refused = i64::from(monitor.configuration().error.is_some());
        single(
            &mut encoder,
            "configuration_refused",
            "1 while a configuration is not used because something in it is wrong",
            refused,
        )?;
        self.encode_resources(&mut encoder)?;
        self.encode_sinks(&mut encoder)?;
        traffic::encode(&monitor.traffic(), &mut encoder)?;
        more::encode(monitor, &mut encoder)
    }
}

impl PipelineCollector {
    fn encode_resources(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let lanes = self.monitor.lanes();
        let mut resources = Vec::new();
        let mut labels = Vec::new();
        for lane in lanes {
            let scope = lane.identity().map(|(_, scope)| scope.to_string());
            for snapshot in lane.board().snapshot() {
                labels.push(of_resource(
                    snapshot.resource.id().to_string(),
                    scope.clone(),
                    lanes,
                ));
                resources.push(snapshot);
            }
        }
        let label = |at: usize| labels[at].clone();
        let all = || 0..resources.len();
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        let of = |value: fn(&meshsync_informer::ResourceSnapshot) -> u64| {
            all()
                .map(|at| (label(at), value(&resources[at])))
                .collect::<Vec<_>>()
        };
        family(
            encoder,
            "resource_objects",
            "Objects known",
            None,
            MetricType::Gauge,
            of(|r| r.objects).into_iter().map(|(l, v)| (l, gauge(v))),
        )?;
        family(
            encoder,
            "resource_live",
            "1 when the picture is complete and in sync",
            None,
            MetricType::Gauge,
            of(|r| u64::from(r.state == ResourceState::Live))
                .into_iter()
                .map(|(l, v)| (l, gauge(v))),
        )?;
        family(
            encoder,
            "resource_stale",
            "1 while objects are kept of which nothing is heard",
            None,
            MetricType::Gauge,
            of(|r| u64::from(r.stale))
                .into_iter()
                .map(|(l, v)| (l, gauge(v))),
        )?;
        family(
            encoder,
            "resource_owed_objects",
            "Objects some sink has to be given or told of again",
            None,
            MetricType::Gauge,
            of(|r| r.owed).into_iter().map(|(l, v)| (l, gauge(v))),
        )?;
        family(
            encoder,
            "resource_changes",
            "Changes seen",
            None,
            MetricType::Counter,
            of(|r| r.events)
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "resource_read",
            "Bytes read from the API server",
            Some(&Unit::Bytes),
            MetricType::Counter,
            of(|r| r.bytes)
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "resource_restarts",
            "Streams opened again after an error",
            None,
            MetricType::Counter,
            of(|r| r.restarts)
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "verify_checks",
            "Checks of what is known against the API server",
            None,
            MetricType::Counter,
            of(|r| r.checks)
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "verify_drift",
            "Objects that differed from the API server in a check, and were repaired",
            None,
            MetricType::Counter,
            of(|r| r.drift)
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "resource_malformed",
            "Objects or events that could not be read",
            None,
            MetricType::Counter,
            of(|r| r.malformed)
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )
    }

    fn encode_sinks(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let sinks = self.monitor.sinks();
        let of = |value: fn(&crate::SinkSnapshot) -> u64| {
            sinks
                .iter()
                .enumerate()
                .map(|(at, sink)| {
                    // Two sinks may have one name; their places differ.
                    let name = ("sink", sink.status.name().to_owned());
                    ([name, ("index", at.to_string())], value(sink))
                })
                .collect::<Vec<_>>()
        };
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        family(
            encoder,
            "sink_up",
            "1 when the last batch was confirmed",
            None,
            MetricType::Gauge,
            of(|s| u64::from(s.status.state().is_up()))
                .into_iter()
                .map(|(l, v)| (l, gauge(v))),
        )?;
        family(
            encoder,
            "sink_outbox",
            "Bytes waiting or in flight",
            Some(&Unit::Bytes),
            MetricType::Gauge,
            of(|s| (s.outbox.queued_bytes + s.outbox.in_flight_bytes) as u64)
                .into_iter()
                .map(|(l, v)| (l, gauge(v))),
        )?;
        family(
            encoder,
            "sink_published",
            "Deliveries confirmed",
            None,
            MetricType::Counter,
            of(|s| s.status.published.value())
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "sink_retries",
            "Batches that had to be sent again",
            None,
            MetricType::Counter,
            of(|s| s.status.retries.value())
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "sink_rejected",
            "Deliveries the sink can never take",
            None,
            MetricType::Counter,
            of(|s| s.status.rejected.value())
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "sink_cut",
            "Deliveries of which parts were cut to fit",
            None,
            MetricType::Counter,
            of(|s| s.status.cut.value())
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )?;
        family(
            encoder,
            "sink_refused",
            "Offers a full outbox refused",
            None,
            MetricType::Counter,
            of(|s| s.status.refused.value())
                .into_iter()
                .map(|(l, v)| (l, ConstCounter::new(v))),
        )
    }
}

/// What a series of a resource is told apart by. Several sources may have one of one
/// name: then by the source, too.
fn of_resource(
    resource: String,
    scope: Option<String>,
    lanes: &[Arc<Lane>],
) -> Vec<(&'static str, String)> {
    let mut labels = vec![("resource", resource)];
    if lanes.len() > 1 {
        labels.push(("scope", scope.unwrap_or_default()));
    }
    labels
}

fn single(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: i64,
) -> Result<(), fmt::Error> {
    let gauge = ConstGauge::new(value);
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    gauge.encode(metric)
}

fn family<L: EncodeLabelSet, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    kind: MetricType,
    members: impl Iterator<Item = (L, M)>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, unit, kind)?;
    for (labels, metric) in members {
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::MeshSync;

    #[test]
    fn two_sinks_of_one_name_are_two_series() {
        let builder = MeshSync::builder().sink_url("stdout:").unwrap();
        let builder = builder.sink_url("stdout:").unwrap();
        let text = Metrics::new(builder.build().unwrap().monitor()).text();
        let series: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(series, _)| series)
            .collect();
        let unique: HashSet<_> = series.iter().collect();
        assert_eq!(unique.len(), series.len(), "{text}");
        assert!(
            series.contains(&r#"meshsync_sink_up{sink="stdout:",index="1"}"#),
            "{text}"
        );
    }
}
