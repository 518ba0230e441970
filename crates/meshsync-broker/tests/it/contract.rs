//! What every sink must do, whatever it writes to: the MUSTs of `Sink`.
//!
//! A sink under test comes with a way to break it, a way to mend it, and a way to
//! read what it wrote: the events of each object, in the order in which a reader
//! meets them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use meshsync_broker::{Batch, Delivery, Sink, sinks::open};
use meshsync_model::EventType::{self, Added, Modified};
use meshsync_testkit::NatsServer;

use crate::deliveries::{gone, state, synced};
use crate::fencing::{last_states, url_of};

/// Versions by name, as a reader finds them in the end; nothing for what is gone.
type Found = BTreeMap<String, u64>;

trait Bench: Send {
    fn sink(&self) -> Box<dyn Sink>;
    fn break_it(&mut self, sink: &mut Box<dyn Sink>);
    fn mend_it(&mut self);
    fn found(&self) -> BoxFuture<'_, Found>;
}

struct File {
    dir: tempfile::TempDir,
}

impl File {
    fn path(&self) -> PathBuf {
        self.dir.path().join("sub").join("records.jsonl")
    }
}

impl Bench for File {
    fn sink(&self) -> Box<dyn Sink> {
        std::fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        open(&format!("file:{}", self.path().display())).unwrap()
    }

    fn break_it(&mut self, sink: &mut Box<dyn Sink>) {
        // An open file cannot be taken away, so it is another run that meets this.
        *sink = self.sink();
        // A folder in its place: whoever runs the test, root included, cannot
        // write to that.
        let path = self.path();
        if path.exists() {
            std::fs::rename(&path, path.with_extension("away")).unwrap();
        }
        std::fs::create_dir(path).unwrap();
    }

    fn mend_it(&mut self) {
        let path = self.path();
        std::fs::remove_dir(&path).unwrap();
        let away = path.with_extension("away");
        if away.exists() {
            std::fs::rename(away, path).unwrap();
        }
    }

    fn found(&self) -> BoxFuture<'_, Found> {
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        Box::pin(async move {
            let mut found = Found::new();
            for line in text.lines() {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                let metadata = &record["object"]["metadata"];
                let Some(name) = metadata["name"].as_str() else {
                    continue;
                };
                if record["event"] == "DELETED" {
                    found.remove(name);
                } else {
                    let version = metadata["resourceVersion"].as_str().unwrap();
                    found.insert(name.to_owned(), version.parse().unwrap());
                }
            }
            found
        })
    }
}

struct JetStream {
    nats: NatsServer,
}

impl Bench for JetStream {
    fn sink(&self) -> Box<dyn Sink> {
        open(&url_of(&self.nats.url())).unwrap()
    }

    fn break_it(&mut self, _: &mut Box<dyn Sink>) {
        self.nats.stop();
    }

    fn mend_it(&mut self) {
        self.nats.restart().unwrap();
    }

    fn found(&self) -> BoxFuture<'_, Found> {
        let url = self.nats.url();
        Box::pin(async move { last_states(&url).await })
    }
}

/// Publishes as the runner does: again until it succeeds.
async fn insist(sink: &mut dyn Sink, batch: &Batch) {
    for _ in 0..200 {
        match sink.publish(batch).await {
            Ok(_) => return,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the sink never took it");
}

fn found(pairs: &[(&str, u64)]) -> Found {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()
}

async fn check(mut bench: impl Bench) {
    let mut sink = bench.sink();
    let put = |event: EventType, name, version| state(event, name, version, 10);

    // In order per object, and Ok means that it is there.
    let first: Vec<Delivery> = vec![
        put(Added, "a", 1),
        put(Added, "b", 1),
        put(Modified, "a", 2),
        gone("a"),
        put(Added, "a", 3),
        put(Added, "names: . * > % é_", 4),
    ];
    let published = sink.publish(&Batch::of(first)).await.unwrap();
    assert!(published.rejected.is_empty());
    let expected = found(&[("a", 3), ("b", 1), ("names: . * > % é_", 4)]);
    assert_eq!(bench.found().await, expected);

    // Bounded time and a retryable error while the other side is away.
    bench.break_it(&mut sink);
    let next = Batch::of(vec![put(Modified, "b", 5), gone("a"), put(Added, "c", 6)]);
    let failed = tokio::time::timeout(Duration::from_secs(30), sink.publish(&next)).await;
    let error = failed
        .expect("it returns")
        .expect_err("it cannot have arrived");
    assert!(error.is_retryable(), "{error}");

    // The same batch again, in whole, until it is taken.
    bench.mend_it();
    insist(&mut *sink, &next).await;
    let expected = found(&[("b", 5), ("c", 6), ("names: . * > % é_", 4)]);
    assert_eq!(bench.found().await, expected);

    // And once more what had arrived already.
    insist(&mut *sink, &next).await;
    insist(&mut *sink, &Batch::of(vec![synced(3)])).await;
    assert_eq!(bench.found().await, expected);
    sink.close().await;
}

#[tokio::test]
async fn the_file_sink_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    check(File { dir }).await;
}

#[tokio::test]
async fn the_jetstream_sink_keeps_the_contract() {
    let Some(nats) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    check(JetStream { nats }).await;
}
