//! Spans: a request, the life of a watch, a synthetic test with its links.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use meshsync_informer::Finished;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};

use super::ids::Ids;
use crate::check::{CheckReport, LinkState};

/// An attribute.
pub(super) fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// Nanoseconds since the epoch.
pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// A request, or the life of a watch.
pub(super) fn finished(ids: &mut Ids, finished: &Finished) -> Span {
    let is_request = finished.name != "watching";
    let mut attributes = vec![text("k8s.resource", &finished.resource)];
    attributes.push(match (is_request, finished.outcome.parse()) {
        (true, Ok(code)) => KeyValue {
            key: "http.response.status_code".to_owned(),
            value: Some(AnyValue {
                value: Some(Value::IntValue(code)),
            }),
            ..KeyValue::default()
        },
        (true, Err(_)) => text("error.type", "no answer"),
        (false, _) => text("meshsync.closed", &finished.outcome),
    });
    let kind = if is_request {
        SpanKind::Client
    } else {
        SpanKind::Internal
    };
    let error = finished.is_failure.then_some(finished.outcome.as_str());
    Span {
        name: format!("{} {}", finished.name, finished.resource),
        kind: kind.into(),
        attributes,
        status: Some(status(error)),
        ..span(ids, finished.began, finished.took)
    }
}

/// A synthetic test, with an event for each link.
pub(super) fn tested(ids: &mut Ids, report: &CheckReport) -> Span {
    let began = SystemTime::from(report.at.unwrap_or(Timestamp::UNIX_EPOCH));
    let took = Duration::try_from_secs_f64(report.seconds).unwrap_or_default();
    let mut span = Span {
        name: "synthetic test".to_owned(),
        kind: SpanKind::Internal.into(),
        attributes: vec![text("meshsync.variant", &report.variant)],
        status: Some(status((!report.ok).then_some(report.summary.as_str()))),
        ..span(ids, began, took)
    };
    span.events = report
        .links
        .iter()
        .filter(|link| link.state != LinkState::NotReached)
        .map(|link| {
            let mut attributes = vec![text("state", link.state.as_str())];
            if let Some(seconds) = link.seconds {
                attributes.push(KeyValue {
                    key: "seconds".to_owned(),
                    value: Some(AnyValue {
                        value: Some(Value::DoubleValue(seconds)),
                    }),
                    ..KeyValue::default()
                });
            }
            if link.state == LinkState::Failed {
                attributes.push(text("detail", &link.detail));
            }
            Event {
                // When it was looked at is not known, only for how long.
                time_unix_nano: span.end_time_unix_nano,
                name: link.link.clone(),
                attributes,
                ..Event::default()
            }
        })
        .collect();
    span
}

fn span(ids: &mut Ids, began: SystemTime, took: Duration) -> Span {
    Span {
        trace_id: ids.trace(),
        span_id: ids.span(),
        start_time_unix_nano: nanos(began),
        end_time_unix_nano: nanos(began + took),
        ..Span::default()
    }
}

fn status(error: Option<&str>) -> Status {
    match error {
        None => Status::default(),
        Some(message) => Status {
            code: StatusCode::Error.into(),
            message: message.to_owned(),
        },
    }
}
