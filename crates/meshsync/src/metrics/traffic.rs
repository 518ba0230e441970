//! Requests and watches.

use std::fmt;

use meshsync_informer::{HistogramSnapshot, TrafficSnapshot};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use super::more::Histogram;
use super::{family, single};
use crate::LatencySnapshot;

pub(super) fn encode(
    traffic: &TrafficSnapshot,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let requests = traffic.requests.iter().map(|one| {
        let code = one
            .code
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        let labels = [
            ("verb", one.verb.to_owned()),
            ("resource", one.resource.clone()),
            ("code", code),
        ];
        (labels, ConstCounter::new(one.count))
    });
    let help = "Requests to the API server, by how they were answered; none where they were not";
    family(
        encoder,
        "requests",
        help,
        None,
        MetricType::Counter,
        requests,
    )?;
    let durations = traffic
        .durations
        .iter()
        .map(|(verb, durations)| ([("verb", *verb)], histogram(durations)));
    let help = "From a request to the head of its answer";
    let unit = Some(&Unit::Seconds);
    family(
        encoder,
        "request_duration",
        help,
        unit,
        MetricType::Histogram,
        durations,
    )?;

    let watches = &traffic.watches;
    let closed: u64 = watches.closed.iter().map(|(_, count)| count).sum();
    let open = watches.opened.saturating_sub(closed);
    let open = i64::try_from(open).unwrap_or(i64::MAX);
    single(encoder, "watches_open", "Watches that are open", open)?;
    let help = "Watches that were opened";
    let opened = encoder.encode_descriptor("watches_opened", help, None, MetricType::Counter)?;
    ConstCounter::new(watches.opened).encode(opened)?;
    let by_reason = watches
        .closed
        .iter()
        .map(|(reason, count)| ([("reason", reason.as_str())], ConstCounter::new(*count)));
    let help = "Watches that were closed, by reason; ended is what servers do after some minutes";
    family(
        encoder,
        "watches_closed",
        help,
        None,
        MetricType::Counter,
        by_reason,
    )?;
    let help = "How long watches lived that were closed";
    let lives = encoder.encode_descriptor("watch_duration", help, unit, MetricType::Histogram)?;
    histogram(&watches.lives).encode(lives)
}

fn histogram(snapshot: &HistogramSnapshot) -> Histogram {
    Histogram(LatencySnapshot {
        buckets: snapshot.buckets.clone(),
        sum_seconds: snapshot.sum_seconds,
        count: snapshot.count,
    })
}
