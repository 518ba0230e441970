//! One task per resource of the plan, and the plan kept up to date.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use meshsync_discovery::{Catalog, Freshness, Pattern, Selection, View, WatchPlan};
use meshsync_model::{ClusterId, Resource, ResourceId};
use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::members::{After, Member, Parted};
use self::missing::Missing;
use self::namespaces::Followed;
pub use self::taps::{Listener, Tap};
use self::taps::{Shared, Taps};
use crate::access::Survey;
use crate::api::RequestError;
use crate::client::Connection;
use crate::control::{Controlled, Reading};
use crate::discover::Discovery;
use crate::pace::{Pace, Pacer, rank};
use crate::picture::{Estate, Graves};
use crate::status::StatusBoard;
use crate::task::{End, Refused, Setup, Task, orders};
use crate::timing::{Timing, exponential};
use crate::{Deliver, Remembered, VerifyConfig, chance};

mod members;
mod missing;
mod namespaces;
mod permissions;
mod taps;
mod together;

/// How often the server is asked what it serves when nothing hints at a change.
/// With an ETag that costs it next to nothing.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(30);

/// Discovery is asked no more often than this, however many hints there are.
const DISCOVERY_INTERVAL_MIN: Duration = Duration::from_millis(500);

/// After a hint the server's discovery may lag behind its objects: it is asked
/// again after these times.
const HINT_DELAYS: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(4),
];

/// A resource whose task panicked starts over after this time, then twice that,
/// up to a minute or so.
const PANIC_DELAY: Duration = Duration::from_secs(1);

/// What a fleet observes and how.
#[derive(Debug)]
pub struct FleetConfig {
    /// The API server.
    pub connection: Connection,
    /// Identity of the cluster.
    pub scope: ClusterId,
    /// Which resources and objects, and what it is told later.
    pub controlled: Controlled,
    /// Resources that are watched for what they say.
    pub taps: Vec<Tap>,
    /// What sinks were given by a process before this one.
    pub remembered: Vec<Remembered>,
    /// Whether initial lists may be WatchLists. Servers that refuse it are
    /// listed in pages whatever this says.
    pub watch_list: bool,
    /// How long what may take.
    pub timing: Timing,
    /// How much is asked of the server at once.
    pub pace: Pace,
    /// Whether what is known is checked against the server now and then.
    pub verify: Option<VerifyConfig>,
    /// Whether a server that cannot say at the start what it serves is asked again.
    pub patient: bool,
}

/// Observes a cluster: discovers what it serves, and runs one task per resource
/// of the plan. Plans change without disturbing tasks they do not concern.
pub struct Fleet {
    connection: Connection,
    scope: ClusterId,
    watch_list: bool,
    timing: Timing,
    verify: Option<VerifyConfig>,
    selection: Arc<Selection>,
    controlled: Controlled,
    taps: Taps,
    namespaces: Followed,
    remembered: HashMap<ResourceId, Remembered>,
    board: Arc<StatusBoard>,
    plan: WatchPlan,
    members: HashMap<ResourceId, Member>,
    /// Whose a task is: the resource's own, or that of one of its namespaces.
    by_task: HashMap<Id, (ResourceId, Option<String>)>,
    tasks: JoinSet<End>,
    /// Rung when something is refused, or what is permitted may have changed.
    refused: Arc<Notify>,
    survey: Option<BoxFuture<'static, Survey>>,
    /// When the last survey was complete.
    surveyed: Option<Instant>,
    /// Objects that are on their way from one task to others.
    parting: FuturesUnordered<BoxFuture<'static, Parted>>,
    /// How often a resource's task panicked.
    panics: HashMap<ResourceId, u32>,
    /// Resources of the plan that discovery no longer names.
    missing: Missing,
    pacer: Arc<Pacer>,
    smooth_start: Duration,
    patient: bool,
    hint: Arc<Notify>,
    stop: CancellationToken,
}

/// Asks what the server serves; until it says so where there is a board to say on
/// what is wrong.
async fn discover(
    discovery: &mut Discovery,
    connection: &Connection,
    back_off: &RangeInclusive<Duration>,
    board: Option<Arc<StatusBoard>>,
) -> Result<(), RequestError> {
    let mut failures: u32 = 0;
    loop {
        let error = match (discovery.refresh(&connection.client).await, &board) {
            (Ok(_), _) => return Ok(()),
            (Err(error), None) => return Err(error),
            (Err(error), Some(board)) => {
                board.source().fail(error.chain());
                error
            }
        };
        failures = failures.saturating_add(1);
        let wait = exponential(back_off, failures, chance::unit());
        let (url, error) = (&connection.url, error.chain());
        tracing::warn!(url, error, ?wait, "failed to discover what is served");
        tokio::time::sleep(wait).await;
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// A fleet without tasks. Status is written to `board`.
    pub fn new(config: FleetConfig, board: Arc<StatusBoard>) -> Self {
        let mut controlled = config.controlled;
        let selection = Arc::clone(&controlled.selection.borrow_and_update());
        let remembered = config.remembered.into_iter();
        Self {
            connection: config.connection,
            scope: config.scope,
            watch_list: config.watch_list,
            timing: config.timing,
            verify: config.verify,
            selection,
            controlled,
            taps: Taps::new(config.taps),
            namespaces: Followed::default(),
            remembered: remembered.map(|old| (old.resource.id(), old)).collect(),
            board,
            plan: WatchPlan::default(),
            members: HashMap::new(),
            by_task: HashMap::new(),
            tasks: JoinSet::new(),
            refused: Arc::new(Notify::new()),
            survey: None,
            surveyed: None,
            parting: FuturesUnordered::new(),
            panics: HashMap::new(),
            missing: Missing::default(),
            pacer: Arc::new(Pacer::new(&config.pace)),
            smooth_start: config.pace.smooth_start,
            patient: config.patient,
            hint: Arc::new(Notify::new()),
            stop: CancellationToken::new(),
        }
    }

    /// Runs until `stop` is cancelled. `deliver` makes each task's way to the
    /// sinks. `planned` is called when the first plan has been put to work.
    ///
    /// # Errors
    ///
    /// When the server cannot be discovered at all at the start.
    pub async fn run<D: Deliver + 'static>(
        mut self,
        mut deliver: impl FnMut() -> D,
        planned: impl FnOnce(),
        stop: CancellationToken,
    ) -> Result<(), RequestError> {
        self.stop = stop.child_token();
        let mut discovery = Discovery::default();
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            started = async {
                let board = self.patient.then(|| Arc::clone(&self.board));
                let (connection, back_off) = (&self.connection, &self.timing.back_off);
                discover(&mut discovery, connection, back_off, board).await?;
                self.namespaces.begin(&self.connection, &self.selection).await;
                Ok(())
            } => started?,
        }
        if let Some(catalog) = discovery.catalog() {
            self.warn_unmatched(catalog);
            self.plan(catalog, &mut deliver);
            self.part_with_remembered(catalog, &mut deliver);
        }
        planned();
        let mut asked = Instant::now();
        let mut alone = false;
        let mut hinted: Option<(Instant, usize)> = None;
        let mut refused = None;
        loop {
            let survey_due = self.survey_due(refused);
            let due = match hinted {
                Some((since, delay)) => since + HINT_DELAYS[delay],
                None => asked + DISCOVERY_INTERVAL,
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(joined) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    self.joined(joined, &mut deliver);
                    continue;
                }
                Some(probed) = self.missing.probed() => {
                    if let (Some(resource), Some(catalog)) = (probed, discovery.catalog()) {
                        tracing::info!(%resource, "not served any more");
                        self.plan(catalog, &mut deliver);
                    }
                    continue;
                }
                changed = self.controlled.selection.changed(), if !alone => {
                    if changed.is_err() {
                        // Nobody is left who could tell us anything.
                        alone = true;
                    } else if let Some(catalog) = discovery.catalog() {
                        self.reconfigured(catalog, &mut deliver);
                    }
                    continue;
                }
                () = self.refused.notified(), if refused.is_none() => {
                    refused = Some(Instant::now());
                    continue;
                }
                survey = permissions::running(&mut self.survey) => {
                    self.survey = None;
                    self.surveyed = Some(Instant::now());
                    self.permitted(survey);
                    continue;
                }
                Some(parted) = self.parting.next() => {
                    self.parted(parted, &mut deliver);
                    continue;
                }
                () = permissions::at(survey_due) => {
                    refused = None;
                    self.begin_survey();
                    continue;
                }
                () = self.namespaces.changed() => {
                    self.show_views();
                    continue;
                }
                Some(reading) = self.controlled.readings.recv() => {
                    self.read(reading);
                    continue;
                }
                () = tokio::time::sleep_until(due.max(asked + DISCOVERY_INTERVAL_MIN)) => {}
                () = self.hint.notified(), if hinted.is_none_or(|(_, delay)| delay > 0) => {
                    hinted = Some((Instant::now(), 0));
                    continue;
                }
            }
            asked = Instant::now();
            let again = tokio::select! {
                () = stop.cancelled() => break,
                refreshed = discovery.refresh(&self.connection.client) => match refreshed {
                    Ok(catalog) => self.plan(catalog, &mut deliver),
                    Err(_) => false,
                },
            };
            hinted = match hinted {
                Some((since, delay)) if delay + 1 < HINT_DELAYS.len() => Some((since, delay + 1)),
                _ if again => Some((Instant::now(), 0)),
                _ => None,
            };
        }
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.taps.ended().await;
        self.namespaces.ended().await;
        Ok(())
    }

    /// Plans anew for what is served; returns whether to ask again soon.
    fn plan<D: Deliver + 'static>(
        &mut self,
        catalog: &Catalog,
        deliver: &mut impl FnMut() -> D,
    ) -> bool {
        let unavailable = catalog.unavailable().iter();
        let unavailable = unavailable.map(|(name, _)| name.group.clone());
        self.board.set_unavailable(unavailable.collect());
        let mut next = WatchPlan::new(catalog, &self.selection);
        let again = self.keep_missing(catalog, &mut next);
        self.apply(next, deliver);
        let shared = Shared {
            connection: &self.connection,
            scope: &self.scope,
            watch_list: self.watch_list,
            timing: &self.timing,
            pacer: &self.pacer,
            hint: &self.hint,
            stop: &self.stop,
            traffic: self.board.traffic(),
        };
        self.taps.follow(catalog, &self.plan, &shared);
        let selection = Arc::clone(&self.selection);
        self.namespaces
            .follow(&selection, catalog, &self.plan, &shared);
        again
    }

    /// Takes up another selection.
    fn reconfigured<D: Deliver + 'static>(
        &mut self,
        catalog: &Catalog,
        deliver: &mut impl FnMut() -> D,
    ) {
        self.selection = Arc::clone(&self.controlled.selection.borrow_and_update());
        tracing::info!("another selection is in force");
        self.warn_unmatched(catalog);
        self.plan(catalog, deliver);
        self.show_views();
    }

    /// Tells every task what it is to observe.
    fn show_views(&self) {
        for (id, member) in &self.members {
            if let Some(resource) = self.plan.find(id) {
                member.view(&self.view(resource));
            }
        }
        // Other namespaces may be wanted.
        self.refused.notify_one();
    }

    fn view(&self, resource: &Resource) -> View {
        self.namespaces
            .with(|namespaces| self.selection.view_in(resource, namespaces))
    }

    /// Shows every object to those who asked.
    fn read(&self, mut reading: Reading) {
        for (id, member) in &self.members {
            let Some(resource) = self.plan.find(id) else {
                continue;
            };
            let resource = Arc::new(resource.clone());
            for orders in member.all_orders() {
                let Some(reader) = (reading.0)(&resource) else {
                    break;
                };
                if !orders.read(reader) {
                    tracing::warn!(resource = %id, "too many readings wait; one leaves it out");
                }
            }
        }
    }

    /// What sinks were given of resources that are not in the first plan is
    /// gone, unless the server could not say whether it has them.
    fn part_with_remembered<D: Deliver + 'static>(
        &mut self,
        catalog: &Catalog,
        deliver: &mut impl FnMut() -> D,
    ) {
        let plan = &self.plan;
        let is_uncertain = |old: &Remembered| {
            let group = &old.resource.gvk.group;
            let mut silent = catalog.unavailable().iter();
            silent.any(|(name, _)| name.group == *group)
                || catalog.documents().iter().any(|document| {
                    document.group == *group && document.freshness != Freshness::Current
                })
                || catalog.documents().is_empty()
        };
        let left: Vec<Remembered> = self
            .remembered
            .extract_if(|id, old| {
                let planned = plan.find(id).is_some_and(|new| new.gvk == old.resource.gvk);
                !planned && !is_uncertain(old)
            })
            .map(|(_, old)| old)
            .collect();
        for old in left {
            tracing::info!(resource = %old.resource, objects = old.len(), "no longer observed");
            let resource = Arc::new(old.resource);
            let retire = CancellationToken::new();
            retire.cancel();
            let unselected = CancellationToken::new();
            if !self.selection.decide(&resource).observed {
                unselected.cancel();
            }
            let (_, ordered) = orders(self.view(&resource));
            let task = Task::new(Setup {
                client: self.connection.client.clone(),
                // Nobody looks at it: what it was is no resource of the plan.
                status: StatusBoard::default().enter_counted(&resource, self.board.traffic()),
                resource,
                scope: self.scope.clone(),
                ordered,
                deliver: deliver(),
                watch_list: false,
                pacer: Arc::clone(&self.pacer),
                turn: None,
                discover: None,
                stop: self.stop.clone(),
                retire,
                unselected,
                hand_over: CancellationToken::new(),
                part: CancellationToken::new(),
                graves: Graves::new(),
                estate: Estate::remembered(old.objects),
                refused: None,
                delay: Duration::ZERO,
                timing: self.timing.clone(),
                verify: None,
            });
            self.tasks.spawn(task.run());
        }
    }

    /// Moves from the present plan to `next`.
    fn apply<D: Deliver + 'static>(&mut self, next: WatchPlan, deliver: &mut impl FnMut() -> D) {
        let delta = self.plan.delta(&next);
        self.plan = next;
        for resource in &delta.stop {
            tracing::info!(%resource, "no longer observed");
            if !self.selection.decide(resource).observed
                && let Some(member) = self.members.get(&resource.id())
            {
                member.unselected.cancel();
            }
            self.retire(&resource.id(), None);
        }
        // The old version's objects leave under their old names before the new
        // version's arrive.
        for (old, new) in &delta.restart {
            tracing::info!(%old, %new, "observed at another version");
            self.retire(&old.id(), Some(new.clone()));
        }
        // What is queued first is asked for first.
        let mut start = delta.start;
        start.sort_by_cached_key(|resource| {
            rank(resource, self.selection.view(resource).depth.deepest())
        });
        // Only the first plan takes its time: what appears later appears one by one.
        let over = std::mem::take(&mut self.smooth_start);
        let count = start.len().max(1) as u32;
        for (at, resource) in start.iter().enumerate() {
            let delay = over * at as u32 / count;
            match self.members.get_mut(&resource.id()) {
                // The one before is still on its way out.
                Some(member) => {
                    member.after = After::Start(resource.clone());
                    member.hand_over.cancel();
                }
                None => self.start(resource.clone(), deliver(), End::default(), delay),
            }
        }
    }

    fn retire(&mut self, id: &ResourceId, then: Option<Resource>) {
        if let Some(member) = self.members.get_mut(id) {
            if then.is_some() {
                member.hand_over.cancel();
            }
            member.after = then.map_or(After::Nothing, After::Start);
            member.retire();
        }
    }

    fn start<D: Deliver + 'static>(
        &mut self,
        resource: Resource,
        deliver: D,
        mut left: End,
        delay: Duration,
    ) {
        let id = resource.id();
        let resource = Arc::new(resource);
        let retire = CancellationToken::new();
        let unselected = CancellationToken::new();
        let hand_over = CancellationToken::new();
        let (give, ordered) = orders(self.view(&resource));
        let old = self.remembered.get(&id);
        if old.is_some_and(|old| old.resource.gvk == resource.gvk)
            && let Some(old) = self.remembered.remove(&id)
        {
            left.estate.join(Estate::remembered(old.objects));
        }
        let status = self.board.enter(&resource);
        let view = self.selection.view(&resource);
        let turn = delay
            .is_zero()
            .then(|| self.pacer.gate.queue(rank(&resource, view.depth.deepest())));
        let task = Task::new(Setup {
            client: self.connection.client.clone(),
            status: Arc::clone(&status),
            resource,
            scope: self.scope.clone(),
            ordered,
            deliver,
            watch_list: self.watch_list,
            pacer: Arc::clone(&self.pacer),
            turn,
            discover: Some(Arc::clone(&self.hint)),
            stop: self.stop.clone(),
            retire: retire.clone(),
            unselected: unselected.clone(),
            hand_over: hand_over.clone(),
            part: CancellationToken::new(),
            graves: left.graves,
            estate: left.estate,
            refused: Some(Refused {
                ring: Arc::clone(&self.refused),
                settles: false,
            }),
            delay,
            timing: self.timing.clone(),
            verify: self.verify.clone(),
        });
        let handle = self.tasks.spawn(task.run());
        self.by_task.insert(handle.id(), (id.clone(), None));
        self.members.insert(
            id,
            Member::new((retire, unselected, hand_over), give, status),
        );
    }

    fn joined<D: Deliver + 'static>(
        &mut self,
        joined: Result<(Id, End), tokio::task::JoinError>,
        deliver: &mut impl FnMut() -> D,
    ) {
        let task = match &joined {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some((id, namespace)) = self.by_task.remove(&task) else {
            return;
        };
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let delay = match joined {
            Ok((_, end)) => {
                if namespace.is_none() {
                    self.panics.remove(&id);
                }
                member.ended(namespace.as_deref(), end);
                None
            }
            // A defect of ours: it starts over after a while, the others go on.
            Err(_) => {
                let panics = self.panics.entry(id.clone()).or_default();
                let delay = PANIC_DELAY.saturating_mul(1 << (*panics).min(6));
                *panics += 1;
                tracing::error!(
                    resource = %id, namespace, ?delay,
                    "the task of a resource panicked; it starts over"
                );
                member.ended(namespace.as_deref(), End::default());
                Some(delay)
            }
        };
        match (delay, namespace) {
            (Some(delay), Some(namespace)) if !member.is_leaving() => {
                self.start_part(&id, namespace, Estate::default(), delay, deliver);
            }
            (Some(delay), None) => {
                member.restart(delay);
                self.ended(&id, deliver);
            }
            _ => self.ended(&id, deliver),
        }
    }

    /// What happens when a resource's tasks have ended.
    fn ended<D: Deliver + 'static>(&mut self, id: &ResourceId, deliver: &mut impl FnMut() -> D) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        if !member.parts.is_empty() {
            return;
        }
        if !member.has_ended {
            // Only its namespaces' tasks have: what they knew goes back to it.
            member.take_back();
            return;
        }
        let left = std::mem::take(&mut member.left);
        let after = std::mem::take(&mut member.after);
        self.members.remove(id);
        self.board.leave(id);
        match after {
            After::Nothing => {}
            After::Start(resource) => {
                self.start(resource, deliver(), left, Duration::ZERO);
            }
            After::Restart(delay) => {
                if let Some(resource) = self.plan.find(id).cloned() {
                    self.start(resource, deliver(), left, delay);
                }
            }
        }
    }

    /// Keeps resources in a new plan that discovery no longer names: a server that
    /// is starting may not know all of its own yet, and one that has trouble may
    /// not say. They go when their own requests are answered with 404. Returns
    /// whether to ask again soon.
    fn keep_missing(&mut self, catalog: &Catalog, next: &mut WatchPlan) -> bool {
        // What is no longer selected is not missing, nor is what is observed under
        // another name, or can be listed no more.
        let mut missing: Vec<Resource> = self.plan.delta(next).stop;
        missing.retain(|resource| {
            let id = resource.id();
            let documents = catalog.documents().iter();
            let mut named = documents.flat_map(|document| &document.resources);
            self.selection.decide(resource).observed && named.all(|named| named.id() != id)
        });
        self.missing.keep(&missing);
        let mut again = false;
        for resource in missing {
            let id = resource.id();
            if self.board.is_gone(&id) || self.missing.is_gone(&id) {
                continue;
            }
            again |= self
                .missing
                .ask(&self.connection.client, &resource, &self.board);
            next.keep(resource);
        }
        for id in self.members.keys() {
            self.board.set_missing(id, self.missing.is_stale(id));
        }
        again
    }

    fn warn_unmatched(&self, catalog: &Catalog) {
        let unmatched = self.selection.unmatched(catalog);
        for pattern in unmatched.into_iter().map(Pattern::as_str) {
            tracing::warn!(
                pattern,
                "selects nothing this cluster serves; it applies when something appears"
            );
        }
    }
}
