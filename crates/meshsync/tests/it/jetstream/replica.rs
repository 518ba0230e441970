//! A store that follows the stream.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use meshsync::jetstream::{JetStreamUrl, Verdict};
use meshsync::store::{Filter, Progress, Store, StoreError, replicate};
use meshsync_sim::Sim;
use meshsync_testkit::{NatsServer, eventually};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::state::{equal, run, start, url_of};
use super::stream::state;
use crate::support::{DEADLINE, Key, Running, builder, config_map, versions_of};

/// uid and resourceVersion of everything in a store.
pub(super) fn stored(path: &Path) -> BTreeMap<Key, (String, String)> {
    let mut found = BTreeMap::new();
    let Ok(store) = Store::open_to_read(path) else {
        return found;
    };
    store
        .objects(&Filter::default(), |object| {
            let id = if object.group.is_empty() {
                object.plural
            } else {
                format!("{}.{}", object.plural, object.group)
            };
            let body: serde_json::Value = serde_json::from_slice(&object.object).unwrap();
            assert_eq!(body["metadata"]["uid"], object.uid.as_str());
            found.insert(
                (id, object.namespace, object.name),
                (object.uid, object.version),
            );
        })
        .unwrap();
    found
}

/// A replica that runs until it is stopped.
pub(super) struct Follower {
    pub(super) progress: mpsc::UnboundedReceiver<Progress>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Follower {
    pub(super) fn start(url: &str, path: &Path) -> Self {
        let (sender, progress) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (url, path) = (JetStreamUrl::parse(url).unwrap(), path.to_owned());
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move {
            let tell = move |progress| drop(sender.send(progress));
            replicate(url, &path, tell, stopped).await
        });
        Self {
            progress,
            stop,
            task,
        }
    }

    /// Waits for something to be told.
    async fn tells(&mut self, what: impl Fn(&Progress) -> bool) -> Progress {
        let told = async {
            while let Some(progress) = self.progress.recv().await {
                if what(&progress) {
                    return progress;
                }
            }
            panic!("the replica ended");
        };
        tokio::time::timeout(DEADLINE, told)
            .await
            .expect("it is told")
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

async fn same(path: &Path, sim: &Sim, running: &Running, what: &str) {
    eventually(what, DEADLINE, async || {
        stored(path) == versions_of(sim, &running.observed())
    })
    .await;
}

struct Setup {
    nats: NatsServer,
    sim: Sim,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

async fn setup(objects: usize) -> Option<Setup> {
    let (nats, sim) = start(objects).await?;
    let dir = tempfile::tempdir().unwrap();
    Some(Setup {
        nats,
        sim,
        path: dir.path().join("replica.db"),
        _dir: dir,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_follows_goes_away_and_goes_on_where_it_was() {
    let Some(Setup {
        nats,
        sim,
        path,
        _dir,
    }) = setup(400).await
    else {
        return;
    };
    for name in ["stays", "goes"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let running = run(&sim, &nats);
    let url = url_of(&nats);
    // Before the streams are there, and while they fill.
    let mut follower = Follower::start(&url, &path);
    running.synced().await;
    let complete = |progress: &Progress| {
        matches!(
            progress,
            Progress::Marker {
                resource: None,
                verdict: Verdict::Complete,
                ..
            }
        )
    };
    follower.tells(complete).await;
    same(&path, &sim, &running, "after the initial sync").await;
    follower.stop().await;

    sim.apply(config_map("stays", "2")).unwrap();
    sim.delete("", "configmaps", Some("default"), "goes")
        .unwrap();
    sim.apply(config_map("new", "1")).unwrap();
    equal(&nats, &sim, &running, "the stream goes on").await;
    let mut follower = Follower::start(&url, &path);
    follower
        .tells(|progress| *progress == Progress::CaughtUp)
        .await;
    same(&path, &sim, &running, "after a pause").await;
    sim.apply(config_map("live", "1")).unwrap();
    same(&path, &sim, &running, "live").await;
    follower.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_that_expired_while_the_replica_was_away_resurrects_nothing() {
    let Some(Setup {
        nats,
        sim,
        path,
        _dir,
    }) = setup(30).await
    else {
        return;
    };
    sim.apply(config_map("goes", "1")).unwrap();
    let url = format!("{}?tombstones=1s", url_of(&nats));
    let running = Running::start(builder(&sim).sink_url(&url).unwrap());
    running.synced().await;
    let mut follower = Follower::start(&url, &path);
    follower
        .tells(|progress| *progress == Progress::CaughtUp)
        .await;
    same(&path, &sim, &running, "before").await;
    follower.stop().await;

    sim.delete("", "configmaps", Some("default"), "goes")
        .unwrap();
    equal(&nats, &sim, &running, "the stream knows").await;
    eventually("the tombstone expires", DEADLINE, async || {
        let messages = state(&nats).await;
        messages
            .iter()
            .all(|message| message.key().is_none_or(|key| key.2 != "goes"))
    })
    .await;
    let follower = Follower::start(&url, &path);
    same(&path, &sim, &running, "the replica reads all and sweeps").await;
    follower.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_come_now_and_then_and_only_the_resource_that_differs_is_read_again() {
    let Some(Setup {
        nats,
        sim,
        path,
        _dir,
    }) = setup(60).await
    else {
        return;
    };
    for name in ["lost", "kept"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let url = url_of(&nats);
    let digests = format!("{url}?digest=1s");
    let running = Running::start(builder(&sim).sink_url(&digests).unwrap());
    running.synced().await;
    let follower = Follower::start(&url, &path);
    same(&path, &sim, &running, "before").await;
    follower.stop().await;
    let database = rusqlite::Connection::open(&path).unwrap();
    // One lost, one too many.
    let lost = "DELETE FROM object WHERE name = 'lost'";
    assert_eq!(database.execute(lost, []).unwrap(), 1);
    let surplus = "UPDATE object SET name = 'surplus' WHERE name = 'kept'";
    assert_eq!(database.execute(surplus, []).unwrap(), 1);
    drop(database);
    // The agent runs on, nothing changes in the cluster, and nobody reads all.
    let mut follower = Follower::start(&url, &path);
    let repaired = follower.tells(|progress| matches!(progress, Progress::Repaired(_)));
    let Progress::Repaired(resource) = repaired.await else {
        unreachable!("asked for nothing else");
    };
    assert_eq!(resource.to_string(), "configmaps");
    same(&path, &sim, &running, "it is whole again").await;
    let complete = |progress: &Progress| match progress {
        Progress::Marker {
            resource: Some(resource),
            verdict,
        } => resource.plural == "configmaps" && *verdict == Verdict::Complete,
        _ => false,
    };
    follower.tells(complete).await;
    sim.apply(config_map("live", "1")).unwrap();
    same(&path, &sim, &running, "and it goes on").await;
    follower.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_something_notices_by_the_digest_and_reads_again() {
    let Some(Setup {
        nats,
        sim,
        path,
        _dir,
    }) = setup(100).await
    else {
        return;
    };
    let url = url_of(&nats);
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "the first run").await;
    let mut follower = Follower::start(&url, &path);
    follower
        .tells(|progress| *progress == Progress::CaughtUp)
        .await;
    follower.stop().await;
    running.stop().await;
    let lost = before
        .iter()
        .find(|message| message.key().is_some())
        .unwrap();
    let (_, namespace, name) = lost.key().unwrap();
    // What a bug, or a person, might do.
    let database = rusqlite::Connection::open(&path).unwrap();
    let delete = "DELETE FROM object WHERE namespace = ?1 AND name = ?2";
    assert!(database.execute(delete, [&namespace, &name]).unwrap() > 0);
    drop(database);
    let mut follower = Follower::start(&url, &path);
    let running = run(&sim, &nats);
    follower
        .tells(|progress| {
            matches!(
                progress,
                Progress::Marker {
                    verdict: Verdict::Diverged,
                    ..
                }
            )
        })
        .await;
    running.synced().await;
    same(&path, &sim, &running, "it is whole again").await;
    follower.stop().await;
    running.stop().await;
}
