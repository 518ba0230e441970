//! Reading a resource again for somebody who asked, beside its watch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use kube::client::Body;
use meshsync_model::Index;

use super::chores::Server;
use crate::api::{RequestError, get};
use crate::frame::{Frame, ListFramer, OBJECT_BYTES_MAX};
use crate::pace::{Pacer, Pass, rank};
use crate::picture::Picture;
use crate::timing::Timing;
use crate::{Deliver, Reader};

/// A reading that broke off begins again, so often at most.
const ATTEMPTS_MAX: u32 = 3;

/// See the [module](self). One reader at a time, the others wait.
pub(super) struct Reread {
    waiting: VecDeque<Box<dyn Reader>>,
    reader: Option<Box<dyn Reader>>,
    state: State,
    attempts: u32,
    index: Index,
    pacer: Arc<Pacer>,
    silence_max: Duration,
}

enum State {
    Idle,
    Opening(BoxFuture<'static, Result<Page, RequestError>>),
    Reading(Page),
}

/// A page on its way.
pub(super) struct Page {
    body: Body,
    framer: ListFramer,
    /// The bytes of the one object that was asked for.
    one: Option<Vec<u8>>,
    _pass: Option<Pass>,
}

/// What happened to a reading.
pub(super) enum Turn {
    Begin,
    Opened(Page),
    Chunk(Bytes),
    PageEnd,
    Broken(String),
}

impl Reread {
    pub(super) fn new(pacer: Arc<Pacer>, timing: &Timing) -> Self {
        Self {
            waiting: VecDeque::new(),
            reader: None,
            state: State::Idle,
            attempts: 0,
            index: Index::new(),
            pacer,
            silence_max: timing.list_silence_max,
        }
    }

    pub(super) fn begin(&mut self, reader: Box<dyn Reader>) {
        self.waiting.push_back(reader);
    }

    /// Waits for the next thing to handle; for ever when nobody asks. Dropping
    /// it half-way loses nothing.
    pub(super) async fn next(&mut self) -> Turn {
        let Some(reader) = &mut self.reader else {
            if self.waiting.is_empty() {
                std::future::pending::<()>().await;
            }
            return Turn::Begin;
        };
        reader.ready().await;
        match &mut self.state {
            State::Idle => Turn::Begin,
            State::Opening(opening) => match opening.await {
                Ok(page) => Turn::Opened(page),
                Err(error) => Turn::Broken(error.chain()),
            },
            State::Reading(page) => {
                match tokio::time::timeout(self.silence_max, page.body.frame()).await {
                    Ok(Some(Ok(frame))) => Turn::Chunk(frame.into_data().unwrap_or_default()),
                    Ok(None) => Turn::PageEnd,
                    Ok(Some(Err(error))) => Turn::Broken(error.to_string()),
                    Err(elapsed) => Turn::Broken(elapsed.to_string()),
                }
            }
        }
    }

    /// Does what [`Reread::next`] found.
    pub(super) fn handle<D: Deliver>(
        &mut self,
        turn: Turn,
        server: &Server,
        picture: &mut Picture<D>,
    ) {
        match (turn, &mut self.state) {
            (Turn::Begin, _) => {
                if self.reader.is_none() {
                    self.reader = self.waiting.pop_front();
                    self.attempts = 0;
                }
                let one = self.only();
                // Nothing is known, so that nothing could be shown.
                if let Some((namespace, name)) = one {
                    if picture.has_named(namespace.as_deref(), &name) {
                        let url = server.resource.object_path(namespace.as_deref(), &name);
                        self.state = self.open_one(server, url);
                    } else {
                        self.done();
                    }
                } else if picture.is_empty() {
                    self.done();
                } else {
                    self.state = self.open(server, server.page_url(None, true));
                }
            }
            (Turn::Opened(page), _) => self.state = State::Reading(page),
            (Turn::Chunk(chunk), State::Reading(page)) => {
                let Some(reader) = &mut self.reader else {
                    return;
                };
                if let Some(one) = &mut page.one {
                    if one.len() + chunk.len() > OBJECT_BYTES_MAX {
                        self.broken("the object is too large", server);
                    } else {
                        one.extend_from_slice(&chunk);
                    }
                    return;
                }
                let index = &mut self.index;
                let pushed = page.framer.push(&chunk, |frame| {
                    if let Frame::Whole(item) = frame
                        && let Ok(object) = index.parse(item)
                    {
                        picture.show(&object, &mut **reader);
                    }
                });
                reader.flush();
                if let Err(error) = pushed {
                    self.broken(&error.to_string(), server);
                }
            }
            (Turn::PageEnd, State::Reading(Page { one: Some(one), .. })) => {
                if let Some(reader) = &mut self.reader
                    && let Ok(object) = self.index.parse(one)
                {
                    picture.show(&object, &mut **reader);
                    reader.flush();
                }
                self.done();
            }
            (Turn::PageEnd, State::Reading(page)) => {
                match std::mem::take(&mut page.framer).finish() {
                    Ok(end) => match end.continue_token {
                        Some(token) => {
                            let url = server.page_url(Some(&token), true);
                            self.state = self.open(server, url);
                        }
                        None => self.done(),
                    },
                    Err(error) => self.broken(&error.to_string(), server),
                }
            }
            (Turn::Broken(error), _) => self.broken(&error, server),
            (Turn::Chunk(_) | Turn::PageEnd, _) => self.broken("out of step", server),
        }
    }

    fn broken(&mut self, error: &str, server: &Server) {
        self.attempts += 1;
        if self.only().is_some() {
            // Once was promised; what changes later is told by itself.
            tracing::debug!(resource = %server.resource, error, "an object could not be read again");
            return self.done();
        }
        if self.attempts < ATTEMPTS_MAX {
            tracing::debug!(resource = %server.resource, error, "reading again begins anew");
            self.state = self.open(server, server.page_url(None, true));
        } else {
            tracing::warn!(
                resource = %server.resource, error,
                "a reading that somebody asked for is incomplete: ask again when the server answers"
            );
            self.done();
        }
    }

    fn done(&mut self) {
        self.reader = None;
        self.state = State::Idle;
    }

    fn only(&self) -> Option<(Option<String>, String)> {
        let (namespace, name) = self.reader.as_ref()?.only()?;
        Some((namespace.map(str::to_owned), name.to_owned()))
    }

    fn open_one(&self, server: &Server, url: String) -> State {
        let (client, pacer) = (server.client.clone(), Arc::clone(&self.pacer));
        let accept = server.accept_watch();
        State::Opening(Box::pin(async move {
            pacer.request().await;
            let response = get(&client, &url, accept, None).await?;
            Ok(Page {
                body: response.into_body(),
                framer: ListFramer::new(),
                one: Some(Vec::new()),
                _pass: None,
            })
        }))
    }

    fn open(&self, server: &Server, url: String) -> State {
        let (client, pacer) = (server.client.clone(), Arc::clone(&self.pacer));
        let rank = rank(&server.resource, server.tier);
        let accept = server.accept_list();
        State::Opening(Box::pin(async move {
            let pass = pacer.gate.queue(rank).pass().await;
            pacer.request().await;
            let response = get(&client, &url, accept, None).await?;
            Ok(Page {
                body: response.into_body(),
                framer: ListFramer::new(),
                one: None,
                _pass: pass,
            })
        }))
    }
}
