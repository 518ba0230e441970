//! Several sources in one process: they share the sinks and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use meshsync::model::{Gvk, Resource};
use meshsync::{
    Builder, ClusterId, ListWatch, MeshSync, Monitor, Next, Platform, Reflector, Shown,
    SourceError, SourceState, Wire,
};
use meshsync_sim::Sim;
use meshsync_testkit::eventually;
use tempfile::TempDir;

use crate::jetstream::{start, state, url_of};
use crate::source::{DEADLINE, Observed};
use crate::support::{Running, builder, config_map, only};

fn manifest(name: &str, value: &str) -> String {
    config_map(name, value).to_string()
}

/// A folder with one file of one object.
fn folder(name: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.json"), manifest(name, "1")).unwrap();
    folder
}

fn with(builder: Builder, folder: &TempDir) -> Builder {
    let url = format!("manifests:{}", folder.path().display());
    builder.source_url(&url).unwrap()
}

/// A source that is as well as it is told to be.
struct Shaky(Arc<AtomicU8>);

const AWAY: u8 = 0;
const PANICS: u8 = 1;
const WELL: u8 = 2;

impl ListWatch for Shaky {
    fn name(&self) -> String {
        "shaky:".to_owned()
    }

    fn platform(&self) -> Platform {
        const { Platform::new("shaky") }
    }

    async fn identify(&mut self) -> Result<ClusterId, SourceError> {
        match self.0.load(Ordering::Relaxed) {
            AWAY => Err(SourceError::configuration("not now")),
            _ => Ok(ClusterId::on(self.platform(), "shaky").unwrap()),
        }
    }

    async fn list(&mut self, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        assert!(
            self.0.load(Ordering::Relaxed) != PANICS,
            "as it was told to"
        );
        let gvk = Gvk::new("example.org", "v1", "Machine");
        let object = br#"{"metadata":{"name":"one","resourceVersion":"1"}}"#;
        let machines = Resource::new(gvk, "machines", false);
        shown.state(&machines, object).await.unwrap();
        Ok(())
    }

    async fn watch(&mut self, _: &mut Shown<'_>) -> Result<Next, SourceError> {
        assert!(
            self.0.load(Ordering::Relaxed) != PANICS,
            "as it was told to"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Next::Watch)
    }
}

fn states(monitor: &Monitor) -> Vec<SourceState> {
    let sources = monitor.sources();
    sources.iter().map(|source| source.state).collect()
}

async fn are(monitor: &Monitor, expected: &[SourceState]) {
    eventually(&format!("{expected:?}"), DEADLINE, async || {
        states(monitor) == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_or_broken_affects_itself_alone_and_comes_back() {
    use SourceState::{BackingOff, Live};
    let sim = Sim::builder().start().await.unwrap();
    let manifests = folder("a");
    let health = Arc::new(AtomicU8::new(AWAY));
    let shaky = Reflector::new(Shaky(Arc::clone(&health)));
    // The cluster goes first, wherever it is given.
    let cluster = meshsync::ClusterConfig::Text(sim.kubeconfig());
    let builder = with(MeshSync::builder().source(shaky), &manifests).cluster(cluster);
    let observed = Observed::start(builder);
    let monitor = &observed.monitor;
    are(monitor, &[Live, BackingOff, Live]).await;
    eventually("the others are told", DEADLINE, async || monitor.is_ready()).await;
    assert!(!monitor.is_synced(), "one is not told");
    let status = monitor.document();
    assert_eq!(status.sources[1].last_error.as_deref(), Some("not now"));
    assert_eq!(status.sources[1].scope, None);
    assert!(
        status
            .problems
            .iter()
            .any(|problem| problem.subject == "shaky:")
    );
    assert!(status.sources[0].synced && status.sources[2].synced);

    // It is there, and panics: what it told stays, and it is listed again.
    health.store(WELL, Ordering::Relaxed);
    eventually("all is told", DEADLINE, async || monitor.is_synced()).await;
    let machines = async || {
        let events = observed.events();
        let of = events
            .into_iter()
            .filter(|event| event.contains("machines"));
        of.collect::<Vec<_>>()
    };
    assert_eq!(machines().await, ["ADDED machines one"]);
    health.store(PANICS, Ordering::Relaxed);
    are(monitor, &[Live, BackingOff, Live]).await;
    let error = monitor.sources()[1].last_error.clone().unwrap();
    assert!(error.contains("as it was told to"), "{error}");
    fs::write(manifests.path().join("b.json"), manifest("b", "1")).unwrap();
    sim.apply(config_map("c", "1")).unwrap();
    eventually("the others go on", DEADLINE, async || {
        let events: BTreeSet<String> = observed.events().into_iter().collect();
        let all = ["ADDED configmaps default/b", "ADDED configmaps default/c"];
        all.iter().all(|event| events.contains(*event))
    })
    .await;
    assert!(monitor.is_ready(), "what was ready stays so");
    health.store(WELL, Ordering::Relaxed);
    are(monitor, &[Live, Live, Live]).await;
    assert_eq!(machines().await, ["ADDED machines one"], "told once");
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_given_twice_is_observed_once() {
    let manifests = folder("a");
    let observed = Observed::start(with(with(MeshSync::builder(), &manifests), &manifests));
    let monitor = &observed.monitor;
    eventually("one of them", DEADLINE, async || {
        let mut states = states(monitor);
        states.sort_by_key(|state| state.as_str());
        states == [SourceState::Failed, SourceState::Live] && monitor.is_ready()
    })
    .await;
    let sources = monitor.sources();
    let failed = sources.iter().find(|it| it.state == SourceState::Failed);
    let error = failed.unwrap().last_error.clone().unwrap();
    assert!(error.contains("name it once"), "{error}");
    assert_eq!(observed.events(), ["ADDED configmaps default/a"]);
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_keep_what_is_of_each_source_apart() {
    let Some((nats, sim)) = start(50).await else {
        return;
    };
    // All three have an object of one name.
    sim.apply(config_map("same", "1")).unwrap();
    let (left, right) = (folder("same"), folder("same"));
    let keep = TempDir::new().unwrap();
    let at = |name: &str| keep.path().join(name).display().to_string();
    let run = || {
        let cluster = builder(&sim).select(only(&["configmaps"]));
        let sources = with(with(cluster, &left), &right);
        let sinks = sources.sink_url(&url_of(&nats)).unwrap();
        let sinks = sinks.sink_url(&format!("file:{}", at("records"))).unwrap();
        sinks
            .sink_url(&format!("store:{}", at("store.db")))
            .unwrap()
    };
    let observed = Observed::synced(run()).await;
    let scopes = |monitor: &Monitor| -> Vec<String> {
        let sources = monitor.document().sources.into_iter();
        sources.map(|source| source.scope.unwrap()).collect()
    };
    let all = scopes(&observed.monitor);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 3, "{all:?}");
    let cluster = all[0].clone();

    // What each of the sinks has of that name, by scope.
    let in_file = || {
        let text = fs::read_to_string(at("records")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let named = records
            .filter(|record: &serde_json::Value| record["object"]["metadata"]["name"] == "same");
        let scopes = named.map(|record| record["scope"].as_str().unwrap().to_owned());
        scopes.collect::<BTreeSet<_>>()
    };
    let in_store = || {
        let store = meshsync::store::Store::open_to_read(at("store.db")).unwrap();
        let sql = "select scope from objects where name = 'same'";
        let rows = store.query(sql, Duration::from_secs(10)).unwrap().rows;
        let scope = |row: &Vec<meshsync::store::Cell>| row[0].to_string();
        rows.iter().map(scope).collect::<BTreeSet<String>>()
    };
    let in_stream = async || {
        let live = state(&nats).await.into_iter().filter(|message| {
            message.event() != Some(meshsync::EventType::Deleted)
                && message.key().is_some_and(|key| key.2 == "same")
        });
        live.count()
    };
    let expected: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(in_file(), expected);
    assert_eq!(in_store(), expected);
    assert_eq!(in_stream().await, 3);

    // It goes in one of them: while they are observed, and while nobody looks.
    fs::remove_file(left.path().join("a.json")).unwrap();
    let expected: BTreeSet<String> = [cluster.clone(), all[2].clone()].into();
    eventually("one is gone", DEADLINE, async || in_store() == expected).await;
    observed.stop().await;
    fs::remove_file(right.path().join("a.json")).unwrap();
    let observed = Observed::synced(run()).await;
    let expected: BTreeSet<String> = [cluster].into();
    assert_eq!(in_store(), expected);
    assert_eq!(in_file(), expected);
    assert_eq!(in_stream().await, 1);
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn meshery_is_told_of_the_cluster_alone_and_the_status_says_so() {
    let sim = Sim::builder().start().await.unwrap();
    let manifests = folder("from-a-file");
    let running = Running::start_with(with(builder(&sim), &manifests), Wire::Meshery);
    running.synced().await;
    let replica = running.replica.lock().unwrap().live.clone();
    assert!(replica.keys().any(|(_, _, name)| name == "kube-system"));
    assert!(replica.keys().all(|(_, _, name)| name != "from-a-file"));
    let status = running.monitor.document();
    assert_eq!(status.sources[0].not_sent_to, Vec::<String>::new());
    assert_eq!(status.sources[1].not_sent_to, ["replica:"]);
    assert_eq!(status.sinks.len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_told_of_the_source_they_are_in() {
    let pod = |version: &str| {
        serde_json::json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"containers": [{"name": "db", "image": format!("postgres:{version}")}]}})
    };
    let (left, right) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(left.path().join("a.json"), pod("15.2").to_string()).unwrap();
    fs::write(right.path().join("a.json"), pod("16.1").to_string()).unwrap();
    let builder = with(with(MeshSync::builder(), &left), &right)
        .fingerprints(meshsync::fingerprint::builtin_rules().unwrap());
    let observed = Observed::synced(builder).await;
    let found = eventually("both", DEADLINE, async || {
        let status = observed.monitor.document();
        let products = status.fingerprints.unwrap().products;
        (products.len() == 2).then_some((products, status.sources))
    });
    let (products, sources) = found.await;
    for (product, source) in products.iter().zip(&sources) {
        assert_eq!(product.scope, source.scope);
    }
    let versions: Vec<_> = products.iter().map(|it| it.version.as_deref()).collect();
    assert_eq!(versions, [Some("15.2"), Some("16.1")]);
    assert_eq!(observed.monitor.fingerprints().len(), 2);
    observed.stop().await;
}
