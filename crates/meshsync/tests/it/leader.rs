//! One of several observes, and the others wait to take its place.

use std::time::Duration;

use meshsync::jetstream::JetStreamUrl;
use meshsync::{
    BuildError, Builder, LeaderElection, LeaderLock, MeshSync, Monitor, Role, RunError,
};
use meshsync_sim::Sim;
use meshsync_testkit::{NatsServer, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{DEADLINE, builder, config_map};

/// Long enough for a machine that is busy, short enough to wait for.
const LASTS: Duration = Duration::from_secs(6);

struct Agent {
    monitor: Monitor,
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Agent {
    fn start(builder: Builder, lock: &LeaderLock, name: &str) -> Self {
        let mut election = LeaderElection::new(lock.clone(), name);
        election.lasts = LASTS;
        let meshsync = builder.leader_election(election).build().unwrap();
        let monitor = meshsync.monitor();
        let stop = CancellationToken::new();
        let task = tokio::spawn(meshsync.run(stop.clone().cancelled_owned()));
        Self {
            monitor,
            stop,
            task,
        }
    }

    async fn is(&self, role: Role, leader: &str) {
        eventually(&format!("{role:?} under {leader}"), DEADLINE, async || {
            let now = self.monitor.leadership();
            assert!(!self.task.is_finished(), "{now:?}");
            now.role == role && now.leader.as_deref() == Some(leader)
        })
        .await;
    }

    async fn synced(&self) {
        let synced = tokio::time::timeout(DEADLINE, self.monitor.synced()).await;
        assert!(synced.is_ok(), "{:?}", self.monitor.document());
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn lease(name: &str) -> LeaderLock {
    LeaderLock::Lease {
        namespace: Some("default".to_owned()),
        name: name.to_owned(),
    }
}

/// A cluster, and a pipeline that tells a file of it.
fn agent(sim: &Sim, dir: &tempfile::TempDir, lock: &LeaderLock, name: &str) -> Agent {
    let sink = format!("file:{}", dir.path().join(name).display());
    Agent::start(builder(sim).sink_url(&sink).unwrap(), lock, name)
}

async fn follow_and_take_over(lock: &LeaderLock) {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("known", "1")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let a = agent(&sim, &dir, lock, "a");
    a.is(Role::Leader, "a").await;
    a.synced().await;
    sim.requests().clear();
    let b = agent(&sim, &dir, lock, "b");
    b.is(Role::Follower, "a").await;
    // Long after it has begun to wait.
    let c = agent(&sim, &dir, lock, "c");
    c.is(Role::Follower, "a").await;
    let lists = sim.requests().count(|r| r.path.ends_with("/configmaps"));
    assert_eq!(lists, 0, "a follower observes nothing");
    assert!(!b.monitor.is_synced() && b.monitor.resources().is_empty());
    assert!(!dir.path().join("b").exists(), "a follower writes nothing");
    // One that stops in good order gives the lock up.
    c.stop().await;
    a.stop().await;
    b.is(Role::Leader, "b").await;
    b.synced().await;
    // One that is killed lets it lapse.
    let d = agent(&sim, &dir, lock, "d");
    d.is(Role::Follower, "b").await;
    b.task.abort();
    d.is(Role::Leader, "d").await;
    d.synced().await;
    d.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_lease_a_follower_waits_and_takes_over() {
    follow_and_take_over(&lease("meshsync")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_broker_a_follower_waits_and_takes_over() {
    let Some(nats) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let url = JetStreamUrl::of_broker(&nats.url()).unwrap();
    follow_and_take_over(&LeaderLock::Broker(url.into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_lock_ends_and_says_to_whom() {
    let sim = Sim::builder().start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let a = agent(&sim, &dir, &lease("taken"), "a");
    a.is(Role::Leader, "a").await;
    // Somebody takes it by force, as with kubectl edit.
    sim.apply(serde_json::json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "taken", "namespace": "default"},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 3600},
    }))
    .unwrap();
    let ended = tokio::time::timeout(DEADLINE, a.task)
        .await
        .unwrap()
        .unwrap();
    let error = ended.unwrap_err();
    assert!(matches!(error, RunError::LeadershipLost { .. }));
    let text = error.to_string();
    assert!(
        text.contains("somebody has the lock") && text.contains("start again"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_renew_the_lock_ends_before_it_lapses() {
    let sim = Sim::builder().start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let a = agent(&sim, &dir, &lease("silent"), "a");
    a.is(Role::Leader, "a").await;
    let scope = meshsync_sim::FaultScope::resource("coordination.k8s.io", "leases");
    sim.faults().fail(scope, meshsync_sim::Failure::status(403));
    let ended = tokio::time::timeout(DEADLINE, a.task)
        .await
        .unwrap()
        .unwrap();
    let text = ended.unwrap_err().to_string();
    assert!(
        text.contains("not renewed in time") && text.contains("grant"),
        "{text}"
    );
    // And who waits meanwhile says that it does not know, and is not ready.
    let b = agent(&sim, &dir, &lease("silent"), "b");
    eventually("b does not know", DEADLINE, async || {
        b.monitor.leadership().role == Role::Candidate
    })
    .await;
    sim.faults().heal_all();
    b.is(Role::Leader, "b").await;
    b.stop().await;
}

#[test]
fn a_lock_that_lasts_no_time_is_refused() {
    let mut election = LeaderElection::new(lease("x"), "a");
    election.lasts = Duration::from_millis(10);
    let built = MeshSync::builder().leader_election(election).build();
    assert!(matches!(built, Err(BuildError::LeadershipTooShort { .. })));
}
