//! What is installed, as the objects of a running pipeline say.
//!
//! Resource tasks look at objects with scouts of their own and hand evidence to
//! the engine, under a short lock. One task works verdicts out, at most once a
//! second, and tells sinks what changed.

mod deep;
mod meshery;
mod tell;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshsync_broker::BoxFuture;
use meshsync_fingerprint::{Catalog, CatalogError, Engine, Evidence, Rule, Scout, Verdict};
use meshsync_informer::Reader;
use meshsync_model::wire::meshery::Extra;
use meshsync_model::{ContentHash, Context, EventType, Object, ObjectRef, Resource};
use tokio::sync::Notify;

pub(crate) use self::deep::Deep;
pub(crate) use self::meshery::{Revisits, Roots};
pub(crate) use self::tell::{Ears, Listener, tell};

/// A fingerprint that appeared, changed or went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FingerprintChange {
    /// `Added`, `Modified` or `Deleted`.
    pub event: EventType,
    /// What is installed; what was, for `Deleted`.
    pub verdict: Arc<Verdict>,
}

/// The engine of a pipeline.
#[derive(Debug)]
pub(crate) struct Fingerprints {
    state: Mutex<State>,
    /// Counts sets of rules: whoever has a scout of an older one gets another.
    generation: AtomicU64,
    changed: Notify,
    layers: Mutex<Layers>,
    /// What the rules are called that it was last asked of.
    version: Mutex<Option<(Arc<Catalog>, String)>>,
    /// What Meshery's messages say of them, where that is wanted.
    roots: Option<Arc<Roots>>,
    /// Whether Helm's records of releases are looked at.
    releases: bool,
}

/// Where rules come from. Those that were given take the place of others of the
/// same id.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    own: Arc<Catalog>,
    given: Vec<Rule>,
}

#[derive(Debug)]
struct State {
    engine: Engine,
    /// The engine with rules to come, while it is shown what there is.
    next: Option<(u64, Engine)>,
    verdicts: Arc<[Arc<Verdict>]>,
}

/// One task's view of objects.
#[derive(Debug)]
pub(crate) struct Watcher {
    shared: Arc<Fingerprints>,
    generation: u64,
    scout: Scout,
    /// For the rules to come.
    next: Option<Scout>,
}

impl Fingerprints {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        let layers = Layers {
            own: Arc::clone(&catalog),
            given: Vec::new(),
        };
        Self {
            layers: Mutex::new(layers),
            state: Mutex::new(State {
                engine: Engine::new(catalog),
                next: None,
                verdicts: Arc::default(),
            }),
            generation: AtomicU64::new(0),
            changed: Notify::new(),
            version: Mutex::default(),
            roots: None,
            releases: false,
        }
    }

    /// Looks at Helm's records of releases, too.
    pub(crate) fn with_releases(mut self) -> Self {
        self.releases = true;
        self
    }

    /// Lets Meshery's messages say what is installed.
    pub(crate) fn told_to_meshery(mut self) -> Self {
        self.roots = Some(Arc::default());
        self
    }

    pub(crate) fn roots(&self) -> Option<Arc<Roots>> {
        self.roots.clone()
    }

    /// What else belongs into Meshery's messages.
    pub(crate) fn extra(&self) -> Option<Arc<dyn Extra>> {
        Some(self.roots()? as Arc<dyn Extra>)
    }

    pub(crate) fn watcher(self: &Arc<Self>) -> Watcher {
        let state = self.lock();
        Watcher {
            scout: self.scout(state.engine.catalog()),
            next: self.next_scout(&state),
            generation: self.generation.load(Ordering::Acquire),
            shared: Arc::clone(self),
        }
    }

    /// The rules in use.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(self.lock().engine.catalog())
    }

    /// Another text whenever other rules are in use.
    pub(crate) fn rules_version(&self) -> String {
        let catalog = self.catalog();
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        match &*version {
            Some((known, text)) if Arc::ptr_eq(known, &catalog) => text.clone(),
            _ => {
                // Rules are plain data; writing them cannot fail.
                let rules = serde_json::to_vec(catalog.rules()).unwrap_or_default();
                let hash = ContentHash::of_parts(&[&rules]).to_string();
                let text: String = hash.chars().take(12).collect();
                *version = Some((catalog, text.clone()));
                text
            }
        }
    }

    /// How many objects say something.
    pub(crate) fn objects(&self) -> usize {
        self.lock().engine.remembered()
    }

    /// The verdicts that were worked out last.
    pub(crate) fn verdicts(&self) -> Arc<[Arc<Verdict>]> {
        Arc::clone(&self.lock().verdicts)
    }

    /// Works out what changed.
    fn refresh(&self) -> Arc<[Arc<Verdict>]> {
        let mut state = self.lock();
        if state.engine.is_stale() {
            state.verdicts = state.engine.verdicts().into_iter().map(Arc::new).collect();
        }
        Arc::clone(&state.verdicts)
    }

    /// Where the rules come from now.
    pub(crate) fn layers(&self) -> Layers {
        let layers = self.layers.lock();
        layers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes back to those there were, as the others did not come into use.
    pub(crate) fn restore(&self, layers: Layers) {
        let now = self.layers.lock();
        *now.unwrap_or_else(PoisonError::into_inner) = layers;
    }

    /// Compiles these rules instead of `own` ones, together with those that were
    /// given. They are [prepared](Self::prepare) next.
    pub(crate) fn lay_own(&self, own: Vec<Rule>) -> Result<Arc<Catalog>, CatalogError> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Arc::new(Catalog::compile(own)?);
        let catalog = layered(&own, &layers.given)?;
        layers.own = own;
        Ok(catalog)
    }

    /// The same with rules that were given.
    pub(crate) fn lay_given(&self, given: Vec<Rule>) -> Result<Arc<Catalog>, CatalogError> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let catalog = layered(&layers.own, &given)?;
        layers.given = given;
        Ok(catalog)
    }

    /// Prepares other rules beside those in use. Whoever calls this shows every
    /// object to readers of the returned [`Change`]; the rules are in use when
    /// all of them are gone.
    pub(crate) fn prepare(self: &Arc<Self>, catalog: Arc<Catalog>) -> Change {
        let mut state = self.lock();
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        state.next = Some((generation, Engine::new(Arc::clone(&catalog))));
        drop(state);
        Change(Arc::new(Pending {
            shared: Arc::clone(self),
            generation,
            catalog,
        }))
    }

    fn scout(&self, catalog: &Arc<Catalog>) -> Scout {
        let scout = Scout::new(Arc::clone(catalog));
        if self.releases {
            scout.with_releases()
        } else {
            scout
        }
    }

    /// A scout for the rules to come.
    fn next_scout(&self, state: &State) -> Option<Scout> {
        let (_, next) = state.next.as_ref()?;
        Some(self.scout(next.catalog()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn layered(own: &Arc<Catalog>, given: &[Rule]) -> Result<Arc<Catalog>, CatalogError> {
    if given.is_empty() {
        return Ok(Arc::clone(own));
    }
    let kept = own.rules().iter();
    let kept = kept.filter(|rule| given.iter().all(|other| other.id != rule.id));
    let rules = kept.chain(given).cloned().collect();
    Ok(Arc::new(Catalog::compile(rules)?))
}

impl State {
    fn remove(&mut self, context: &Context<'_>, object: ObjectRef<'_>) -> bool {
        let gvk = &context.resource.gvk;
        let (namespace, name) = (object.namespace, object.name);
        if let Some((_, next)) = &mut self.next {
            next.remove(&gvk.group, &gvk.kind, namespace, name);
        }
        self.engine.remove(&gvk.group, &gvk.kind, namespace, name)
    }
}

impl Watcher {
    /// Takes an object's state.
    pub(crate) fn see(&mut self, context: &Context<'_>, object: &Object<'_>) {
        let gvk = &context.resource.gvk;
        if !self.scout.cares(&gvk.group, &gvk.kind) {
            return;
        }
        let evidence = self.scout.look(&gvk.group, &gvk.kind, object);
        let mut next = None;
        if let Some(scout) = &mut self.next {
            next = scout.look(&gvk.group, &gvk.kind, object);
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if self.generation != shared.generation.load(Ordering::Acquire) {
            // Other rules since: look again, with theirs.
            self.scout = shared.scout(state.engine.catalog());
            self.next = shared.next_scout(&state);
            self.generation = shared.generation.load(Ordering::Acquire);
            drop(state);
            return self.see(context, object);
        }
        if let Some((_, engine)) = &mut state.next {
            put(engine, next, context, object);
        }
        if put(&mut state.engine, evidence, context, object) {
            drop(state);
            shared.changed.notify_one();
        }
    }

    /// Takes the news that an object is gone.
    pub(crate) fn gone(&mut self, context: &Context<'_>, object: ObjectRef<'_>) {
        let gvk = &context.resource.gvk;
        if self.scout.cares(&gvk.group, &gvk.kind) && self.shared.lock().remove(context, object) {
            self.shared.changed.notify_one();
        }
    }
}

fn put(
    engine: &mut Engine,
    evidence: Option<Evidence>,
    context: &Context<'_>,
    object: &Object<'_>,
) -> bool {
    let gvk = &context.resource.gvk;
    match evidence {
        Some(evidence) => engine.put(evidence),
        None => engine.remove(&gvk.group, &gvk.kind, object.namespace(), object.name()),
    }
}

/// Rules on their way into use.
#[derive(Clone, Debug)]
pub(crate) struct Change(Arc<Pending>);

#[derive(Debug)]
struct Pending {
    shared: Arc<Fingerprints>,
    generation: u64,
    catalog: Arc<Catalog>,
}

impl Change {
    /// The rules in use stay.
    pub(crate) fn cancel(&self) {
        let mut state = self.0.shared.lock();
        if state
            .next
            .as_ref()
            .is_some_and(|(generation, _)| *generation == self.0.generation)
        {
            state.next = None;
        }
    }

    /// A reader of a resource's objects; none for one that no rule looks at.
    pub(crate) fn reader(&self, resource: &Resource) -> Option<Box<dyn Reader>> {
        let scout = self.0.shared.scout(&self.0.catalog);
        scout
            .cares(&resource.gvk.group, &resource.gvk.kind)
            .then(|| {
                Box::new(Rereader {
                    change: self.clone(),
                    scout,
                }) as Box<dyn Reader>
            })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Everything has been shown: the new rules take the place of the old.
        let mut state = self.shared.lock();
        match state.next.take() {
            Some((generation, engine)) if generation == self.generation => {
                state.engine = engine;
                state.verdicts = state.engine.verdicts().into_iter().map(Arc::new).collect();
                self.shared.generation.fetch_add(1, Ordering::AcqRel);
                drop(state);
                self.shared.changed.notify_one();
            }
            // Still others were prepared since.
            other => state.next = other,
        }
    }
}

struct Rereader {
    change: Change,
    scout: Scout,
}

impl Reader for Rereader {
    fn object(&mut self, context: &Context<'_>, object: &Object<'_>) {
        let gvk = &context.resource.gvk;
        let evidence = self.scout.look(&gvk.group, &gvk.kind, object);
        let pending = &self.change.0;
        let mut state = pending.shared.lock();
        if let Some((generation, engine)) = &mut state.next
            && *generation == pending.generation
        {
            put(engine, evidence, context, object);
        }
    }

    fn flush(&mut self) {}

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        // What it does with an object costs microseconds and no room.
        Box::pin(std::future::ready(()))
    }
}
