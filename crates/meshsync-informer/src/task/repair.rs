//! Reading again what a sink had no room for.
//!
//! A full outbox drops bodies and the ledger remembers for whom. When there is
//! room again, the resource is listed once more beside its watch, in pages, and
//! every object that somebody lacks in just that state is given to them. The
//! watch is read meanwhile.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Response;
use http_body_util::BodyExt;
use kube::client::Body;
use meshsync_model::Index;
use tokio::time::Instant;

use super::chores::Server;
use crate::api::{RequestError, get};
use crate::chance;
use crate::frame::{Frame, ListFramer};
use crate::pace::{Pacer, Pass, rank};
use crate::picture::Picture;
use crate::timing::{Timing, exponential};
use crate::{Deliver, Room};

/// See the [module](self).
pub(super) struct Repair<R> {
    state: State,
    index: Index,
    room: R,
    pacer: Arc<Pacer>,
    /// After a reading that helped nobody, or failed.
    retry: RangeInclusive<Duration>,
    silence_max: Duration,
    /// Readings in a row that helped nobody.
    vain: u32,
    /// How many objects were owed when the reading began.
    owed: u64,
}

enum State {
    Idle,
    Due(Instant),
    Opening(BoxFuture<'static, Result<Reading, RequestError>>),
    Reading(Reading),
}

/// What happened to a reading.
pub(super) enum Progress {
    Due,
    Opened(Reading),
    Chunk(Bytes),
    PageEnd,
    Broken,
}

/// A page on its way.
pub(super) struct Reading {
    body: Body,
    framer: ListFramer,
    /// One of the lists that may run at once.
    _pass: Option<Pass>,
}

impl<R: Room> Repair<R> {
    pub(super) fn new(room: R, pacer: Arc<Pacer>, timing: &Timing) -> Self {
        Self {
            state: State::Idle,
            index: Index::new(),
            room,
            pacer,
            retry: timing.repair.clone(),
            silence_max: timing.list_silence_max,
            vain: 0,
            owed: 0,
        }
    }

    /// Asks for a reading if it can help somebody: one that is under way or due
    /// is as good.
    pub(super) fn want<D: Deliver>(&mut self, picture: &Picture<D>) {
        if matches!(self.state, State::Idle) && picture.dirty_sinks().meets(self.room.reachable()) {
            self.owed = picture.owed_count();
            self.state = State::Due(Instant::now());
        }
    }

    /// Waits for the next thing to handle; for ever when there is nothing to do.
    /// Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self) -> Progress {
        match &mut self.state {
            State::Idle => std::future::pending().await,
            State::Due(at) => {
                tokio::time::sleep_until(*at).await;
                Progress::Due
            }
            State::Opening(opening) => {
                self.room.free().await;
                match opening.await {
                    Ok(reading) => Progress::Opened(reading),
                    Err(error) => {
                        tracing::debug!(error = %error.chain(), "reading again failed");
                        Progress::Broken
                    }
                }
            }
            State::Reading(reading) => {
                self.room.free().await;
                match tokio::time::timeout(self.silence_max, reading.body.frame()).await {
                    Ok(Some(Ok(frame))) => Progress::Chunk(frame.into_data().unwrap_or_default()),
                    Ok(None) => Progress::PageEnd,
                    Ok(Some(Err(_))) | Err(_) => Progress::Broken,
                }
            }
        }
    }

    /// Does what [`Repair::next`] found.
    pub(super) fn handle<D: Deliver>(
        &mut self,
        progress: Progress,
        server: &Server,
        picture: &mut Picture<D>,
    ) {
        match (progress, &mut self.state) {
            (Progress::Due, _) => {
                self.owed = picture.owed_count();
                self.state = self.open(server, server.page_url(None, true));
            }
            (Progress::Opened(reading), _) => self.state = State::Reading(reading),
            (Progress::Chunk(chunk), State::Reading(reading)) => {
                let index = &mut self.index;
                let pushed = reading.framer.push(&chunk, |frame| {
                    if let Frame::Whole(item) = frame
                        && let Ok(object) = index.parse(item)
                    {
                        picture.repay_state(&object);
                    }
                });
                if pushed.is_err() {
                    self.later();
                }
            }
            (Progress::PageEnd, State::Reading(reading)) => {
                let end = std::mem::take(&mut reading.framer).finish();
                match end.map(|end| end.continue_token) {
                    Ok(Some(token)) => {
                        let url = server.page_url(Some(&token), true);
                        self.state = self.open(server, url);
                    }
                    Ok(None) => self.done(picture),
                    Err(_) => self.later(),
                }
            }
            (Progress::Chunk(_) | Progress::PageEnd | Progress::Broken, _) => self.later(),
        }
    }

    /// The resource was read to its end.
    fn done<D: Deliver>(&mut self, picture: &Picture<D>) {
        if picture.owed_count() < self.owed {
            self.vain = 0;
        }
        if picture.dirty_sinks().meets(self.room.reachable()) {
            self.later();
        } else {
            self.vain = 0;
            self.state = State::Idle;
        }
    }

    fn later(&mut self) {
        self.vain += 1;
        let wait = exponential(&self.retry, self.vain, chance::unit());
        self.state = State::Due(Instant::now() + wait);
    }

    fn open(&self, server: &Server, url: String) -> State {
        let (client, pacer) = (server.client.clone(), Arc::clone(&self.pacer));
        let rank = rank(&server.resource, server.tier);
        let accept = server.accept_list();
        State::Opening(Box::pin(async move {
            let pass = pacer.gate.queue(rank).pass().await;
            pacer.request().await;
            let response: Response<Body> = get(&client, &url, accept, None).await?;
            Ok(Reading {
                body: response.into_body(),
                framer: ListFramer::new(),
                _pass: pass,
            })
        }))
    }
}
