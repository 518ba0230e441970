//! Replay of a captured cluster, row by row: the simulator answers what the real server answered.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use meshsync_sim::{Sim, SimBuilder, User};
use serde_json::{Value, json};

use super::client::{Answer, Call, Watch, get};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// The directory of the capture, within or at the reference directory.
fn capture_dir(test: &str) -> Option<PathBuf> {
    let dir = meshsync_testkit::require_reference(test)?;
    [dir.join("cluster"), dir]
        .into_iter()
        .find(|dir| dir.join("INDEX.tsv").is_file())
}

fn captured(dir: &Path, file: &str) -> Vec<u8> {
    meshsync_testkit::gunzip(dir.join(format!("{file}.gz")))
}

fn captured_json(dir: &Path, file: &str) -> Value {
    serde_json::from_slice(&captured(dir, file)).unwrap()
}

#[derive(Debug)]
struct Row {
    file: String,
    method: &'static str,
    path: String,
    status: u16,
}

/// Every row of the index.
fn rows(dir: &Path) -> Vec<Row> {
    let index = std::fs::read_to_string(dir.join("INDEX.tsv")).unwrap();
    let rows = index.lines().skip(1).map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, request, status, _] = columns[..] else {
            panic!("{row}")
        };
        let (method, path) = match request.split_once(' ') {
            Some(("PUT", path)) => ("PUT", path),
            Some((_, path)) => ("GET", path),
            None => ("GET", request),
        };
        Row {
            file: file.to_owned(),
            method,
            path: path.to_owned(),
            status: status.parse().unwrap(),
        }
    });
    rows.collect()
}

/// The version of the cluster when a row was captured, by what its answer says of itself.
fn version_of(dir: &Path, row: &Row) -> u64 {
    let number = |value: &Value| value.as_str().and_then(|rv| rv.parse().ok());
    match row.file.split('/').next().unwrap() {
        "list" | "variants" => {
            let list = captured_json(dir, &row.file);
            number(&list["metadata"]["resourceVersion"]).unwrap_or(5856)
        }
        "errors" => 5859,
        "watch" if row.file.contains("watchlist") => {
            let lines = captured(dir, &row.file);
            let last = lines.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
            let end: Value = serde_json::from_slice(last.unwrap()).unwrap();
            number(&end["object"]["metadata"]["resourceVersion"]).unwrap()
        }
        "watch" => {
            let lines = captured(dir, &row.file);
            let first = lines.split(|byte| *byte == b'\n').next().unwrap();
            let first: Value = serde_json::from_slice(first).unwrap();
            number(&first["object"]["metadata"]["resourceVersion"]).unwrap() - 1
        }
        _ => 5856,
    }
}

/// The captured cluster as it was at a version, at the time of the capture.
fn cluster(dir: &Path, version: u64) -> SimBuilder {
    // When the table was captured, by the ages in it.
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_355_997);
    Sim::builder()
        .capture_at(dir, version)
        .unwrap()
        .ages_at(time)
        .history_since(2313)
        .bookmark_interval(Duration::from_millis(50))
        .version_wait(Duration::from_millis(20))
        .rbac()
        .user("admin", User::admin())
        .user("viewer", User::new("viewer"))
}

fn call(row: &Row) -> Call {
    let token = match row.file.as_str() {
        "errors/forbidden-list.json" => "viewer",
        "errors/unauthorized.json" => "stolen",
        _ => "admin",
    };
    let accept = match row.file.as_str() {
        "variants/deployments.table.json" => TABLE,
        "variants/pods.metadata.json" => METADATA,
        file if file.starts_with("discovery/aggregated/") => AGGREGATED,
        _ => "application/json",
    };
    let call = Call::new(row.method, &row.path)
        .header("authorization", &format!("Bearer {token}"))
        .header("accept", accept);
    match row.method {
        "PUT" => call.json(&json!({})),
        _ => call,
    }
}

/// The first place where two documents differ.
fn difference(path: &str, ours: &Value, real: &Value) -> Option<String> {
    match (ours, real) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let part = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
                match (part(a), part(b)) {
                    (Some(a), Some(b)) => difference(&format!("{path}.{key}"), &a, &b),
                    (a, b) => Some(format!("{path}.{key}: {a:?} instead of {b:?}")),
                }
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(at, (a, b))| difference(&format!("{path}[{at}]"), a, b)),
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path}: {a} instead of {b}")),
    }
}

fn compare_body(dir: &Path, row: &Row, answer: &Answer) -> Option<String> {
    if row.file == "-" {
        // Lists that were empty were not kept; what they were is known all the same.
        let list = answer.json();
        let empty = list["items"] == json!([]) && list["metadata"]["resourceVersion"] == "5856";
        return (!empty).then(|| format!("{list} instead of an empty list"));
    }
    let real = captured(dir, &row.file);
    if row.status == 503 {
        return (answer.body != real).then(|| format!("{:?}", answer.body));
    }
    let real: Value = serde_json::from_slice(&real).unwrap();
    difference("", &answer.json(), &real)
}

fn compare_head(row: &Row, answer: &Answer) -> Option<String> {
    let content_type = match row.status {
        503 => "text/plain; charset=utf-8",
        _ if row.file.starts_with("discovery/aggregated/") => AGGREGATED,
        _ => "application/json",
    };
    if answer.status != row.status {
        return Some(format!(
            "status {} instead of {}",
            answer.status, row.status
        ));
    }
    let ours = answer.header("content-type");
    (ours != content_type).then(|| format!("content type {ours:?} instead of {content_type:?}"))
}

/// The answer has a strong ETag, and is 304 without a body for whoever has it already.
async fn compare_etag(sim: &Sim, row: &Row, answer: &Answer) -> Option<String> {
    let etag = answer.header("etag");
    if !row.file.starts_with("discovery/aggregated/") {
        return (!etag.is_empty()).then(|| format!("an ETag {etag}"));
    }
    let again = call(row).header("if-none-match", etag).send(sim).await;
    let same = etag.starts_with('"')
        && (again.status, again.header("etag")) == (304, etag)
        && again.body.is_empty();
    let other = call(row).header("if-none-match", "\"0\"").send(sim).await;
    (!same || other.status != 200).then(|| format!("ETag {etag}, then {}", again.status))
}

/// Opens the watch, makes the recorded changes, and compares what comes.
async fn compare_watch(dir: &Path, row: &Row, version: u64, sim: &Sim) -> Option<String> {
    let path = row.path.replace("=RV", &format!("={version}"));
    let row = Row {
        path,
        file: row.file.clone(),
        ..*row
    };
    let response = call(&row).open(sim).await;
    let content_type = response.headers()["content-type"].to_str().unwrap();
    if response.status() != 200 || content_type != "application/json" {
        return Some(format!("{} {content_type}", response.status()));
    }
    let mut watch = Watch::of(response);
    let lines = captured(dir, &row.file);
    let lines = lines.trim_ascii_end().split(|byte| *byte == b'\n');
    let mut seen = Value::Null;
    for line in lines {
        let real: Value = serde_json::from_slice(line).unwrap();
        if real == seen {
            // The same bookmark again; how many there are is a matter of time.
            continue;
        }
        if !row.file.contains("watchlist") && !row.file.starts_with("errors/") {
            sim.replay(line).unwrap();
        }
        // Bookmarks of versions in between, and the same one again, may come first.
        let version = |event: &Value| event["object"]["metadata"]["resourceVersion"].clone();
        let mut ours = watch.event().await;
        for _ in 0..100 {
            let early = ours["type"] == "BOOKMARK"
                && (real["type"] != "BOOKMARK" || version(&ours) != version(&real));
            if !early {
                break;
            }
            ours = watch.event().await;
        }
        if let Some(difference) = difference("", &ours, &real) {
            return Some(difference);
        }
        seen = real;
    }
    None
}

#[tokio::test]
async fn every_captured_answer_is_repeated() {
    let Some(dir) = capture_dir("every_captured_answer_is_repeated") else {
        return;
    };
    let mut by_version: BTreeMap<(u64, String), Vec<Row>> = BTreeMap::new();
    for row in rows(&dir) {
        // A recorded watch changes the cluster, so each has one of its own.
        let own = match row.file.starts_with("watch/") {
            true => row.file.clone(),
            false => String::new(),
        };
        by_version
            .entry((version_of(&dir, &row), own))
            .or_default()
            .push(row);
    }
    let (mut checked, mut differences) = (0, Vec::new());
    let mut last: Option<Sim> = None;
    for ((version, _), rows) in by_version {
        // After the last object only versions pass; loading the capture again would show the same.
        let sim = match last.take().filter(|_| version > 5856) {
            Some(sim) => {
                let pass = json!({"type": "BOOKMARK", "object": {
                    "kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": version.to_string()},
                }});
                sim.replay(pass.to_string().as_bytes()).unwrap();
                sim
            }
            None => cluster(&dir, version).start().await.unwrap(),
        };
        for row in rows {
            let difference = if row.file.ends_with(".jsonl") {
                compare_watch(&dir, &row, version, &sim).await
            } else {
                let answer = call(&row).send(&sim).await;
                match compare_head(&row, &answer).or_else(|| compare_body(&dir, &row, &answer)) {
                    None => compare_etag(&sim, &row, &answer).await,
                    difference => difference,
                }
            };
            if let Some(difference) = difference {
                differences.push(format!("{} {}: {difference:.500}", row.file, row.path));
            }
            checked += 1;
        }
        last = Some(sim);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(checked, 570);
}

#[tokio::test]
async fn captured_lists_are_repeated_byte_for_byte() {
    let Some(dir) = capture_dir("captured_lists_are_repeated_byte_for_byte") else {
        return;
    };
    let sim = Sim::builder().capture(&dir).unwrap().start().await.unwrap();
    let version = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        let rv = list["metadata"]["resourceVersion"].as_str().unwrap();
        text.trim_end()
            .replacen(&format!("\"resourceVersion\":\"{rv}\"}}"), "", 1)
    };
    for (file, path) in [
        ("list/v1/pods.json", "/api/v1/pods"),
        (
            "list/autoscaling_v1/horizontalpodautoscalers.json",
            "/apis/autoscaling/v1/horizontalpodautoscalers",
        ),
        (
            "list/cert-manager.io_v1/certificates.json",
            "/apis/cert-manager.io/v1/certificates",
        ),
        (
            "list/policy.linkerd.io_v1alpha1/servers.json",
            "/apis/policy.linkerd.io/v1alpha1/servers",
        ),
    ] {
        let answer = get(&sim, path).await.body;
        assert!(version(&answer) == version(&captured(&dir, file)), "{path}");
    }
}
