//! Everything is killed, in whatever order, and all end with the cluster's state.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use meshsync::jetstream::{Events, From, JetStreamUrl, Subject};
use meshsync::store::{Filter, Store};
use meshsync_testkit::{NatsCluster, cases, eventually, seed};
use tokio::process::Child;

use crate::support::{Cluster, meshsync, run};

/// Servers have to elect leaders again, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(180);

pub(crate) type Key = (String, String, String);
pub(crate) type States = BTreeMap<Key, (String, String)>;

/// uid and resourceVersion of what is observed by default.
pub(crate) fn observed(cluster: &Cluster) -> States {
    cluster
        .sim
        .snapshot()
        .filter(|o| !matches!(&*o.plural, "events" | "leases" | "componentstatuses"))
        .map(|o| {
            let id = if o.group.is_empty() {
                o.plural
            } else {
                format!("{}.{}", o.plural, o.group)
            };
            let key = (id, o.namespace, o.name);
            (key, (o.uid, o.resource_version.to_string()))
        })
        .collect()
}

pub(crate) fn stored(path: &Path) -> States {
    let mut states = States::new();
    if let Ok(store) = Store::open_to_read(path) {
        let read = store.objects(&Filter::default(), |o| {
            let id = if o.group.is_empty() {
                o.plural
            } else {
                format!("{}.{}", o.plural, o.group)
            };
            states.insert((id, o.namespace, o.name), (o.uid, o.version));
        });
        drop(read);
    }
    states
}

pub(crate) fn replicate(stream: &str, path: &Path, once: bool) -> Child {
    let to = format!("store:{}", path.display());
    let mut command = meshsync(&["replicate", "--from", stream, "--to", &to]);
    if once {
        command.arg("--once");
    }
    // What it says would fill a pipe that nobody reads.
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    command.spawn().unwrap()
}

fn agent(cluster: &Cluster, stream: &str) -> Child {
    let mut command = run(cluster, &["--sink", stream]);
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    command.spawn().unwrap()
}

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        // An LCG will do: MMIX by Knuth.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

async fn check(servers: usize, name: &str) {
    let Some(mut nats) = NatsCluster::start_or_skip(servers) else {
        return;
    };
    let seed = seed(name, 5);
    let mut dice = Dice(seed);
    let objects = cases(800).min(20_000) as usize;
    let cluster = Cluster::start(objects).await;
    let hosts = nats.url().replace("nats://", "");
    let stream = format!("jetstream://{hosts}?replicas={servers}");
    let live = cluster.path("live.db");
    let mut publisher = agent(&cluster, &stream);
    let mut consumer = replicate(&stream, &live, false);
    let churn = cluster.sim.churn_seeded(500.0, seed);
    let kills = if objects > 2_000 { 12 } else { 3 };
    for _ in 0..kills {
        // So many changes happen before the next blow.
        let until = cluster.sim.resource_version() + 100 + dice.next(600);
        eventually("changes happen", DEADLINE, async || {
            cluster.sim.resource_version() >= until
        })
        .await;
        match dice.next(3) {
            0 => {
                publisher.kill().await.unwrap();
                publisher = agent(&cluster, &stream);
            }
            1 => {
                consumer.kill().await.unwrap();
                consumer = replicate(&stream, &live, false);
            }
            _ => {
                let at = dice.next(servers as u64) as usize;
                nats.servers[at].stop();
                let until = cluster.sim.resource_version() + dice.next(300);
                eventually("changes happen", DEADLINE, async || {
                    cluster.sim.resource_version() >= until
                })
                .await;
                nats.servers[at].restart().unwrap();
            }
        }
    }
    churn.stop().await;
    let expected = observed(&cluster);
    let started = Instant::now();
    loop {
        let states = stored(&live);
        if states == expected {
            break;
        }
        let stale = |(key, state): &(&Key, &(String, String))| states.get(*key) != Some(*state);
        let missing: Vec<_> = expected.iter().filter(stale).take(3).collect();
        let ghosts = states.keys().filter(|key| !expected.contains_key(*key));
        let ghosts: Vec<_> = ghosts.take(3).collect();
        assert!(
            started.elapsed() < DEADLINE,
            "the replica is not the cluster: {} of {}, missing or stale {missing:?}, ghosts {ghosts:?}",
            states.len(),
            expected.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let fresh = cluster.path("fresh.db");
    let mut reading = replicate(&stream, &fresh, true);
    let read = tokio::time::timeout(DEADLINE, reading.wait()).await;
    assert!(read.unwrap().unwrap().success());
    assert!(stored(&fresh) == expected, "the stream is not the cluster");
    ordered(&stream, &expected).await;
    publisher.kill().await.unwrap();
    consumer.kill().await.unwrap();
}

/// Every object's events are in the order in which they were sent, and end with
/// its state.
async fn ordered(stream: &str, expected: &States) {
    let url = JetStreamUrl::parse(stream).unwrap();
    eventually("the events end with the state", DEADLINE, async || {
        let mut events = Events::open(&url, From::Start, None).await.ok()?;
        let mut last: BTreeMap<Key, ((u64, u64), String)> = BTreeMap::new();
        while let Some(past) = events.next_past().await.ok()? {
            let Subject::Object { key, .. } = &past.subject else {
                continue;
            };
            let mut id = past.envelope.id.split('.').map(|n| n.parse().unwrap());
            let sent = (id.next().unwrap(), id.next().unwrap());
            let namespace = key.namespace.as_deref().unwrap_or_default();
            let key = (
                key.resource.to_string(),
                namespace.to_owned(),
                key.name.to_string(),
            );
            let version = past.envelope.version.clone();
            if let Some((before, _)) = last.insert(key.clone(), (sent, version)) {
                assert!(before < sent, "{key:?}: {before:?} before {sent:?}");
            }
        }
        let same = expected
            .iter()
            .all(|(key, (_, version))| last.get(key).is_some_and(|(_, last)| last == version));
        same.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_with_one_server_lose_nothing() {
    check(1, "kills_with_one_server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_with_three_servers_lose_nothing() {
    check(3, "kills_with_three_servers").await;
}
