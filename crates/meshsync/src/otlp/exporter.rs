//! Sending at every interval.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use meshsync_informer::Finished;
use meshsync_model::error_chain;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::sync::mpsc;

use super::exposition::parse;
use super::ids::Ids;
use super::metrics::{Times, metrics};
use super::send::{SendError, send};
use super::spans::{finished, nanos, tested, text};
use super::url::OtlpUrl;
use crate::metrics::Metrics;
use crate::monitor::Monitor;

/// So many spans wait for a collector; the oldest are left out.
const SPANS_MAX: usize = 4_096;

/// So many spans go at once.
const BATCH_MAX: usize = 512;

/// Where to, and how often.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpOptions {
    /// The collector.
    pub url: OtlpUrl,
    /// How often. Default: 15 s.
    pub interval: Duration,
}

impl OtlpOptions {
    /// To this collector.
    pub fn new(url: OtlpUrl) -> Self {
        Self {
            url,
            interval: Duration::from_secs(15),
        }
    }
}

/// Sends metrics and traces of one pipeline to a collector.
#[derive(Debug)]
pub struct Exporter {
    options: OtlpOptions,
    monitor: Monitor,
    metrics: Metrics,
    heard: mpsc::Receiver<Finished>,
    spans: VecDeque<Span>,
    ids: Ids,
    instance: String,
    /// The last synthetic test that was told.
    tests: u64,
    is_away: bool,
}

impl Exporter {
    /// Begins to listen. Nothing is sent yet.
    pub fn new(monitor: Monitor, options: OtlpOptions) -> Self {
        let mut ids = Ids::default();
        let instance: String = ids
            .span()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            heard: monitor.traffic_cell().listen(SPANS_MAX),
            metrics: Metrics::new(monitor.clone()),
            options,
            monitor,
            spans: VecDeque::new(),
            ids,
            instance,
            tests: 0,
            is_away: false,
        }
    }

    /// Sends at every interval, for ever.
    pub async fn run(&mut self) -> Infallible {
        let mut ticks = tokio::time::interval(self.options.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.flush().await;
        }
    }

    /// Sends what there is. What a collector does not take is a warning, once.
    pub async fn flush(&mut self) {
        self.listen();
        match self.send().await {
            Ok(()) if self.is_away => {
                self.is_away = false;
                tracing::info!(collector = %self.options.url, "the collector takes metrics and traces again");
            }
            Ok(()) => {}
            Err(error) if self.is_away => {
                tracing::debug!(collector = %self.options.url, error = error_chain(&error), "still not taken");
            }
            Err(error) => {
                self.is_away = true;
                tracing::warn!(
                    collector = %self.options.url,
                    error = error_chain(&error),
                    "the collector does not take metrics and traces: is it up, with OTLP over HTTP \
                     at this address? It is tried again"
                );
            }
        }
    }

    /// Takes in what happened since the last time.
    fn listen(&mut self) {
        while let Ok(one) = self.heard.try_recv() {
            self.spans.push_back(finished(&mut self.ids, &one));
        }
        if let Some(synthetic) = self.monitor.synthetic()
            && synthetic.runs > self.tests
            && let Some(report) = &synthetic.last
        {
            self.tests = synthetic.runs;
            self.spans.push_back(tested(&mut self.ids, report));
        }
        let too_many = self.spans.len().saturating_sub(SPANS_MAX);
        self.spans.drain(..too_many);
    }

    async fn send(&mut self) -> Result<(), SendError> {
        let url = self.options.url.clone();
        let times = Times {
            began: nanos(self.monitor.started()),
            now: nanos(SystemTime::now()),
        };
        let metrics = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope()),
                    metrics: metrics(parse(&self.metrics.text()), times),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        send(&url, "metrics", metrics.encode_to_vec()).await?;
        while !self.spans.is_empty() {
            let count = self.spans.len().min(BATCH_MAX);
            let batch: Vec<Span> = self.spans.iter().take(count).cloned().collect();
            let traces = ExportTraceServiceRequest {
                resource_spans: vec![ResourceSpans {
                    resource: Some(self.resource()),
                    scope_spans: vec![ScopeSpans {
                        scope: Some(scope()),
                        spans: batch,
                        ..ScopeSpans::default()
                    }],
                    ..ResourceSpans::default()
                }],
            };
            send(&url, "traces", traces.encode_to_vec()).await?;
            // Only what was taken is let go.
            self.spans.drain(..count);
        }
        Ok(())
    }

    /// Who says it.
    fn resource(&self) -> Resource {
        let mut attributes = vec![
            text("service.name", "meshsync"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", &self.instance),
        ];
        if let Some((_, cluster)) = self.monitor.cluster() {
            attributes.push(text("k8s.cluster.uid", cluster.as_str()));
        }
        Resource {
            attributes,
            ..Resource::default()
        }
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "meshsync".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
