//! Faults a test can switch on and off while the simulator runs. Every request and every frame
//! of a response asks here, and nowhere else, whether it may go as usual.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::api::{Forbidden, GroupResource, Status};

/// How an open watch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutStyle {
    /// The response ends properly, as when a server times a watch out.
    Clean,
    /// Half a line, then the connection (HTTP/1.1) or stream (HTTP/2) breaks.
    MidLine,
    /// The connection or stream breaks between two lines.
    Broken,
}

/// Requests to which a forced failure applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultScope {
    /// Only this resource; `None` is every resource.
    pub resource: Option<GroupResource>,
    /// Only these verbs (`get`, `list`, `watch`, `create`, ...); empty is every verb.
    pub verbs: Vec<&'static str>,
}

impl FaultScope {
    /// Every verb of one resource.
    pub fn resource(group: &str, plural: &str) -> Self {
        Self {
            resource: Some(GroupResource::new(group, plural)),
            verbs: Vec::new(),
        }
    }

    /// The same, narrowed to some verbs.
    #[must_use]
    pub fn verbs(mut self, verbs: &[&'static str]) -> Self {
        self.verbs = verbs.to_vec();
        self
    }
}

/// The answer a fault forces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status code, for example 403, 404, 429, 500 or 503.
    pub code: u16,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// How often; `None` until healed.
    pub times: Option<u32>,
}

impl Failure {
    /// Answers with a status until healed; 429 asks to retry after one second.
    pub fn status(code: u16) -> Self {
        Self {
            code,
            retry_after: (code == 429).then_some(1),
            times: None,
        }
    }

    /// The same for a number of requests only.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same with a `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// What is known of a request when faults are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFacts<'a> {
    pub(crate) resource: Option<&'a GroupResource>,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) user: &'a str,
}

/// A refusal and its `Retry-After`.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) retry_after: Option<u64>,
}

/// The cut orders so far; watches compare their numbers with the one they started at.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    number: u64,
    /// The latest order for every resource (`None`) and for single ones.
    latest: HashMap<Option<GroupResource>, (u64, CutStyle)>,
}

impl Cuts {
    /// Number of the latest order of all.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The latest order after number `seen` that concerns a resource.
    pub(crate) fn after(&self, seen: u64, gr: &GroupResource) -> Option<CutStyle> {
        let orders = [self.latest.get(&None), self.latest.get(&Some(gr.clone()))];
        let latest = orders
            .into_iter()
            .flatten()
            .max_by_key(|(number, _)| *number)?;
        (latest.0 > seen).then_some(latest.1)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    stalled: bool,
    bytes_per_second: Option<u64>,
}

#[derive(Debug, Default)]
struct Switches {
    failures: Vec<(FaultScope, Failure)>,
    token: Option<String>,
    unavailable_groups: HashSet<String>,
    no_watch_list: bool,
    no_aggregated_discovery: bool,
    latency: Duration,
}

/// The switchboard of faults of one simulator.
#[derive(Debug, Default)]
pub struct Faults {
    switches: Mutex<Switches>,
    cuts: watch::Sender<Cuts>,
    flow: watch::Sender<Flow>,
}

impl Faults {
    fn switches(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forces a failure on requests in scope. Later calls win over earlier ones.
    pub fn fail(&self, scope: FaultScope, failure: Failure) {
        self.switches().failures.push((scope, failure));
    }

    /// Takes back every forced failure of a resource, whatever its verbs.
    pub fn heal(&self, group: &str, plural: &str) {
        let healed = GroupResource::new(group, plural);
        self.switches()
            .failures
            .retain(|(scope, _)| scope.resource.as_ref() != Some(&healed));
    }

    /// Takes back every forced failure, unavailable group, latency, stall and pace.
    pub fn heal_all(&self) {
        let mut switches = self.switches();
        switches.failures.clear();
        switches.unavailable_groups.clear();
        switches.latency = Duration::ZERO;
        self.flow.send_replace(Flow::default());
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

    /// Stops sending on every list and watch, leaving connections open.
    pub fn stall(&self) {
        self.flow.send_modify(|flow| flow.stalled = true);
    }

    /// Sends again.
    pub fn resume(&self) {
        self.flow.send_modify(|flow| flow.stalled = false);
    }

    /// Limits each list and watch to so many bytes a second; `None` lifts the limit.
    pub fn pace(&self, bytes_per_second: Option<u64>) {
        self.flow
            .send_modify(|flow| flow.bytes_per_second = bytes_per_second.filter(|rate| *rate > 0));
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
        self.cuts.send_modify(|cuts| {
            cuts.number += 1;
            cuts.latest.insert(resource, (cuts.number, style));
        });
    }

    pub(crate) fn cuts(&self) -> watch::Receiver<Cuts> {
        self.cuts.subscribe()
    }

    /// The one question every request asks: is it refused?
    pub(crate) fn refusal(&self, facts: RequestFacts<'_>) -> Option<Refusal> {
        let mut switches = self.switches();
        let gr = facts.resource?;
        if switches.unavailable_groups.contains(&gr.group) {
            return Some(Refusal {
                status: Status::forced(503),
                retry_after: None,
            });
        }
        let applies = |(scope, failure): &(FaultScope, Failure)| {
            failure.times != Some(0)
                && scope.resource.as_ref().is_none_or(|wanted| wanted == gr)
                && (scope.verbs.is_empty() || scope.verbs.contains(&facts.verb))
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
            code => Status::forced(code),
        };
        Some(Refusal {
            status,
            retry_after: failure.retry_after,
        })
    }

    /// The one question every frame asks: when may it go?
    pub(crate) async fn before_frame(&self, bytes: usize) {
        let flow = *self.flow.borrow();
        if flow.stalled {
            let mut changes = self.flow.subscribe();
            let resumed = changes.wait_for(|flow| !flow.stalled).await;
            drop(resumed);
        }
        if let Some(rate) = flow.bytes_per_second {
            tokio::time::sleep(Duration::from_secs_f64(bytes as f64 / rate as f64)).await;
        }
    }
}
