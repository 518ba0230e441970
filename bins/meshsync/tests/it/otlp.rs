//! `--otlp`: what a collector of OpenTelemetry gets, as its own types read it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use meshsync_sim::{Failure, FaultScope};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Cluster, DEADLINE, code, ended, free_addr, get, lines, meshsync, signal};

/// What has arrived.
#[derive(Default)]
struct Taken {
    /// The last one.
    metrics: Option<ExportMetricsServiceRequest>,
    spans: Vec<Span>,
    resources: BTreeSet<String>,
    /// So many more are refused.
    refuse: usize,
    refused: usize,
}

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Taken>>);

impl Collector {
    /// Takes what comes, for ever.
    async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // One that breaks off is no end of the others.
            drop(self.exchange(stream).await);
        }
    }

    async fn exchange(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut first, mut length, mut kind) = (String::new(), 0, String::new());
        stream.read_line(&mut first).await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                // Given up half-way, as what sends is at its end.
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "content-type" => value.clone_into(&mut kind),
                _ => {}
            }
        }
        assert_eq!(kind, "application/x-protobuf");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let status = self.take(&first, &body);
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await
    }

    fn take(&self, first: &str, body: &[u8]) -> u16 {
        let taken = &mut *self.0.lock().unwrap();
        if taken.refuse > 0 {
            taken.refuse -= 1;
            taken.refused += 1;
            return 503;
        }
        let mut note =
            |attributes: &[KeyValue]| taken.resources.extend(attributes.iter().map(said));
        if first.starts_with("POST /base/v1/metrics ") {
            let metrics = ExportMetricsServiceRequest::decode(body).unwrap();
            note(
                &metrics.resource_metrics[0]
                    .resource
                    .as_ref()
                    .unwrap()
                    .attributes,
            );
            taken.metrics = Some(metrics);
        } else {
            assert!(first.starts_with("POST /base/v1/traces "), "{first}");
            let traces = ExportTraceServiceRequest::decode(body).unwrap();
            for of_resource in traces.resource_spans {
                note(&of_resource.resource.unwrap().attributes);
                for of_scope in of_resource.scope_spans {
                    taken.spans.extend(of_scope.spans);
                }
            }
        }
        200
    }

    fn metrics(&self) -> BTreeMap<String, Metric> {
        let taken = self.0.lock().unwrap();
        let of_resource = taken.metrics.iter().flat_map(|all| &all.resource_metrics);
        let all = of_resource.flat_map(|one| &one.scope_metrics);
        all.flat_map(|one| &one.metrics)
            .map(|metric| (metric.name.clone(), metric.clone()))
            .collect()
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }
}

fn said(attribute: &KeyValue) -> String {
    let value = attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref());
    match value.unwrap() {
        Value::StringValue(text) => format!("{}={text}", attribute.key),
        Value::IntValue(number) => format!("{}={number}", attribute.key),
        Value::DoubleValue(_) => attribute.key.clone(),
        other => panic!("{other:?}"),
    }
}

/// Values of gauges and counters by name and labels, and counts of histograms.
fn values(metrics: &BTreeMap<String, Metric>) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for (name, metric) in metrics {
        let key = |attributes: &[KeyValue]| {
            let labels: Vec<String> = attributes.iter().map(said).collect();
            format!("{name} {}", labels.join(" "))
        };
        match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => {
                found.extend(
                    gauge
                        .data_points
                        .iter()
                        .map(|p| (key(&p.attributes), number(p.value))),
                );
            }
            Data::Sum(sum) => {
                assert!(
                    sum.is_monotonic && sum.aggregation_temporality == 2,
                    "{name}"
                );
                found.extend(
                    sum.data_points
                        .iter()
                        .map(|p| (key(&p.attributes), number(p.value))),
                );
            }
            Data::Histogram(histogram) => {
                for point in &histogram.data_points {
                    let sum: u64 = point.bucket_counts.iter().sum();
                    assert_eq!(sum, point.count, "{name}");
                    assert_eq!(
                        point.bucket_counts.len(),
                        point.explicit_bounds.len() + 1,
                        "{name}"
                    );
                    found.insert(key(&point.attributes), point.count as f64);
                }
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    found
}

fn number(value: Option<number_data_point::Value>) -> f64 {
    match value {
        Some(number_data_point::Value::AsDouble(number)) => number,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_what_metrics_say_and_a_span_for_each_request() {
    let cluster = Cluster::start(60).await;
    let secrets = FaultScope::resource("", "secrets");
    cluster.sim.faults().fail(secrets, Failure::status(403));
    let collector = Collector::default();
    // What is refused comes again.
    collector.0.lock().unwrap().refuse = 3;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    let serve = tokio::spawn(collector.clone().serve(listener));
    let probes = free_addr();
    let sink = format!("file:{}", cluster.path("records").display());
    let mut agent = meshsync(&["run", "--admin-addr", "none", "--probes-addr", &probes])
        .args(["--source", &cluster.source(), "--sink", &sink])
        .args([
            "--otlp",
            &url,
            "--otlp-interval",
            "100ms",
            "--synthetic-interval",
            "1h",
        ])
        .spawn()
        .unwrap();
    let span = |spans: &[Span], name: &str, says: &str| {
        let is_it =
            |span: &&Span| span.name == name && span.attributes.iter().any(|one| said(one) == says);
        spans.iter().find(is_it).cloned()
    };
    meshsync_testkit::eventually("all of it", DEADLINE, async || {
        let found = values(&collector.metrics());
        let objects =
            |plural: &str| found.get(&format!("meshsync_resource_objects resource={plural}"));
        let pods = cluster
            .sim
            .snapshot()
            .filter(|object| object.plural == "pods")
            .count();
        let spans = collector.spans();
        let is_there = objects("pods") == Some(&(pods as f64))
            && found.get("meshsync_synced ") == Some(&1.0)
            && span(&spans, "synthetic test", "meshsync.variant=canary").is_some()
            && span(&spans, "watch pods", "http.response.status_code=200").is_some();
        is_there.then_some(())
    })
    .await;
    assert_eq!(collector.0.lock().unwrap().refused, 3);

    // The names of what is scraped are the names of what is sent.
    let text = get(&probes, "/metrics").await.unwrap();
    let scraped: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let metrics = collector.metrics();
    let sent: BTreeSet<&str> = metrics.keys().map(String::as_str).collect();
    assert_eq!(scraped, sent);
    assert!(sent.len() > 40, "{sent:?}");
    assert_eq!(metrics["meshsync_sink_latency_seconds"].unit, "s");

    let spans = collector.spans();
    let refused = span(&spans, "watch secrets", "http.response.status_code=403").unwrap();
    assert_eq!(refused.status.unwrap().code, 2, "an error");
    let well = span(&spans, "watch pods", "http.response.status_code=200").unwrap();
    assert_eq!(well.status.unwrap_or_default().code, 0);
    assert!(well.start_time_unix_nano > 0 && well.end_time_unix_nano >= well.start_time_unix_nano);
    let test = span(&spans, "synthetic test", "meshsync.variant=canary").unwrap();
    let links: Vec<&str> = test
        .events
        .iter()
        .map(|event| event.name.as_str())
        .collect();
    assert!(
        links.starts_with(&["configuration", "api-server", "clock"]),
        "{links:?}"
    );
    let ids: BTreeSet<&Vec<u8>> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), spans.len(), "each has its own, and comes once");
    assert!(
        spans
            .iter()
            .all(|span| span.trace_id.len() == 16 && span.span_id.len() == 8)
    );
    let resources = collector.0.lock().unwrap().resources.clone();
    assert!(resources.contains("service.name=meshsync"), "{resources:?}");
    assert!(
        resources
            .iter()
            .any(|one| one.starts_with("k8s.cluster.uid=")),
        "{resources:?}"
    );

    // At the end the rest is sent: the watches that it closes.
    signal(&agent, "-TERM").await;
    assert_eq!(code(&mut agent).await, Some(0));
    let spans = collector.spans();
    assert!(span(&spans, "watching pods", "meshsync.closed=stopped").is_some());
    serve.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_nothing_and_a_wrong_url_is_refused() {
    let cluster = Cluster::start(30).await;
    let sink = format!("file:{}", cluster.path("records").display());
    let url = format!("http://{}", free_addr());
    let mut agent = meshsync(&["run", "--admin-addr", "none", "--probes-addr", "none"])
        .args(["--source", &cluster.source(), "--sink", &sink])
        .args(["--otlp", &url, "--otlp-interval", "50ms"])
        .spawn()
        .unwrap();
    let mut said = lines(agent.stderr.take().unwrap());
    let mut warnings = 0;
    let mut synced = false;
    while warnings == 0 || !synced {
        let line = said.next_line().await.unwrap().unwrap();
        warnings += usize::from(line.contains("the collector does not take metrics and traces"));
        synced |= line.contains("every resource is in sync");
    }
    signal(&agent, "-TERM").await;
    while let Some(line) = said.next_line().await.unwrap() {
        warnings += usize::from(line.contains("the collector does not take"));
    }
    assert_eq!(code(&mut agent).await, Some(0));
    assert_eq!(warnings, 1, "it is said once");

    let wrong = ended(meshsync(&["run", "--otlp", "http://collector:4317"])).await;
    wrong.assert_code(2);
    wrong.assert_says(&["4318"]);
}
