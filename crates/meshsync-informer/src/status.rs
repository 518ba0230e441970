//! What is known of every resource under observation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use meshsync_model::{Resource, ResourceId, Tier};
use tokio::sync::watch;

use crate::source::{SourceError, SourceSnapshot, SourceState, SourceStatus};
use crate::traffic::{Traffic, WatchLife};
use crate::{Access, Verified};

use self::parts::Parts;

mod parts;

/// How a resource is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceState {
    /// Its objects are being listed.
    Listing,
    /// Its picture is complete and kept in sync.
    Live,
    /// Something is wrong; it is tried again.
    BackingOff,
    /// The server forbids it to us; it is tried again now and then.
    Forbidden,
    /// It is observed in some of the namespaces that are wanted; in others it is
    /// forbidden. See [`ResourceSnapshot::access`].
    Partial,
    /// The server does not serve it (any more).
    Gone,
}

impl ResourceState {
    /// The name used in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Live => "live",
            Self::BackingOff => "backing-off",
            Self::Forbidden => "forbidden",
            Self::Partial => "partial",
            Self::Gone => "gone",
        }
    }
}

/// Status of one resource. Written by its task, read by anybody.
#[derive(Debug)]
pub struct ResourceStatus {
    resource: Arc<Resource>,
    details: Mutex<Details>,
    objects: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
    restarts: AtomicU64,
    malformed: AtomicU64,
    /// Milliseconds since the epoch; 0 when there was none.
    last_event_ms: AtomicU64,
    /// Objects for which some sink is owed a state or a delete.
    owed: AtomicU64,
    /// Objects per design that Meshery deployed.
    designs: Mutex<BTreeMap<Arc<str>, u64>>,
    /// Where it is not permitted everywhere.
    parts: Mutex<Parts>,
    board: watch::Sender<u64>,
    traffic: Arc<Traffic>,
}

#[derive(Clone, Debug)]
struct Details {
    state: ResourceState,
    since: SystemTime,
    synced: bool,
    settled: bool,
    missing: bool,
    tier: Tier,
    last_error: Option<String>,
    remedy: Option<&'static str>,
    verified: Option<Verified>,
    checks: u64,
    drift: u64,
}

/// A moment of a [`ResourceStatus`].
#[derive(Clone, Debug)]
pub struct ResourceSnapshot {
    /// The resource.
    pub resource: Arc<Resource>,
    /// Its state.
    pub state: ResourceState,
    /// Since when it is in it.
    pub since: SystemTime,
    /// Whether its objects were listed in full at least once.
    pub synced: bool,
    /// Whether what is known may not be so any more: its objects are kept, and
    /// nothing is heard of them, since the server forbids it, fails, or no longer
    /// names the resource without saying that it is gone.
    pub stale: bool,
    /// How much of its objects is asked for.
    pub tier: Tier,
    /// What may be seen of it, where that is not everything.
    pub access: Option<Arc<Access>>,
    /// How many objects there are.
    pub objects: u64,
    /// How many of them are kept as they were last seen, for want of permission.
    pub unseen: u64,
    /// How many changes there were.
    pub events: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// How often its stream had to be opened again after an error or relist.
    pub restarts: u64,
    /// How many objects or events could not be read.
    pub malformed: u64,
    /// For how many objects some sink is owed a state or a delete.
    pub owed: u64,
    /// How many objects of each design there are; under an empty name those that
    /// Meshery deployed without naming a design.
    pub designs: BTreeMap<Arc<str>, u64>,
    /// When the last change came.
    pub last_event: Option<SystemTime>,
    /// The last error and what to do about it.
    pub last_error: Option<String>,
    /// What to do about it by itself, where somebody has to do something.
    pub remedy: Option<&'static str>,
    /// What the last check against the server found.
    pub verified: Option<Verified>,
    /// How many checks there were.
    pub checks: u64,
    /// How many objects differed, in all checks.
    pub drift: u64,
}

impl Details {
    fn is_stale(&self) -> bool {
        let unheard = matches!(
            self.state,
            ResourceState::Forbidden | ResourceState::BackingOff | ResourceState::Gone
        );
        self.missing || self.synced && unheard
    }
}

impl ResourceStatus {
    fn new(resource: Arc<Resource>, board: watch::Sender<u64>, traffic: Arc<Traffic>) -> Self {
        Self {
            resource,
            details: Mutex::new(Details {
                state: ResourceState::Listing,
                since: SystemTime::now(),
                synced: false,
                settled: false,
                missing: false,
                tier: Tier::Detail,
                last_error: None,
                remedy: None,
                verified: None,
                checks: 0,
                drift: 0,
            }),
            objects: AtomicU64::new(0),
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            last_event_ms: AtomicU64::new(0),
            owed: AtomicU64::new(0),
            designs: Mutex::default(),
            parts: Mutex::default(),
            board,
            traffic,
        }
    }

    /// Notes that a watch of it is open, for as long as what is returned is there.
    pub(crate) fn watching(&self) -> WatchLife {
        WatchLife::begin(Arc::clone(&self.traffic), self.resource.id().to_string())
    }

    /// All of it at this moment, the parts that it is observed in included.
    pub fn snapshot(&self) -> ResourceSnapshot {
        let own = self.own_snapshot();
        self.parts().sum(own)
    }

    fn own_snapshot(&self) -> ResourceSnapshot {
        let details = self.details().clone();
        let last_event_ms = self.last_event_ms.load(Ordering::Relaxed);
        ResourceSnapshot {
            resource: Arc::clone(&self.resource),
            state: details.state,
            since: details.since,
            synced: details.synced,
            stale: details.is_stale(),
            tier: details.tier,
            access: None,
            objects: self.objects.load(Ordering::Relaxed),
            unseen: match details.state {
                ResourceState::Forbidden => self.objects.load(Ordering::Relaxed),
                _ => 0,
            },
            events: self.events.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
            malformed: self.malformed.load(Ordering::Relaxed),
            owed: self.owed.load(Ordering::Relaxed),
            designs: self.designs().clone(),
            last_event: (last_event_ms > 0)
                .then(|| SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(last_event_ms)),
            last_error: details.last_error,
            remedy: details.remedy,
            verified: details.verified,
            checks: details.checks,
            drift: details.drift,
        }
    }

    /// Returns the state it was in.
    pub(crate) fn set_state(&self, state: ResourceState) -> ResourceState {
        let mut details = self.details();
        let before = std::mem::replace(&mut details.state, state);
        if before != state {
            details.since = SystemTime::now();
            drop(details);
            self.changed();
        }
        before
    }

    /// The first attempt has led somewhere: listed in full, or refused for now.
    pub(crate) fn settle(&self, synced: bool) {
        let mut details = self.details();
        let before = (details.settled, details.synced);
        details.settled = true;
        details.synced |= synced;
        let after = (details.settled, details.synced);
        drop(details);
        if before != after {
            self.changed();
        }
    }

    pub(crate) fn set_tier(&self, tier: Tier) {
        self.details().tier = tier;
    }

    pub(crate) fn set_error(&self, error: impl Into<String>) {
        let mut details = self.details();
        details.last_error = Some(error.into());
        details.remedy = None;
    }

    /// An error and what to do about it.
    pub(crate) fn set_error_with(&self, error: &str, remedy: &'static str) {
        let mut details = self.details();
        details.last_error = Some(format!("{error}: {remedy}"));
        details.remedy = Some(remedy);
    }

    /// A check against the server is complete.
    pub(crate) fn verified(&self, found: Verified) {
        let mut details = self.details();
        details.checks += 1;
        details.drift += found.drift();
        details.verified = Some(found);
    }

    pub(crate) fn event(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64);
        self.last_event_ms.store(now, Ordering::Relaxed);
    }

    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn malformed(&self, error: String) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
        self.set_error(error);
    }

    pub(crate) fn set_objects(&self, objects: u64) {
        self.objects.store(objects, Ordering::Relaxed);
    }

    pub(crate) fn set_owed(&self, owed: u64) {
        self.owed.store(owed, Ordering::Relaxed);
    }

    pub(crate) fn designs(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u64>> {
        self.designs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.board.send_modify(|count| *count += 1);
    }

    fn details(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_settled(&self) -> bool {
        let settled = self.details().settled;
        settled && self.parts().are_settled()
    }

    /// Whether the server answers that it does not serve it; or answers so where
    /// alone we may ask.
    fn is_gone(&self) -> bool {
        let state = self.details().state;
        state == ResourceState::Gone || self.parts().are_gone()
    }

    /// Whether the server forbids it for now.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.details().state == ResourceState::Forbidden
    }

    /// Notes what may be seen of it; nothing where that is everything.
    pub(crate) fn set_access(&self, access: Option<Access>) {
        let changed = self.parts().set_access(access);
        if changed {
            self.changed();
        }
    }

    /// A part of it, in one namespace, with a status that counts towards this one.
    pub(crate) fn enter_part(&self, namespace: &str) -> Arc<Self> {
        let part = Arc::new(Self::new(
            Arc::clone(&self.resource),
            self.board.clone(),
            Arc::clone(&self.traffic),
        ));
        self.parts().enter(namespace, Arc::clone(&part));
        self.changed();
        part
    }

    pub(crate) fn leave_part(&self, namespace: &str) {
        self.parts().leave(namespace);
        self.changed();
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The status of all resources of a cluster: the one map that tasks and readers
/// share.
#[derive(Debug)]
pub struct StatusBoard {
    resources: dashmap::DashMap<ResourceId, Arc<ResourceStatus>>,
    changes: watch::Sender<u64>,
    /// Groups of which the server could not say what they serve.
    unavailable: Mutex<Vec<String>>,
    /// Who the server takes us for, once that was of interest.
    user: Mutex<Option<String>>,
    source: SourceStatus,
    traffic: Arc<Traffic>,
}

impl Default for StatusBoard {
    fn default() -> Self {
        Self {
            resources: dashmap::DashMap::new(),
            changes: watch::Sender::new(0),
            unavailable: Mutex::default(),
            user: Mutex::default(),
            source: SourceStatus::default(),
            traffic: Arc::default(),
        }
    }
}

impl StatusBoard {
    /// What is asked of the server, and how its watches live.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Every resource's status, in order of its name.
    pub fn snapshot(&self) -> Vec<ResourceSnapshot> {
        let mut all: Vec<_> = self
            .resources
            .iter()
            .map(|entry| entry.value().snapshot())
            .collect();
        all.sort_by(|a, b| {
            (&a.resource.gvk.group, &a.resource.plural)
                .cmp(&(&b.resource.gvk.group, &b.resource.plural))
        });
        all
    }

    /// The groups of which the server could not say what they serve, when it was
    /// last asked: nothing is known to be gone there.
    pub fn unavailable(&self) -> Vec<String> {
        let unavailable = self.unavailable.lock();
        unavailable.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_unavailable(&self, groups: Vec<String>) {
        *self
            .unavailable
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = groups;
    }

    /// Who the server takes us for: known once something was forbidden.
    pub fn user(&self) -> Option<String> {
        self.user
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_user(&self, user: String) {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = Some(user);
    }

    /// How the source as a whole is doing.
    pub fn source_snapshot(&self) -> SourceSnapshot {
        self.source.snapshot()
    }

    /// Says that the source cannot go on, and why.
    pub fn source_failed(&self, error: &SourceError) {
        self.source.fail(error.chain());
        if !error.is_retryable() {
            self.source.set(SourceState::Failed);
        }
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn source(&self) -> &SourceStatus {
        &self.source
    }

    /// A receiver that changes whenever a resource changes its state.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether every resource was listed in full once, or refused.
    pub fn all_settled(&self) -> bool {
        self.resources
            .iter()
            .all(|entry| entry.value().is_settled())
    }

    /// Whether the server answers that it does not serve this resource.
    pub(crate) fn is_gone(&self, resource: &ResourceId) -> bool {
        self.resources
            .get(resource)
            .is_some_and(|status| status.is_gone())
    }

    /// Discovery no longer names a resource, and the server does not say that it
    /// is gone; or it is named again.
    pub(crate) fn set_missing(&self, resource: &ResourceId, missing: bool) {
        if let Some(status) = self.resources.get(resource) {
            status.details().missing = missing;
        }
    }

    /// Why nobody knows what became of a resource that discovery does not name.
    pub(crate) fn note_missing(&self, resource: &ResourceId, answer: &str) {
        if let Some(status) = self.resources.get(resource) {
            status.set_error(format!(
                "discovery does not name it any more: {answer}; its objects are kept until the \
                 server says that it is gone (404)"
            ));
            status.details().missing = true;
        }
    }

    pub(crate) fn enter(&self, resource: &Arc<Resource>) -> Arc<ResourceStatus> {
        self.enter_counted(resource, &self.traffic)
    }

    /// The same, with its watches counted elsewhere: where nobody looks at this board.
    pub(crate) fn enter_counted(
        &self,
        resource: &Arc<Resource>,
        traffic: &Arc<Traffic>,
    ) -> Arc<ResourceStatus> {
        let status = Arc::new(ResourceStatus::new(
            Arc::clone(resource),
            self.changes.clone(),
            Arc::clone(traffic),
        ));
        self.resources.insert(resource.id(), Arc::clone(&status));
        self.changes.send_modify(|count| *count += 1);
        status
    }

    pub(crate) fn leave(&self, resource: &ResourceId) {
        self.resources.remove(resource);
        self.changes.send_modify(|count| *count += 1);
    }
}
