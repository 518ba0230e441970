//! The floor: a bare client that reads what the agent has to read, and does nothing with it.
//!
//! For every resource of the server it asks for the same stream as the agent (WatchList), as many
//! at once, and reads until the mark that says the initial state is complete.

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::Connection;
use crate::options::DrainArgs;
use crate::process::{Process, Usage, usage};

/// As many streams at once as the agent opens (`INITIAL_LISTS_MAX` of its fleet).
const STREAMS_MAX: usize = 16;

/// What the agent does not observe by default.
const LEFT_OUT: [&str; 3] = ["events", "leases", "componentstatuses"];

const MARK: &[u8] = b"k8s.io/initial-events-end";

const ACCEPT: &str = "application/json;drop=metadata.managedFields, application/json";

const DISCOVERY: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList, application/json";

/// What the bare client took.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Floor {
    /// From its first request to the last byte.
    pub(crate) wall_s: f64,
    /// Bytes on the wire.
    pub(crate) bytes: u64,
    pub(crate) streams: usize,
    pub(crate) usage: Usage,
}

/// Runs the bare client as a process of its own.
pub(crate) fn measure(url: &str) -> anyhow::Result<Floor> {
    let mut process = Process::start(
        Command::new(std::env::current_exe()?)
            .args(["drain", url])
            .stdout(Stdio::piped()),
    )?;
    Ok(serde_json::from_str(&process.first_line()?)?)
}

/// The process itself.
pub(crate) fn drain_and_print(args: &DrainArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let paths = paths(&args.url)?;
    let streams = paths.len();
    ensure!(
        streams > 0,
        "{} serves nothing that can be watched",
        args.url
    );
    let (queue, bytes) = (Mutex::new(VecDeque::from(paths)), AtomicU64::new(0));
    let drain = || -> anyhow::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let path = queue.lock().ok().and_then(|mut paths| paths.pop_front());
            let Some(path) = path else { return Ok(()) };
            let read = stream(&args.url, &path, &mut buffer).context(path)?;
            bytes.fetch_add(read, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..STREAMS_MAX).map(|_| scope.spawn(drain)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a panic")))
    })?;
    let floor = Floor {
        wall_s: started.elapsed().as_secs_f64(),
        bytes: bytes.into_inner(),
        streams,
        usage: usage("self")?,
    };
    println!("{}", serde_json::to_string(&floor)?);
    Ok(())
}

/// Reads one stream up to its mark; returns how many bytes that were.
fn stream(url: &str, path: &str, buffer: &mut [u8]) -> anyhow::Result<u64> {
    let path = format!(
        "{path}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true\
         &resourceVersionMatch=NotOlderThan&timeoutSeconds=300"
    );
    let mut connection = Connection::open(url)?;
    let (status, _) = connection.request("GET", &path, &format!("accept: {ACCEPT}\r\n"), "")?;
    ensure!(status == 200, "answered with {status}");
    let finder = memchr::memmem::Finder::new(MARK);
    let (mut total, mut kept) = (0, 0);
    loop {
        let read = connection.read_raw(&mut buffer[kept..])?;
        ensure!(read > 0, "ended before its initial state was complete");
        total += read as u64;
        let end = kept + read;
        if finder.find(&buffer[..end]).is_some() {
            return Ok(total);
        }
        // The mark may lie across two reads.
        kept = end.min(MARK.len() - 1);
        buffer.copy_within(end - kept..end, 0);
    }
}

/// Paths of all collections that can be watched, from aggregated discovery.
fn paths(url: &str) -> anyhow::Result<Vec<String>> {
    let mut connection = Connection::open(url)?;
    let mut paths = Vec::new();
    for root in ["/api", "/apis"] {
        let (status, body) = connection.get(root, DISCOVERY)?;
        ensure!(status == 200, "{root} was answered with {status}");
        let document: Value = serde_json::from_slice(&body)?;
        for group in array(&document["items"]) {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            // The preferred version is the first.
            let Some(version) = array(&group["versions"]).next() else {
                continue;
            };
            let version_name = version["version"].as_str().unwrap_or_default();
            let base = match name {
                "" => format!("/api/{version_name}"),
                group => format!("/apis/{group}/{version_name}"),
            };
            let plurals = array(&version["resources"])
                .filter(|resource| array(&resource["verbs"]).any(|verb| verb == "watch"))
                .filter_map(|resource| resource["resource"].as_str())
                .filter(|plural| !LEFT_OUT.contains(plural));
            paths.extend(plurals.map(|plural| format!("{base}/{plural}")));
        }
    }
    Ok(paths)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
