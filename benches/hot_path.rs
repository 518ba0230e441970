//! From the bytes of a watch to the batch of a sink, step by step.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use meshsync_benches::{Input, list, watch};
use meshsync_broker::{Novelty, Offer, Outbox};
use meshsync_informer::frame::{LineFramer, ListFramer};
use meshsync_informer::ledger::Ledger;
use meshsync_model::wire::meshery::{Encoder, Fidelity};
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ClusterId, ContentHash, Context, Gvk, Index, Object, ObjectKey, ObjectRef, Resource,
    Secrets, Tier,
};

/// Chunks as they come out of a socket.
const CHUNK_BYTES: usize = 16 << 10;

/// Objects of a large cluster, and of a ledger.
const KEYS: usize = 100_000;

/// Objects that pass through an outbox.
const OFFERS: usize = 10_000;

fn resource(kind: &str, plural: &str) -> Resource {
    Resource::new(Gvk::new("", "v1", kind), plural, true)
}

fn bytes_of(objects: &[Vec<u8>]) -> Throughput {
    Throughput::Bytes(objects.iter().map(|object| object.len() as u64).sum())
}

/// Parses each object and does something with it.
fn for_each(objects: &[Vec<u8>], mut f: impl FnMut(&Object<'_>)) {
    let mut index = Index::new();
    for raw in objects {
        f(&index.parse(raw).expect("generated objects are valid"));
    }
}

fn parse(c: &mut Criterion, input: &Input) {
    let mut group = c.benchmark_group("parse");
    group.throughput(bytes_of(&input.pods));
    group.bench_function("pods", |b| {
        b.iter(|| {
            for_each(&input.pods, |object| {
                black_box(object.uid());
            })
        });
    });
    let watch = watch(&input.pods);
    group.throughput(Throughput::Bytes(watch.len() as u64));
    group.bench_function("watch events of pods", |b| {
        let mut index = Index::new();
        b.iter(|| {
            for line in watch.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
                let event = index.parse_event(line).expect("generated events are valid");
                black_box(event.object.uid());
            }
        });
    });
    group.finish();
}

/// Encoding alone: the objects are parsed before.
fn encode(c: &mut Criterion, input: &Input) {
    let scope = ClusterId::new("4ea3c8b1-2f64-4f0e-9d6e-0c2a1f7e5b3d").expect("not empty");
    let mut group = c.benchmark_group("encode");
    for (kind, plural, objects, secrets) in [
        ("Pod", "pods", &input.pods, Secrets::Redacted),
        ("Secret", "secrets", &input.secrets, Secrets::Redacted),
        ("Secret", "plain secrets", &input.secrets, Secrets::Plain),
    ] {
        let resource = resource(kind, plural);
        let context = Context {
            scope: &scope,
            resource: &resource,
            tier: Tier::Detail,
            observed: Timestamp::UNIX_EPOCH,
            reason: None,
        };
        let mut indexes: Vec<Index> = objects.iter().map(|_| Index::new()).collect();
        let parsed: Vec<Object<'_>> = indexes
            .iter_mut()
            .zip(objects)
            .map(|(index, raw)| index.parse(raw).expect("generated objects are valid"))
            .collect();
        group.throughput(bytes_of(objects));
        // All that a sink of records costs: the object, its hash, the envelope.
        group.bench_function(format!("records of {plural}"), |b| {
            let mut out = Vec::new();
            b.iter(|| {
                for object in &parsed {
                    out.clear();
                    record::encode(&mut out, &context, &Change::Added(object), secrets);
                    black_box(&out);
                }
            });
        });
        group.bench_function(format!("meshery messages of {plural}"), |b| {
            let mut encoder = Encoder::new(Fidelity::Corrected, secrets);
            let mut out = Vec::new();
            b.iter(|| {
                for object in &parsed {
                    out.clear();
                    encoder.encode(&mut out, &context, &Change::Added(object));
                    black_box(&out);
                }
            });
        });
    }
    group.finish();
}

fn hash(c: &mut Criterion, input: &Input) {
    let mut group = c.benchmark_group("content hash");
    group.throughput(bytes_of(&input.pods));
    group.bench_function("pods", |b| {
        b.iter(|| {
            for pod in &input.pods {
                black_box(ContentHash::of_parts(&[pod]));
            }
        });
    });
    group.finish();
}

/// Cuts a body into chunks and counts the frames that come out.
fn framing(c: &mut Criterion, input: &Input) {
    let mut group = c.benchmark_group("framing");
    let watch = watch(&input.pods);
    group.throughput(Throughput::Bytes(watch.len() as u64));
    group.bench_function("lines of a watch", |b| {
        b.iter(|| {
            let (mut framer, mut frames) = (LineFramer::new(), 0);
            for chunk in watch.chunks(CHUNK_BYTES) {
                framer.push(chunk, |_| frames += 1);
            }
            assert_eq!(frames, input.pods.len());
        });
    });
    let list = list(&input.pods);
    group.throughput(Throughput::Bytes(list.len() as u64));
    group.bench_function("items of a list", |b| {
        b.iter(|| {
            let (mut framer, mut frames) = (ListFramer::new(), 0);
            for chunk in list.chunks(CHUNK_BYTES) {
                framer.push(chunk, |_| frames += 1).expect("a valid list");
            }
            assert_eq!(frames, input.pods.len());
        });
    });
    group.finish();
}

/// Identities of the objects of one large resource.
struct Identity {
    namespace: String,
    name: String,
    uid: String,
}

impl Identity {
    fn many(count: usize) -> Vec<Self> {
        let one = |at: usize| Self {
            namespace: format!("shop-{}", at % 100),
            name: format!("checkout-7d9c5b8f6d-{at:05}"),
            uid: format!("{at:08x}-0000-4000-8000-{at:012x}"),
        };
        (0..count).map(one).collect()
    }

    fn as_ref(&self) -> ObjectRef<'_> {
        ObjectRef {
            namespace: Some(&self.namespace),
            name: &self.name,
            uid: &self.uid,
        }
    }
}

fn fill(ledger: &mut Ledger, identities: &[Identity], version: &str) {
    ledger.begin_pass();
    for identity in identities {
        black_box(ledger.apply(identity.as_ref(), version));
    }
}

fn ledger(c: &mut Criterion) {
    let identities = Identity::many(KEYS);
    let mut group = c.benchmark_group("ledger");
    group.sample_size(20);
    group.throughput(Throughput::Elements(KEYS as u64));
    group.bench_function("100k new objects", |b| {
        b.iter_batched_ref(
            Ledger::new,
            |ledger| fill(ledger, &identities, "1000"),
            BatchSize::PerIteration,
        );
    });
    let mut ledger = Ledger::new();
    fill(&mut ledger, &identities, "1000");
    group.bench_function("100k unchanged objects", |b| {
        b.iter(|| fill(&mut ledger, &identities, "1000"));
    });
    group.bench_function("100k changed objects", |b| {
        let mut version = 1_000;
        b.iter(|| {
            version += 1;
            fill(&mut ledger, &identities, &version.to_string());
        });
    });
    group.finish();
}

fn outbox(c: &mut Criterion) {
    let pods = Arc::new(resource("Pod", "pods"));
    let id = Arc::new(pods.id());
    let key = |identity: Identity| {
        Arc::new(ObjectKey {
            resource: Arc::clone(&id),
            namespace: Some(identity.namespace.into()),
            name: identity.name.into(),
        })
    };
    let keys: Vec<Arc<ObjectKey>> = Identity::many(OFFERS).into_iter().map(key).collect();
    let payload = Bytes::from(vec![b'x'; 5_000]);
    let offer_all = |outbox: &mut Outbox| {
        for key in &keys {
            let state = Offer::State {
                novelty: Novelty::First,
                payload: payload.clone(),
            };
            black_box(outbox.offer(&pods, key, state));
        }
    };
    let mut group = c.benchmark_group("outbox");
    group.sample_size(20);
    group.throughput(Throughput::Elements(OFFERS as u64));
    group.bench_function("offer, take and commit 10k states", |b| {
        let mut outbox = Outbox::new(usize::MAX);
        b.iter(|| {
            offer_all(&mut outbox);
            while !outbox.is_empty() {
                let batch = outbox.take(1 << 20);
                outbox.commit(black_box(&batch));
            }
        });
    });
    group.bench_function("coalesce 10k states", |b| {
        let mut outbox = Outbox::new(usize::MAX);
        offer_all(&mut outbox);
        b.iter(|| offer_all(&mut outbox));
        assert_eq!(outbox.len(), OFFERS);
    });
    group.bench_function("refuse 10k states", |b| {
        let mut outbox = Outbox::new(64 << 10);
        offer_all(&mut outbox);
        b.iter(|| offer_all(&mut outbox));
        assert!(outbox.len() < 20);
    });
    group.finish();
}

fn hot_path(c: &mut Criterion) {
    let input = Input::generate().expect("the simulator generates pods and secrets");
    framing(c, &input);
    parse(c, &input);
    ledger(c);
    encode(c, &input);
    hash(c, &input);
    outbox(c);
}

criterion_group!(benches, hot_path);
criterion_main!(benches);
