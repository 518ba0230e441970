//! One seed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use meshsync::{Builder, ClusterConfig, MeshSync, Monitor, Selection, Timing, Wire};
use meshsync_sim::Sim;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::faults::{fault, heal};
use super::sinks::{Handle, Keeper, Spoil, digest};
use super::world::{RESOURCES, change, id, objects};

const OUTBOX_BYTES: usize = 64 << 10;

/// An outbox takes one delivery that is larger than it, and each counts for a
/// little more than its bytes.
const OUTBOX_BYTES_MAX: usize = OUTBOX_BYTES + (16 << 10);

/// What many seeds did.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) faults: u64,
    changes: u64,
    deliveries: u64,
    restarts: u64,
    kinds: BTreeMap<&'static str, u64>,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.faults += other.faults;
        self.changes += other.changes;
        self.deliveries += other.deliveries;
        self.restarts += other.restarts;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            faults,
            changes,
            deliveries,
            restarts,
            kinds,
        } = self;
        write!(
            f,
            "{faults} faults {kinds:?}, {changes} changes, {deliveries} deliveries, {restarts} restarts of streams"
        )
    }
}

/// What one seed is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    pub(crate) seed: u64,
    pub(crate) faults: u64,
    /// Nothing takes this long unless it is broken.
    pub(crate) deadline: Duration,
    /// A defect in the first sink.
    pub(crate) spoil: Option<Spoil>,
}

/// Runs one seed on this thread alone; says what is wrong.
pub(crate) fn run(seed: Seed) -> Result<Stats, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let stats = play(seed).await?;
        // Connections and their drivers end a moment after who used them.
        let metrics = tokio::runtime::Handle::current().metrics();
        let started = Instant::now();
        while metrics.num_alive_tasks() > 0 {
            if started.elapsed() > seed.deadline {
                return Err(format!("{} tasks are left", metrics.num_alive_tasks()));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(stats)
    })
}

async fn play(seed: Seed) -> Result<Stats, String> {
    let deadline = seed.deadline;
    let mut rng = StdRng::seed_from_u64(seed.seed);
    let mut stats = Stats::default();
    let sim = Sim::builder()
        .bookmark_interval(Duration::from_millis(50))
        .version_wait(Duration::from_millis(20))
        .start()
        .await
        .map_err(|error| error.to_string())?;
    for _ in 0..40 {
        change(&sim, &mut rng, &mut stats.changes);
    }
    let handles: [Handle; 3] = Default::default();
    let meshsync = builder(&sim, &mut rng, &handles, seed.spoil)
        .build()
        .map_err(|error| error.to_string())?;
    let monitor = meshsync.monitor();
    let stop = CancellationToken::new();
    let running = tokio::spawn(meshsync.run(stop.clone().cancelled_owned()));
    tokio::time::timeout(deadline, monitor.synced())
        .await
        .map_err(|_| format!("not in sync: {}", explain(&monitor)))?;

    let mut backup = sim.backup();
    while stats.faults < seed.faults {
        let kind = if rng.random_range(0..25) == 0 {
            // A store that goes back, once somebody can have noticed. Were it
            // written to before anybody looks, nobody could.
            heal(&sim);
            sim.restore(&backup)
                .await
                .map_err(|error| error.to_string())?;
            catch_up(&sim, &monitor, &handles[..1], deadline).await?;
            "restored backup"
        } else {
            fault(&sim, &mut rng, &handles[1..]).await
        };
        if rng.random_range(0..10) == 0 {
            backup = sim.backup();
        }
        stats.faults += 1;
        *stats.kinds.entry(kind).or_default() += 1;
        for _ in 0..rng.random_range(0..8) {
            change(&sim, &mut rng, &mut stats.changes);
            if rng.random() {
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..12))).await;
        check_outboxes(&monitor)?;
        if rng.random_range(0..3) == 0 {
            heal(&sim);
        }
        // Now and then there is time to catch up, at least for the steady sink.
        if rng.random_range(0..8) == 0 {
            heal(&sim);
            catch_up(&sim, &monitor, &handles[..1], deadline).await?;
        }
    }
    heal(&sim);
    catch_up(&sim, &monitor, &handles, deadline).await?;
    check_outboxes(&monitor)?;

    for resource in monitor.resources() {
        stats.restarts += resource.restarts;
    }
    stop.cancel();
    tokio::time::timeout(deadline, running)
        .await
        .map_err(|_| "the pipeline does not stop".to_owned())?
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    sim.stop().await;
    for (at, handle) in handles.iter().enumerate() {
        let held = handle.held.lock().unwrap();
        stats.deliveries += held.deliveries;
        if !held.nonsense.is_empty() {
            return Err(format!("sink {at} was told nonsense: {:?}", held.nonsense));
        }
    }
    Ok(stats)
}

fn builder(sim: &Sim, rng: &mut StdRng, handles: &[Handle; 3], spoil: Option<Spoil>) -> Builder {
    let include = RESOURCES.map(|(group, plural, _)| id(group, plural).parse().unwrap());
    let mut builder = MeshSync::builder()
        .cluster(ClusterConfig::Text(sim.kubeconfig()))
        .select(Selection {
            include: include.to_vec(),
            ..Selection::default()
        })
        .secrets(meshsync::Secrets::Plain)
        .watch_list(rng.random())
        .outbox_bytes(OUTBOX_BYTES)
        .timing(fast());
    if rng.random() {
        builder = builder.verify_interval(Duration::from_millis(50));
    }
    for (at, (handle, wire)) in handles
        .iter()
        .zip([Wire::Record, Wire::Object, Wire::Record])
        .enumerate()
    {
        builder = builder.sink(Keeper {
            name: format!("keeper-{at}:"),
            wire,
            handle: handle.clone(),
            spoil: spoil.filter(|_| at == 0),
        });
    }
    builder
}

/// Milliseconds where a real cluster needs seconds.
fn fast() -> Timing {
    let ms = Duration::from_millis;
    let mut timing = Timing::default();
    timing.back_off = ms(1)..=ms(20);
    timing.refused = ms(2)..=ms(20);
    timing.retry_after_max = ms(10);
    timing.list_silence_max = ms(150);
    timing.watch_silence_max = ms(150);
    timing.watch_lived = ms(5);
    timing.repair = ms(2)..=ms(40);
    timing.verify_settle = ms(20);
    timing.verify_interval_min = Duration::ZERO;
    timing
}

/// Waits until these sinks hold what the cluster has.
async fn catch_up(
    sim: &Sim,
    monitor: &Monitor,
    handles: &[Handle],
    deadline: Duration,
) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let expected = objects(sim);
        let behind = handles
            .iter()
            .position(|handle| digest(&handle.held.lock().unwrap().objects) != digest(&expected));
        let Some(at) = behind else {
            return Ok(());
        };
        if started.elapsed() > deadline {
            let held = handles[at].held.lock().unwrap();
            let differs: Vec<_> = expected
                .keys()
                .chain(held.objects.keys())
                .filter(|key| held.objects.get(*key) != expected.get(*key))
                .collect();
            return Err(format!(
                "sink {at} differs in {differs:?}: {}",
                explain(monitor)
            ));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn check_outboxes(monitor: &Monitor) -> Result<(), String> {
    for sink in monitor.sinks() {
        let bytes = sink.outbox.queued_bytes + sink.outbox.in_flight_bytes;
        if bytes > OUTBOX_BYTES_MAX {
            return Err(format!("an outbox of {bytes} bytes"));
        }
    }
    Ok(())
}

fn explain(monitor: &Monitor) -> String {
    serde_json::to_string_pretty(&monitor.document()).unwrap_or_default()
}
