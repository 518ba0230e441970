//! The metrics: as the cluster itself counts, and all that alerts and dashboard ask for.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::{BTreeMap, BTreeSet};

use meshsync_sim::{CutStyle, Failure, FaultScope, LoggedRequest};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Cluster, DEADLINE, ended, free_addr, meshsync};

/// Every sample, by name and labels as they are written.
type Samples = BTreeMap<String, f64>;

async fn scrape(addr: &str) -> Option<String> {
    let mut stream = TcpStream::connect(addr).await.ok()?;
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(sample).collect()
}

/// The sum over all series of a name.
fn sum(samples: &Samples, name: &str) -> f64 {
    let of = |series: &str| series.split('{').next() == Some(name);
    let all = samples.iter().filter(|(series, _)| of(series));
    all.map(|(_, value)| value).sum()
}

/// An agent with fingerprints and what else is asked for; its addresses.
fn agent(cluster: &Cluster, args: &[&str]) -> (tokio::process::Child, String, String) {
    let (probes, admin) = (free_addr(), free_addr());
    let sink = format!("file:{}", cluster.path("records").display());
    let child = meshsync(&["run", "--source", &cluster.source(), "--sink", &sink])
        .args([
            "--probes-addr",
            &probes,
            "--admin-addr",
            &admin,
            "--fingerprints",
        ])
        .args(args)
        .spawn()
        .unwrap();
    (child, probes, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_status_say_what_the_cluster_itself_has_counted() {
    let cluster = Cluster::start(200).await;
    let (_child, probes, admin) = agent(&cluster, &[]);
    // What happens between two looks is in one of them alone: until all agree.
    let (found, status) = meshsync_testkit::eventually("agreement", DEADLINE, async || {
        let found = samples(&scrape(&probes).await?);
        let status = ended(meshsync(&["status", "--url", &admin, "-o", "json"])).await;
        let status: Value = serde_json::from_str(&status.stdout).ok()?;
        let sink = &status["sinks"][0];
        let same = |name, field: &str| Some(sum(&found, name)) == sink[field].as_f64();
        let agreed = status["synced"] == true
            && same("meshsync_sink_handed_total", "published")
            && same("meshsync_sink_published_total", "acknowledged")
            && same("meshsync_sink_latency_seconds_count", "acknowledged");
        agreed.then_some((found, status))
    })
    .await;
    let objects = cluster.observed().len() as f64;
    assert_eq!(sum(&found, "meshsync_resource_objects"), objects);
    assert_eq!(sum(&found, "meshsync_ledger_objects"), objects);
    assert_eq!(status["objects"].as_f64(), Some(objects));
    assert_eq!(sum(&found, "meshsync_problems"), 0.0);
    assert!(sum(&found, "process_resident_memory_bytes") > 1e6);
    assert!(sum(&found, "process_cpu_seconds_total") > 0.0);
    // No series is of an object: their number does not grow with the cluster.
    let text = scrape(&probes).await.unwrap();
    assert!(
        !text.contains("name=\"") && !text.contains("namespace=\""),
        "{text}"
    );
}

/// Requests by verb, resource and code, as the API server has logged them and as the metrics have them.
fn requests(cluster: &Cluster, found: &Samples) -> (BTreeMap<String, f64>, BTreeMap<String, f64>) {
    let mut logged = BTreeMap::new();
    for request in cluster.sim.requests().all() {
        let mut resource = match &request.resource {
            Some(resource) => match resource.group.as_str() {
                "" => resource.plural.clone(),
                group => format!("{}.{group}", resource.plural),
            },
            None if request.path.starts_with("/api") => "discovery".to_owned(),
            None => request.path.trim_start_matches('/').to_owned(),
        };
        if !request.subresource.is_empty() {
            resource = format!("{resource}/{}", request.subresource);
        }
        let (verb, code) = (request.verb, request.status);
        let labels = format!("verb=\"{verb}\",resource=\"{resource}\",code=\"{code}\"");
        *logged.entry(labels).or_default() += 1.0;
    }
    let counted = found.iter().filter_map(|(series, value)| {
        let labels = series.strip_prefix("meshsync_requests_total{")?;
        Some((labels.strip_suffix('}')?.to_owned(), *value))
    });
    (logged, counted.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_watches_are_counted_as_the_api_server_counts_them() {
    let cluster = Cluster::start(60).await;
    let refused = FaultScope::resource("", "secrets");
    cluster.sim.faults().fail(refused, Failure::status(403));
    let (_child, probes, _admin) = agent(&cluster, &[]);
    let open = || {
        let watch = |request: &LoggedRequest| {
            request.is_watch() && request.took.is_none() && request.status == 200
        };
        cluster.sim.requests().count(watch) as f64
    };
    let agreed = async |what: &str, is: &(dyn Fn(&Samples) -> bool + Sync)| {
        meshsync_testkit::eventually(what, DEADLINE, async || {
            let found = samples(&scrape(&probes).await?);
            let (logged, counted) = requests(&cluster, &found);
            let same = logged == counted && sum(&found, "meshsync_watches_open") == open();
            (same && is(&found)).then_some(found)
        })
        .await
    };
    let synced = |found: &Samples| sum(found, "meshsync_synced") == 1.0;
    let found = agreed("in sync", &synced).await;
    assert!(
        found
            .keys()
            .any(|series| series.contains("secrets\",code=\"403\""))
    );
    let timed = sum(&found, "meshsync_request_duration_seconds_count");
    assert_eq!(timed, sum(&found, "meshsync_requests_total"));
    let infinite = "meshsync_request_duration_seconds_bucket{le=\"+Inf\",verb=\"watch\"}";
    assert!(found.contains_key(infinite), "{found:#?}");

    let closed = |found: &Samples, reason: &str| {
        let series = format!("meshsync_watches_closed_total{{reason=\"{reason}\"}}");
        found[&series]
    };
    assert_eq!(closed(&found, "broken"), 0.0);
    let before = sum(&found, "meshsync_watches_opened_total");
    cluster
        .sim
        .faults()
        .cut_watches_of("", "pods", CutStyle::Broken);
    cluster
        .sim
        .faults()
        .cut_watches_of("", "nodes", CutStyle::Clean);
    let again = |found: &Samples| {
        let opened = sum(found, "meshsync_watches_opened_total");
        closed(found, "broken") >= 1.0 && closed(found, "ended") >= 1.0 && opened >= before + 2.0
    };
    let found = agreed("watched again", &again).await;
    assert_eq!(
        sum(&found, "meshsync_watch_duration_seconds_count"),
        sum(&found, "meshsync_watches_closed_total")
    );
}

fn deploy(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn alerts() -> Vec<Value> {
    let rules: Value = serde_saphyr::from_str(&deploy("deploy/prometheus/alerts.yaml")).unwrap();
    rules["spec"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
        .clone()
}

fn expressions() -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<String> = alerts().iter().map(|alert| text(&alert["expr"])).collect();
    let dashboard: Value = serde_json::from_str(&deploy("deploy/grafana/meshsync.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        all.extend(targets.iter().map(|target| text(&target["expr"])));
    }
    all
}

/// What looks like a name of ours in an expression.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = expression.split(move |c| !is_of_name(c));
    words.filter(|word| word.starts_with("meshsync_") || word.starts_with("process_"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_alerts_and_dashboard_ask_for_is_exported() {
    let cluster = Cluster::start(60).await;
    let (_child, probes, _admin) = agent(&cluster, &["--synthetic-interval", "1h"]);
    let exported: BTreeSet<String> = meshsync_testkit::eventually("tested", DEADLINE, async || {
        let text = scrape(&probes).await?;
        let tested = text.contains("meshsync_synthetic_link_ok{link=\"watch\"} 1");
        let found = text.contains("meshsync_fingerprints{");
        let series = |series: &String| series.split('{').next().unwrap_or_default().to_owned();
        let known = text.contains("meshsync_synced 1") && tested && found;
        known.then(|| samples(&text).keys().map(series).collect())
    })
    .await;
    let expressions = expressions();
    assert!(expressions.len() > 25, "{expressions:?}");
    for expression in &expressions {
        assert!(
            names(expression).next().is_some() || expression.contains("up{"),
            "{expression}"
        );
        for name in names(expression) {
            assert!(
                exported.contains(name),
                "{name} of {expression} is not among {exported:#?}"
            );
        }
    }
}

#[test]
fn every_expression_closes_what_it_opens() {
    fn is_balanced(expression: &str) -> bool {
        let (mut open, mut quoted) = (Vec::new(), false);
        for c in expression.chars() {
            match c {
                '"' => quoted = !quoted,
                _ if quoted => {}
                '(' | '[' | '{' => open.push(c),
                ')' | ']' | '}' => {
                    let pair = (open.pop(), c);
                    let fits =
                        matches!(pair, (Some('('), ')') | (Some('['), ']') | (Some('{'), '}'));
                    if !fits {
                        return false;
                    }
                }
                _ => {}
            }
        }
        open.is_empty() && !quoted
    }
    assert!(!is_balanced("sum by (le (x)") && !is_balanced("x{a=\"b}"));
    for expression in expressions() {
        assert!(is_balanced(&expression), "{expression}");
    }
}

#[test]
fn every_alert_has_an_entry_in_the_runbook() {
    let runbook = deploy("docs/RUNBOOK.md");
    let entries: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let alerts = alerts();
    let named: Vec<&str> = alerts
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap())
        .collect();
    assert_eq!(entries, named, "in the same order");
    for alert in &alerts {
        let (name, url) = (
            alert["alert"].as_str().unwrap(),
            &alert["annotations"]["runbook_url"],
        );
        let anchor = format!("docs/RUNBOOK.md#{}", name.to_lowercase());
        assert!(url.as_str().unwrap().ends_with(&anchor), "{url}");
        let after = runbook.split_once(&format!("## {name}\n")).unwrap().1;
        let entry = after.split("\n## ").next().unwrap();
        for part in ["**Means**", "**Look**", "**Do**"] {
            assert!(entry.contains(part), "{name} lacks {part}");
        }
        assert!(
            ["critical", "warning", "info"]
                .contains(&alert["labels"]["severity"].as_str().unwrap())
        );
    }
}
