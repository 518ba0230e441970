//! The switches themselves, and the one question every request asks.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    CutStyle, Disturbance, Failure, FaultScope, Order, Orders, Refusal, WatchQuirk,
    lag::Lags,
    streams::{Flow, SharedPacer},
};
use crate::api::{Forbidden, GroupResource, Status};

/// What is known of a request when faults are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFacts<'a> {
    pub(crate) resource: Option<&'a GroupResource>,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) user: &'a str,
    /// `resourceVersion` as asked for.
    pub(crate) version: Option<u64>,
    /// The version of the cluster.
    pub(crate) current: u64,
}

#[derive(Debug, Default)]
pub(super) struct Switches {
    failures: Vec<(FaultScope, Failure)>,
    /// With how often each still applies; `None` until healed.
    pub(super) disturbances: Vec<(FaultScope, Disturbance, Option<u32>)>,
    pub(super) quirks: HashSet<WatchQuirk>,
    token: Option<String>,
    unavailable_groups: HashSet<String>,
    unnamed_groups: HashSet<String>,
    no_watch_list: bool,
    no_aggregated_discovery: bool,
    latency: Duration,
    clock_skew_seconds: i64,
}

/// The switchboard of faults of one simulator.
#[derive(Debug, Default)]
pub struct Faults {
    switches: Mutex<Switches>,
    orders: watch::Sender<Orders>,
    pub(super) flow: watch::Sender<Flow>,
    pub(super) total: SharedPacer,
    pub(super) lags: watch::Sender<Lags>,
}

impl Faults {
    pub(super) fn switches(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forces a failure on requests in scope. Later calls win over earlier ones.
    pub fn fail(&self, scope: FaultScope, failure: Failure) {
        self.switches().failures.push((scope, failure));
    }

    /// Takes back every forced failure and disturbance of a resource, whatever its verbs.
    pub fn heal(&self, group: &str, plural: &str) {
        let healed = Some(GroupResource::new(group, plural));
        let mut switches = self.switches();
        switches
            .failures
            .retain(|(scope, _)| scope.resource != healed);
        switches
            .disturbances
            .retain(|(scope, ..)| scope.resource != healed);
        drop(switches);
        // Streams that a disturbance has stopped look again.
        self.flow.send_modify(|_| {});
    }

    /// Takes back every forced failure, disturbance, quirk, unavailable or unnamed group, latency, stall, pace
    /// and lag. Streams that have stopped go on.
    pub fn heal_all(&self) {
        let mut switches = self.switches();
        switches.failures.clear();
        switches.disturbances.clear();
        switches.quirks.clear();
        switches.unavailable_groups.clear();
        switches.unnamed_groups.clear();
        switches.latency = Duration::ZERO;
        switches.clock_skew_seconds = 0;
        drop(switches);
        self.heal_flow();
        self.catch_up();
    }

    /// Requires this bearer token from now on, or one of [`Users`](crate::Users); its bearer is an
    /// administrator. `None` takes the requirement back.
    pub fn require_token(&self, token: Option<&str>) {
        self.switches().token = token.map(str::to_owned);
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.switches().token.clone()
    }

    /// Refuses `sendInitialEvents` with 422, as a server without the WatchList feature does.
    pub fn refuse_watch_list(&self) {
        self.switches().no_watch_list = true;
    }

    /// Serves `sendInitialEvents` again.
    pub fn allow_watch_list(&self) {
        self.switches().no_watch_list = false;
    }

    pub(crate) fn watch_list_allowed(&self) -> bool {
        !self.switches().no_watch_list
    }

    /// Answers discovery with legacy documents only, as a server before 1.27 does.
    pub fn disable_aggregated_discovery(&self) {
        self.switches().no_aggregated_discovery = true;
    }

    /// Serves aggregated discovery again.
    pub fn enable_aggregated_discovery(&self) {
        self.switches().no_aggregated_discovery = false;
    }

    pub(crate) fn aggregated_discovery(&self) -> bool {
        !self.switches().no_aggregated_discovery
    }

    /// Makes an API group unavailable: stale in aggregated discovery, 503 everywhere else.
    pub fn group_unavailable(&self, group: &str) {
        self.switches().unavailable_groups.insert(group.to_owned());
    }

    /// Makes an API group available again.
    pub fn group_available(&self, group: &str) {
        self.switches().unavailable_groups.remove(group);
    }

    /// Leaves an API group out of aggregated discovery and serves it all the same,
    /// as a server may that is starting, or whose APIService was deleted.
    pub fn group_unnamed(&self, group: &str) {
        self.switches().unnamed_groups.insert(group.to_owned());
    }

    /// Names it again.
    pub fn group_named(&self, group: &str) {
        self.switches().unnamed_groups.remove(group);
    }

    pub(crate) fn unnamed_groups(&self) -> HashSet<String> {
        self.switches().unnamed_groups.clone()
    }

    pub(crate) fn unavailable_groups(&self) -> HashSet<String> {
        self.switches().unavailable_groups.clone()
    }

    /// Waits this long before answering any request.
    pub fn latency(&self, latency: Duration) {
        self.switches().latency = latency;
    }

    pub(crate) fn latency_now(&self) -> Duration {
        self.switches().latency
    }

    /// Answers with a `Date` that is so many seconds ahead, or behind. Times in objects are not
    /// concerned.
    pub fn skew_clock(&self, seconds: i64) {
        self.switches().clock_skew_seconds = seconds;
    }

    pub(crate) fn clock_skew_seconds(&self) -> i64 {
        self.switches().clock_skew_seconds
    }

    /// Cuts every watch open now.
    pub fn cut_watches(&self, style: CutStyle) {
        self.cut(style, None);
    }

    /// Cuts every watch of one resource open now.
    pub fn cut_watches_of(&self, group: &str, plural: &str, style: CutStyle) {
        self.cut(style, Some(GroupResource::new(group, plural)));
    }

    fn cut(&self, style: CutStyle, resource: Option<GroupResource>) {
        self.order(Order::Cut(style), resource);
    }

    /// Lets every watch open now send its last `events` changes once more.
    pub fn replay_events(&self, events: usize) {
        self.order(Order::Replay(events), None);
    }

    /// The same for the watches of one resource.
    pub fn replay_events_of(&self, group: &str, plural: &str, events: usize) {
        let resource = GroupResource::new(group, plural);
        self.order(Order::Replay(events), Some(resource));
    }

    fn order(&self, order: Order, resource: Option<GroupResource>) {
        self.orders
            .send_modify(|orders| orders.give(order, resource));
    }

    pub(crate) fn orders(&self) -> watch::Receiver<Orders> {
        self.orders.subscribe()
    }

    /// The one question every request asks: is it refused?
    pub(crate) fn refusal(&self, facts: RequestFacts<'_>) -> Option<Refusal> {
        let mut switches = self.switches();
        let gr = facts.resource?;
        if switches.unavailable_groups.contains(&gr.group) {
            return Some(Refusal::plain(Status::forced(503)));
        }
        let applies = |(scope, failure): &(FaultScope, Failure)| {
            failure.times != Some(0) && scope.covers(gr, facts.verb)
        };
        let at = switches.failures.iter().rposition(applies)?;
        let failure = &mut switches.failures[at].1;
        if let Some(times) = &mut failure.times {
            *times -= 1;
        }
        let status = match failure.code {
            403 => {
                let object = Forbidden {
                    gr,
                    subresource: facts.subresource,
                    namespace: facts.namespace,
                    name: facts.name,
                };
                Status::forbidden(facts.user, facts.verb, &object, "")
            }
            _ if failure.future_version => {
                let asked = facts.version.unwrap_or(facts.current + 1);
                Status::rv_too_large(asked, facts.current)
            }
            code => Status::forced(code).retry_after(failure.retry_after),
        };
        Some(Refusal {
            status,
            retry_after: failure.retry_after,
            in_stream: failure.in_stream && facts.verb == "watch",
        })
    }
}
