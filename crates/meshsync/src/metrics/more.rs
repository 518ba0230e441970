//! Problems, lag, latencies, what is installed, synthetic tests.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::family;
use crate::check::LinkState;
use crate::monitor::Monitor;
use crate::status::{SourceStatus, StatusDocument};
use crate::{LatencySnapshot, Tier};

/// Everything that is worked out of the status, from one and the same picture.
pub(super) fn encode(
    monitor: &Monitor,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let status = monitor.document();
    general(&status, encoder)?;
    sources(&status, encoder)?;
    resources(monitor, &status, encoder)?;
    sinks(monitor, &status, encoder)?;
    fingerprints(&status, encoder)?;
    synthetic(&status, encoder)
}

type Encoder<'a, 'b> = &'a mut DescriptorEncoder<'b>;

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

fn general(status: &StatusDocument, encoder: Encoder<'_, '_>) -> Result<(), fmt::Error> {
    let version = [("version", status.version.clone())];
    let info = [(version, gauge(1))];
    let help = "1, with the version of the program";
    family(
        encoder,
        "build_info",
        help,
        None,
        MetricType::Gauge,
        info.into_iter(),
    )?;
    // Always all of them, so that an alert sees a zero, and not nothing.
    let areas = [
        "configuration",
        "discovery",
        "resource",
        "sink",
        "source",
        "synthetic",
    ];
    let counts = areas.map(|area| {
        let count = status
            .problems
            .iter()
            .filter(|one| one.area == area)
            .count();
        ([("area", area)], gauge(count as u64))
    });
    let help = "What is wrong, as /status says it";
    family(
        encoder,
        "problems",
        help,
        None,
        MetricType::Gauge,
        counts.into_iter(),
    )
}

fn sources(status: &StatusDocument, encoder: Encoder<'_, '_>) -> Result<(), fmt::Error> {
    let of = |value: fn(&SourceStatus) -> u64| {
        let each = status.sources.iter().enumerate();
        let sample = move |(at, source): (usize, &SourceStatus)| {
            // Two sources may have one name; their places differ.
            let labels = [
                ("source", source.source.clone()),
                ("index", at.to_string()),
                ("platform", source.platform.clone()),
            ];
            (labels, gauge(value(source)))
        };
        each.map(sample).collect::<Vec<_>>().into_iter()
    };
    let help = "1 while the source is observed";
    let live = of(|source| u64::from(source.state == "live"));
    family(encoder, "source_live", help, None, MetricType::Gauge, live)?;
    let help = "1 when every sink was given all of the source";
    let synced = of(|source| u64::from(source.synced));
    family(
        encoder,
        "source_synced",
        help,
        None,
        MetricType::Gauge,
        synced,
    )?;
    let help = "Parts of the source that cannot be read";
    let problems = of(|source| source.problem_count as u64);
    let kind = MetricType::Gauge;
    family(encoder, "source_unreadable", help, None, kind, problems)
}

fn resources(
    monitor: &Monitor,
    status: &StatusDocument,
    encoder: Encoder<'_, '_>,
) -> Result<(), fmt::Error> {
    let lags = status.resources.iter().map(|resource| {
        let (name, scope) = (resource.resource.clone(), resource.scope.clone());
        let label = super::of_resource(name, scope, monitor.lanes());
        (label, ConstGauge::new(resource.lag_seconds))
    });
    let help = "How long the oldest change that some sink has not confirmed has been waiting";
    let unit = Some(&Unit::Seconds);
    family(encoder, "resource_lag", help, unit, MetricType::Gauge, lags)?;
    let mut tiers: BTreeMap<String, u64> = [Tier::Presence, Tier::Detail]
        .map(|tier| (tier.as_str().to_owned(), 0))
        .into();
    for resource in &status.resources {
        *tiers.entry(resource.tier.clone()).or_default() += resource.objects;
    }
    let tiers = tiers
        .into_iter()
        .map(|(tier, count)| ([("tier", tier)], gauge(count)));
    let help = "Entries of the ledgers, by how much is observed of their resource";
    family(
        encoder,
        "ledger_objects",
        help,
        None,
        MetricType::Gauge,
        tiers,
    )
}

/// A histogram that is read, and not kept here.
pub(super) struct Histogram(pub(super) LatencySnapshot);

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let LatencySnapshot {
            buckets,
            sum_seconds,
            count,
        } = &self.0;
        let exemplars: Option<&HashMap<usize, _>> = None;
        encoder.encode_histogram::<NoLabelSet>(*sum_seconds, *count, buckets, exemplars)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn sinks(
    monitor: &Monitor,
    status: &StatusDocument,
    encoder: Encoder<'_, '_>,
) -> Result<(), fmt::Error> {
    let label = |at: usize, name: &str| [("sink", name.to_owned()), ("index", at.to_string())];
    let sinks = monitor.sinks();
    let latencies = sinks.iter().enumerate().map(|(at, sink)| {
        let label = label(at, sink.status.name());
        (label, Histogram(sink.status.latency.snapshot()))
    });
    let help = "From the time a change was received to the sink's confirmation";
    let unit = Some(&Unit::Seconds);
    family(
        encoder,
        "sink_latency",
        help,
        unit,
        MetricType::Histogram,
        latencies,
    )?;
    let each = || status.sinks.iter().enumerate();
    let handed =
        each().map(|(at, sink)| (label(at, &sink.sink), ConstCounter::new(sink.published)));
    let help = "Deliveries handed to the sink, each once";
    family(
        encoder,
        "sink_handed",
        help,
        None,
        MetricType::Counter,
        handed,
    )?;
    let pending = each().map(|(at, sink)| (label(at, &sink.sink), gauge(sink.pending)));
    let help = "Deliveries that wait or are on their way";
    family(
        encoder,
        "sink_pending",
        help,
        None,
        MetricType::Gauge,
        pending,
    )?;
    let oldest = each().map(|(at, sink)| {
        let age = sink.oldest_pending_age_seconds.unwrap_or_default();
        (label(at, &sink.sink), ConstGauge::new(age))
    });
    let help = "How long the oldest of them has been waiting; 0 where there is none";
    family(
        encoder,
        "sink_oldest_pending_age",
        help,
        unit,
        MetricType::Gauge,
        oldest,
    )
}

fn fingerprints(status: &StatusDocument, encoder: Encoder<'_, '_>) -> Result<(), fmt::Error> {
    let Some(found) = &status.fingerprints else {
        return Ok(());
    };
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for product in &found.products {
        *states.entry(&product.state).or_default() += 1;
    }
    let counts = states
        .into_iter()
        .map(|(state, count)| ([("state", state)], gauge(count)));
    let help = "Products that are installed, by how sure it is";
    family(
        encoder,
        "fingerprints",
        help,
        None,
        MetricType::Gauge,
        counts,
    )?;
    let rules = [(
        [("version", found.rules_version.clone())],
        gauge(found.rules as u64),
    )];
    let help = "Rules in use, with their version";
    family(
        encoder,
        "fingerprint_rules",
        help,
        None,
        MetricType::Gauge,
        rules.into_iter(),
    )
}

fn synthetic(status: &StatusDocument, encoder: Encoder<'_, '_>) -> Result<(), fmt::Error> {
    let Some(tests) = &status.synthetic else {
        return Ok(());
    };
    let by = |result, count| ([("result", result)], ConstCounter::new(count));
    let runs = [
        by("ok", tests.runs - tests.failures),
        by("broken", tests.failures),
    ];
    let help = "Synthetic tests";
    family(
        encoder,
        "synthetic_runs",
        help,
        None,
        MetricType::Counter,
        runs.into_iter(),
    )?;
    let Some(last) = &tests.last else {
        return Ok(());
    };
    // Two brokers have links of the same name: the slowest, and any that is broken.
    let mut links: BTreeMap<&str, (bool, f64)> = BTreeMap::new();
    for link in &last.links {
        let entry = links.entry(&link.link).or_insert((true, 0.0));
        entry.0 &= matches!(link.state, LinkState::Ok | LinkState::Warning);
        entry.1 = entry.1.max(link.seconds.unwrap_or_default());
    }
    let ok = links
        .iter()
        .map(|(link, (ok, _))| ([("link", *link)], gauge(u64::from(*ok))));
    let help = "1 where the last synthetic test found the link to hold";
    family(
        encoder,
        "synthetic_link_ok",
        help,
        None,
        MetricType::Gauge,
        ok,
    )?;
    let times = links
        .iter()
        .map(|(link, (_, time))| ([("link", *link)], ConstGauge::new(*time)));
    let help = "How long the link took in the last synthetic test";
    let unit = Some(&Unit::Seconds);
    family(
        encoder,
        "synthetic_link",
        help,
        unit,
        MetricType::Gauge,
        times,
    )
}
