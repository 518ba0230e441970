//! The task of one resource: it sends what the state machine asks for, reads
//! what comes back, and keeps the picture.

mod ask;
mod chores;
mod confirm;
mod definitions;
mod doubt;
mod orders;
mod probe;
mod read;
mod repair;
mod reread;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use kube::Client;
use kube::client::Body;
use meshsync_discovery::{Catalog, Pushed, View};
use meshsync_model::{ClusterId, Reason, Resource};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::chores::{Chores, Next, Server};
use self::definitions::Definitions;
use self::orders::Ordered;
pub(crate) use self::orders::{Orders, Permit, orders};
use self::read::{Exchange, Kind};
use self::verify::Verify;
use crate::api::{RequestError, get};
use crate::chance;
use crate::machine::{Answer, Machine, Meaning, Request, Step};
use crate::mutation::{Mutation, mutated};
use crate::pace::{Pacer, Pass, Ticket, rank};
use crate::picture::{Estate, Graves, Picture};
use crate::status::{ResourceState, ResourceStatus};
use crate::timing::Timing;
use crate::{Deliver, Room, VerifyConfig};

/// Objects of one page. The server's memory is what it protects; ours holds one
/// item at a time.
const PAGE_OBJECTS_MAX: u32 = 500;

/// A watch is asked to end after this time and up to a half more, so that not
/// all end at once.
const WATCH_SECONDS_MIN: u32 = 290;

/// Others observe what may be observed: looked at again after this time, though
/// nothing but an order changes it.
const PARKED: Duration = Duration::from_secs(3_600);

/// After this many failures in a row nobody waits for the resource any more.
const UNSETTLED_FAILURES_MAX: u32 = 4;

/// What a task needs from outside.
pub(crate) struct Setup<D> {
    pub(crate) client: Client,
    pub(crate) resource: Arc<Resource>,
    pub(crate) scope: ClusterId,
    pub(crate) ordered: Ordered,
    pub(crate) deliver: D,
    pub(crate) status: Arc<ResourceStatus>,
    /// Whether the server is new enough for WatchList.
    pub(crate) watch_list: bool,
    /// Bounds what is asked of the server.
    pub(crate) pacer: Arc<Pacer>,
    /// The place of its first list in the queue.
    pub(crate) turn: Option<Ticket>,
    /// Rung when what the server serves may have changed.
    pub(crate) discover: Option<Arc<Notify>>,
    /// The process stops: the picture stays as it is.
    pub(crate) stop: CancellationToken,
    /// The resource leaves the plan: its objects leave the picture.
    pub(crate) retire: CancellationToken,
    /// It does because nobody wants it any more, and not because it is gone;
    /// cancelled before `retire`.
    pub(crate) unselected: CancellationToken,
    /// Another task waits to take its place: it takes over what is still owed.
    pub(crate) hand_over: CancellationToken,
    /// Another task observes its objects from now on: with `retire`, what is known
    /// of them is given away and not told gone.
    pub(crate) part: CancellationToken,
    /// What the task before this one still owed.
    pub(crate) graves: Graves,
    /// What is known of its objects from before, or from another task.
    pub(crate) estate: Estate,
    /// Who wants to know when the server refuses the resource.
    pub(crate) refused: Option<Refused>,
    /// Time to wait before the first request.
    pub(crate) delay: Duration,
    pub(crate) timing: Timing,
    /// Whether what is known is checked now and then.
    pub(crate) verify: Option<VerifyConfig>,
}

/// Who wants to know of refusals.
pub(crate) struct Refused {
    /// Rung when the server begins to refuse the resource, and when what is permitted
    /// may have changed.
    pub(crate) ring: Arc<Notify>,
    /// A refusal is the end of the first attempt. Else another way is looked for, and
    /// who does says when there is none.
    pub(crate) settles: bool,
}

/// See the [module](self).
pub(crate) struct Task<D: Deliver> {
    server: Server,
    status: Arc<ResourceStatus>,
    machine: Machine,
    picture: Picture<D>,
    chores: Chores<D::Room>,
    room: D::Room,
    pacer: Arc<Pacer>,
    turn: Option<Ticket>,
    discover: Option<Arc<Notify>>,
    stop: CancellationToken,
    retire: CancellationToken,
    unselected: CancellationToken,
    hand_over: CancellationToken,
    part: CancellationToken,
    refused: Option<Refused>,
    delay: Duration,
    timing: Timing,
    /// Of a resource that says what is served.
    definitions: Option<Definitions>,
    /// The server has sent a bookmark, so that it will send more.
    bookmarked: bool,
    /// A part of the pass under way could not be read.
    unreadable: bool,
    /// The first pass is complete: from now on nothing waits for sinks.
    listed: bool,
}

/// What a task leaves behind.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Deletes that sinks have not been told of.
    pub(crate) graves: Graves,
    /// What is known of its objects, where others observe them from now on.
    pub(crate) estate: Estate,
}

/// Why an exchange or a wait ended before its time.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl<D: Deliver> Task<D> {
    pub(crate) fn new(mut setup: Setup<D>) -> Self {
        let view = setup.ordered.first_view();
        let watch_list = setup.watch_list && setup.resource.watchable;
        let room = setup.deliver.room();
        let chores = Chores::new(
            || setup.deliver.room(),
            Arc::clone(&setup.pacer),
            setup.ordered,
            Verify::new(
                setup.verify.filter(|_| setup.resource.watchable),
                &setup.timing,
                Arc::clone(&setup.status),
            ),
            &setup.timing,
        );
        let definitions =
            Catalog::is_discovery_relevant(&setup.resource.id()).then(Definitions::default);
        let server = Server::new(setup.client, Arc::clone(&setup.resource), &view);
        let mut picture = Picture::new(
            setup.resource,
            setup.scope,
            view,
            setup.deliver,
            Arc::clone(&setup.status),
        );
        picture.inherit(setup.graves);
        picture.adopt(setup.estate);
        Self {
            server,
            status: setup.status,
            machine: Machine::new(watch_list, setup.timing.clone()),
            picture,
            chores,
            room,
            pacer: setup.pacer,
            turn: setup.turn,
            discover: setup.discover,
            stop: setup.stop,
            retire: setup.retire,
            unselected: setup.unselected,
            hand_over: setup.hand_over,
            part: setup.part,
            refused: setup.refused,
            delay: setup.delay,
            timing: setup.timing,
            definitions,
            bookmarked: false,
            unreadable: false,
            listed: false,
        }
    }

    /// Runs until it is stopped or retired. Returns what it still owes.
    pub(crate) async fn run(mut self) -> End {
        let mut interrupted = self.wait(self.delay).await.is_err();
        while !interrupted {
            if self.server.parked {
                interrupted = self.wait(PARKED).await.is_err();
                continue;
            }
            interrupted = match self.machine.step() {
                Step::Wait(time) => self.wait(time).await.is_err(),
                Step::Send(request) => self.exchange(request).await.is_err(),
            };
        }
        if self.part.is_cancelled() {
            let estate = self.picture.part_with_all();
            return End {
                estate,
                ..End::default()
            };
        }
        if self.retire.is_cancelled() && !self.stop.is_cancelled() {
            self.status.set_state(ResourceState::Gone);
            let unselected = self.unselected.is_cancelled();
            let reason = unselected.then_some(Reason::Unselected);
            self.picture.retire(reason);
            self.pay_last_debts().await;
        }
        End {
            graves: self.picture.graves(),
            estate: Estate::default(),
        }
    }

    /// Deletes are owed to the end: the task stays until every sink was told.
    async fn pay_last_debts(&mut self) {
        self.picture.repay_deletes();
        while self.picture.owed_count() > 0 {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.hand_over.cancelled() => return,
                () = self.room.again() => self.picture.repay_deletes(),
            }
        }
    }

    async fn wait(&mut self, time: Duration) -> Result<(), Interrupted> {
        let (stop, retire) = (self.stop.clone(), self.retire.clone());
        let deadline = tokio::time::sleep(time);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Interrupted),
                () = retire.cancelled() => return Err(Interrupted),
                () = &mut deadline => return Ok(()),
                chore = self.chores.next(&self.server) => {
                    match self.chores.handle(chore, &mut self.server, &mut self.picture) {
                        Next::GoOn if self.server.parked => return Ok(()),
                        Next::GoOn => {}
                        Next::Relist => {
                            self.machine.relist();
                            return Ok(());
                        }
                        Next::Retry => return Ok(()),
                    }
                }
            }
        }
    }

    /// Sends one request and reads its answer to the end.
    async fn exchange(&mut self, request: Request) -> Result<(), Interrupted> {
        let (stop, retire) = (self.stop.clone(), self.retire.clone());
        let is_list = !matches!(request, Request::Watch { .. } | Request::Probe);
        let permit = if is_list {
            let queue = || {
                let rank = rank(&self.server.resource, self.server.tier);
                self.pacer.gate.queue(rank)
            };
            let turn = self.turn.take().unwrap_or_else(queue);
            tokio::select! {
                () = stop.cancelled() => return Err(Interrupted),
                () = retire.cancelled() => return Err(Interrupted),
                pass = turn.pass() => pass,
            }
        } else {
            None
        };
        if request == Request::WatchList && !self.pacer.streams_lists() {
            // Others have asked, and this one need not.
            self.machine.without_watch_list();
            return Ok(());
        }
        tokio::select! {
            () = stop.cancelled() => return Err(Interrupted),
            () = retire.cancelled() => return Err(Interrupted),
            () = self.pacer.request() => {}
        }
        let sent = Instant::now();
        let (url, seconds) = self.url(&request);
        let accept = match request {
            Request::Page { .. } | Request::Probe => self.server.accept_list(),
            Request::WatchList | Request::Watch { .. } => self.server.accept_watch(),
        };
        let opened = tokio::select! {
            () = stop.cancelled() => return Err(Interrupted),
            () = retire.cancelled() => return Err(Interrupted),
            opened = get(&self.server.client, &url, accept, None) => opened,
        };
        match opened {
            Ok(response) if request == Request::Probe => {
                let answer = tokio::select! {
                    () = stop.cancelled() => return Err(Interrupted),
                    () = retire.cancelled() => return Err(Interrupted),
                    probed = probe::read_version(response, &url) => probed,
                };
                self.answer(answer);
                Ok(())
            }
            Ok(response) => {
                if permit.is_some() {
                    self.pacer.gate.answered(sent.elapsed());
                }
                self.read(request, response, seconds, permit).await
            }
            Err(error) => {
                self.heed(&request, &error);
                self.failed(error);
                Ok(())
            }
        }
    }

    async fn read(
        &mut self,
        request: Request,
        response: Response<Body>,
        seconds: u32,
        permit: Option<Pass>,
    ) -> Result<(), Interrupted> {
        let kind = match request {
            Request::WatchList => Kind::WatchList,
            Request::Page { .. } => Kind::Page,
            Request::Watch { .. } | Request::Probe => Kind::Watch,
        };
        self.answer(Answer::Opened);
        let idle = Duration::from_secs(u64::from(seconds) + 30);
        let life = (kind != Kind::Page).then(|| self.status.watching());
        Exchange::new(kind, response.into_body(), idle, permit, life)
            .run(self)
            .await?;
        if kind == Kind::Page && !self.server.resource.watchable && self.machine.failures() == 0 {
            self.poll_again().await?;
        }
        Ok(())
    }

    /// What cannot be watched is listed again after a while.
    async fn poll_again(&mut self) -> Result<(), Interrupted> {
        if let Step::Send(Request::Watch { .. }) = self.machine.step() {
            self.wait(self.timing.poll_interval).await?;
            self.machine.relist();
        }
        Ok(())
    }

    /// What one refusal says about all that is asked of the server.
    fn heed(&self, request: &Request, error: &RequestError) {
        let RequestError::Refused { refusal, .. } = error else {
            return;
        };
        match refusal.code {
            429 => self.pacer.gate.refused(),
            // What is served by others than the API server itself says nothing about it.
            400 | 422
                if *request == Request::WatchList && self.server.resource.gvk.group.is_empty() =>
            {
                self.pacer.no_streamed_lists();
            }
            _ => {}
        }
    }

    fn failed(&mut self, error: RequestError) {
        self.status.set_error_with(&error.chain(), remedy(&error));
        let answer = match error {
            RequestError::Refused { refusal, .. } => Answer::Refused(refusal),
            RequestError::Failed { .. } => Answer::Broken,
        };
        self.answer(answer);
    }

    /// Gives the machine an answer and does what it means.
    pub(crate) fn answer(&mut self, answer: Answer) {
        let restarted = matches!(answer, Answer::Broken | Answer::Refused(_));
        if restarted {
            self.status.restart();
        }
        if let Some(newest) = self.picture.newest() {
            self.machine.shown(newest);
        }
        let meaning = self.machine.on(answer, chance::unit());
        match &meaning {
            Meaning::Continue => {}
            Meaning::PassDone { .. } | Meaning::Resumed => self.chores.in_sync(),
            Meaning::PassBegun { .. }
            | Meaning::PassDoubted
            | Meaning::Forbidden
            | Meaning::Missing
            | Meaning::Failing => self.chores.out_of_sync(),
        }
        match meaning {
            Meaning::Continue => {}
            Meaning::PassBegun { history } => {
                self.unreadable = false;
                self.picture.begin_pass(history);
                self.status.set_state(ResourceState::Listing);
            }
            Meaning::PassDone { version } => {
                let readable = !self.unreadable || mutated(Mutation::DeleteUnreadable);
                let unconfirmed = self.picture.finish_pass(&version, readable);
                // What changed in a gap shows in no event.
                if self.listed && self.definitions.is_some() {
                    self.ring();
                }
                self.listed = true;
                self.chores.confirm(unconfirmed);
                self.chores.want_repair(&self.picture);
                self.status.set_state(ResourceState::Live);
                self.status.set_access(None);
                self.status.settle(true);
                tracing::debug!(resource = %self.server.resource, "synced");
            }
            Meaning::PassDoubted => {
                let error = "the server listed a state from before what it had shown; \
                             nothing is deleted, and it is asked again";
                tracing::warn!(resource = %self.server.resource, "{error}");
                self.status.set_error(error);
                self.status.restart();
                self.status.set_state(ResourceState::BackingOff);
            }
            Meaning::Resumed => {
                self.status.set_state(ResourceState::Live);
            }
            Meaning::Forbidden => {
                self.warn_once("the server forbids this resource");
                let before = self.status.set_state(ResourceState::Forbidden);
                if let Some(refused) = &self.refused
                    && before != ResourceState::Forbidden
                {
                    refused.ring.notify_one();
                }
                if self.refused.as_ref().is_none_or(|refused| refused.settles) {
                    self.status.settle(false);
                }
            }
            Meaning::Missing => {
                self.status.set_state(ResourceState::Gone);
                self.status.settle(false);
                self.ring();
            }
            Meaning::Failing => {
                self.status.set_state(ResourceState::BackingOff);
                if self.machine.failures() >= UNSETTLED_FAILURES_MAX {
                    self.status.settle(false);
                }
            }
        }
    }

    fn warn_once(&self, what: &'static str) {
        let snapshot = self.status.snapshot();
        if snapshot.state != ResourceState::Forbidden {
            let error = snapshot.last_error.unwrap_or_default();
            tracing::warn!(resource = %self.server.resource, %error, "{what}");
        }
    }

    /// Something happened that may change what the server serves.
    fn ring(&self) {
        if let Some(discover) = &self.discover {
            discover.notify_one();
        }
    }

    fn url(&self, request: &Request) -> (String, u32) {
        let path = &self.server.path;
        let more = f64::from(WATCH_SECONDS_MIN) * chance::unit() / 2.0;
        let seconds = WATCH_SECONDS_MIN + more as u32;
        let selectors = match self.server.selectors.as_str() {
            "" => String::new(),
            selectors => format!("&{selectors}"),
        };
        let url = match request {
            Request::WatchList => format!(
                "{path}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true\
                 &resourceVersionMatch=NotOlderThan&timeoutSeconds={seconds}{selectors}"
            ),
            Request::Watch { version } => format!(
                "{path}?watch=1&allowWatchBookmarks=true&resourceVersion={}\
                 &timeoutSeconds={seconds}{selectors}",
                escape(version)
            ),
            Request::Probe => format!("{path}?limit=1{selectors}"),
            Request::Page {
                continue_token,
                paged,
            } => self.server.page_url(continue_token.as_deref(), *paged),
        };
        (url, seconds)
    }
}

/// Collection over all namespaces, or of the one that is observed.
fn collection_path(resource: &Resource, view: &View) -> String {
    let path = resource.collection_path();
    match view.only_namespace().filter(|_| resource.namespaced) {
        Some(only) => match path.rsplit_once('/') {
            Some((base, plural)) => format!("{base}/namespaces/{only}/{plural}"),
            None => path,
        },
        None => path,
    }
}

/// What the server is to select, as a part of a query; empty where it is everything.
fn selectors(pushed: &Pushed) -> String {
    let labels = pushed.labels();
    let labels = labels.map(|labels| format!("labelSelector={}", escape(&labels)));
    let fields = pushed.fields();
    let fields = fields.map(|fields| format!("fieldSelector={}", escape(&fields)));
    let selectors: Vec<String> = labels.into_iter().chain(fields).collect();
    selectors.join("&")
}

fn page_url(path: &str, selectors: &str, continue_token: Option<&str>, paged: bool) -> String {
    let limit = paged.then(|| format!("limit={PAGE_OBJECTS_MAX}"));
    let token = continue_token.filter(|_| paged);
    let token = token.map(|token| format!("continue={}", escape(token)));
    let selectors = (!selectors.is_empty()).then(|| selectors.to_owned());
    let query: Vec<String> = limit.into_iter().chain(token).chain(selectors).collect();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", query.join("&")),
    }
}

pub(crate) fn escape(text: &str) -> impl std::fmt::Display + '_ {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

fn remedy(error: &RequestError) -> &'static str {
    match error {
        RequestError::Refused { refusal, .. } => match refusal.code {
            401 => "check the credentials; they are read again at the next try",
            403 => "grant get, list and watch on it, or exclude it",
            404 | 405 => "it is not served (any more); discovery will notice",
            410 => "too old a position; everything is listed again",
            429 => "the server is busy; tried again when it says so",
            _ => "tried again with back-off",
        },
        RequestError::Failed { .. } => {
            "check that the API server is up and reachable; tried again with back-off"
        }
    }
}
