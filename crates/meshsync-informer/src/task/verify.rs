//! Checking now and then that what is known is what the server has.
//!
//! A consistent list is read in pages, beside the watch, and compared with the
//! ledger by digest. Where they differ, which is usual while much changes, the
//! list is read once more to see what differs. What still does after a while,
//! though neither side changed in between, is drift: it is reported by name, and
//! a new list repairs it.

mod look;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use kube::client::Body;
use meshsync_model::Index;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use self::look::{Difference, Explain, Look, Suspect};
use super::ask::{Found, ask};
use super::chores::Server;
use crate::api::{ACCEPT_METADATA_LIST, RequestError, get};
use crate::chance;
use crate::frame::{Frame, ListFramer};
use crate::ledger::Digest;
use crate::picture::Picture;
use crate::status::ResourceStatus;
use crate::timing::Timing;
use crate::verified::Verified;
use crate::{Deliver, VerifyConfig};

/// See the [module](self).
pub(super) struct Verify {
    config: Option<VerifyConfig>,
    settle: Duration,
    silence_max: Duration,
    state: State,
    /// When the next check is due; it stays due while the picture is not followed.
    due: Option<Instant>,
    index: Index,
    status: Arc<ResourceStatus>,
}

enum State {
    /// The picture is not in sync, or nobody wants to know.
    Idle,
    Due(Instant),
    /// One resource after the other.
    Queued(BoxFuture<'static, Option<OwnedSemaphorePermit>>),
    Opening(Check, BoxFuture<'static, Result<Body, RequestError>>),
    Reading(Check, Page),
    Settling(Suspects, Instant),
    Asking(Suspects, BoxFuture<'static, Found>),
}

/// A list that is read.
struct Check {
    look: Look,
    permit: Option<OwnedSemaphorePermit>,
}

struct Page {
    body: Body,
    framer: ListFramer,
}

/// What is being looked into one by one.
struct Suspects {
    waiting: VecDeque<Suspect>,
    found: Verified,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What happened to a check.
pub(super) enum Event {
    Due,
    Turn(Option<OwnedSemaphorePermit>),
    Opened(Body),
    Chunk(Bytes),
    PageEnd,
    Settled,
    Found(Found),
    Broken(String),
}

impl Verify {
    pub(super) fn new(
        config: Option<VerifyConfig>,
        timing: &Timing,
        status: Arc<ResourceStatus>,
    ) -> Self {
        Self {
            config,
            settle: timing.verify_settle,
            silence_max: timing.list_silence_max,
            state: State::Idle,
            due: None,
            index: Index::new(),
            status,
        }
    }

    /// The picture is complete and followed.
    pub(super) fn resume(&mut self) {
        match (&self.state, self.due) {
            (State::Idle, None) => self.later(),
            // Not before what happened meanwhile has had time to arrive.
            (State::Idle, Some(due)) => {
                self.state = State::Due(due.max(Instant::now() + self.settle));
            }
            _ => {}
        }
    }

    /// The picture is not followed for now: nothing can be compared with it.
    pub(super) fn interrupt(&mut self) {
        self.state = State::Idle;
    }

    fn later(&mut self) {
        // Not all resources at once.
        let wait = |config: &VerifyConfig| config.interval.mul_f64(0.75 + chance::unit() / 2.0);
        self.due = self
            .config
            .as_ref()
            .map(wait)
            .map(|wait| Instant::now() + wait);
        self.state = self.due.map_or(State::Idle, State::Due);
    }

    /// Waits for the next thing to handle; for ever when there is nothing to do.
    /// Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self) -> Event {
        match &mut self.state {
            State::Idle => std::future::pending().await,
            State::Due(at) => {
                tokio::time::sleep_until(*at).await;
                Event::Due
            }
            State::Queued(turn) => Event::Turn(turn.await),
            State::Opening(_, opening) => match opening.await {
                Ok(body) => Event::Opened(body),
                Err(error) => Event::Broken(error.chain()),
            },
            State::Reading(_, page) => {
                match tokio::time::timeout(self.silence_max, page.body.frame()).await {
                    Ok(Some(Ok(frame))) => Event::Chunk(frame.into_data().unwrap_or_default()),
                    Ok(None) => Event::PageEnd,
                    Ok(Some(Err(error))) => Event::Broken(error.to_string()),
                    Err(elapsed) => Event::Broken(elapsed.to_string()),
                }
            }
            State::Settling(_, until) => {
                tokio::time::sleep_until(*until).await;
                Event::Settled
            }
            State::Asking(_, asking) => Event::Found(asking.await),
        }
    }

    /// Does what [`Verify::next`] found. Returns whether everything has to be
    /// listed again: there is drift.
    pub(super) fn handle<D: Deliver>(
        &mut self,
        event: Event,
        server: &Server,
        picture: &Picture<D>,
    ) -> bool {
        match (event, std::mem::replace(&mut self.state, State::Idle)) {
            (Event::Due, _) => {
                if let Some(config) = &self.config {
                    let turn = Arc::clone(&config.turn);
                    self.state = State::Queued(Box::pin(async { turn.acquire_owned().await.ok() }));
                }
            }
            (Event::Turn(permit), _) => {
                let look = Look::Sum(Digest::new());
                self.open(Check { look, permit }, server, None);
            }
            (Event::Opened(body), State::Opening(check, _)) => {
                let framer = ListFramer::new();
                self.state = State::Reading(check, Page { body, framer });
            }
            (Event::Chunk(chunk), State::Reading(mut check, mut page)) => {
                let index = &mut self.index;
                let pushed = page.framer.push(&chunk, |frame| {
                    // What cannot be read is reported by whoever lists it.
                    if let Frame::Whole(item) = frame
                        && let Ok(object) = index.parse(item)
                    {
                        check.look.item(&object, picture);
                    }
                });
                match pushed {
                    Ok(()) => self.state = State::Reading(check, page),
                    Err(error) => self.broken(&error.to_string()),
                }
            }
            (Event::PageEnd, State::Reading(check, page)) => match page.framer.finish() {
                Ok(end) => match end.continue_token {
                    Some(token) => self.open(check, server, Some(&token)),
                    None => self.listed(check, server, picture),
                },
                Err(error) => self.broken(&error.to_string()),
            },
            (Event::Settled, State::Settling(suspects, _)) => {
                return self.ask_next(suspects, server);
            }
            (Event::Found(found), State::Asking(mut suspects, _)) => {
                suspects.take(&found, picture, server);
                return self.ask_next(suspects, server);
            }
            (Event::Broken(error), _) => self.broken(&error),
            (_, state) => self.state = state,
        }
        false
    }

    /// A list was read to its end.
    fn listed<D: Deliver>(&mut self, check: Check, server: &Server, picture: &Picture<D>) {
        let Check { look, permit } = check;
        match look {
            Look::Sum(digest) if digest.equals(&picture.digest(&digest)) => {
                self.status.verified(Verified::new(digest.objects()));
                self.later();
            }
            Look::Sum(_) => {
                let look = Look::Explain(Explain::default());
                self.open(Check { look, permit }, server, None);
            }
            Look::Explain(explain) => {
                let (suspects, objects) = explain.finish(picture);
                let suspects = Suspects {
                    waiting: suspects.into(),
                    found: Verified::new(objects),
                    _permit: permit,
                };
                // What changed at this moment has its event on the way.
                self.state = State::Settling(suspects, Instant::now() + self.settle);
            }
        }
    }

    /// Asks for the next suspect. Returns whether the last one has been asked for
    /// and there is drift.
    fn ask_next(&mut self, suspects: Suspects, server: &Server) -> bool {
        if let Some(suspect) = suspects.waiting.front() {
            let object = &suspect.object;
            let path = server
                .resource
                .object_path(object.namespace.as_deref(), &object.name);
            let asking = Box::pin(ask(server.client.clone(), path));
            self.state = State::Asking(suspects, asking);
            return false;
        }
        let drift = suspects.found.drift();
        if drift > 0 {
            tracing::warn!(
                resource = %server.resource, missing = suspects.found.missing,
                extra = suspects.found.extra, other = suspects.found.other,
                "what is known differs from what the server has; everything is listed again"
            );
        }
        self.status.verified(suspects.found);
        self.later();
        drift > 0
    }

    fn broken(&mut self, error: &str) {
        tracing::debug!(error, "a check broke off; the next one comes in its time");
        self.later();
    }

    fn open(&mut self, check: Check, server: &Server, continue_token: Option<&str>) {
        let url = server.page_url(continue_token, true);
        let client = server.client.clone();
        let opening = Box::pin(async move {
            // Versions are in the metadata; the bytes of bodies say no more.
            let response = get(&client, &url, ACCEPT_METADATA_LIST, None).await?;
            Ok(response.into_body())
        });
        self.state = State::Opening(check, opening);
    }
}

impl Suspects {
    /// The server has answered about the first one.
    fn take<D: Deliver>(&mut self, found: &Found, picture: &Picture<D>, server: &Server) {
        let Some(suspect) = self.waiting.pop_front() else {
            return;
        };
        let known = picture.state(suspect.object.as_ref());
        let Some(difference) = suspect.verdict(known.as_ref(), found) else {
            return;
        };
        let (count, what) = match difference {
            Difference::Missing => (&mut self.found.missing, "missing"),
            Difference::Extra => (&mut self.found.extra, "extra"),
            Difference::Other => (&mut self.found.other, "other version"),
        };
        *count += 1;
        self.found.name(
            suspect.object.namespace.as_deref(),
            &suspect.object.name,
            what,
            &server.resource,
        );
    }
}
