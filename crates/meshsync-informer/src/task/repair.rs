//! Reading again what a sink had no room for.
//!
//! A full outbox drops bodies and the ledger remembers for whom. When there is
//! room again, the resource is listed once more beside its watch, in pages, and
//! every object that somebody lacks in just that state is given to them. The
//! watch is read meanwhile.

use std::time::Duration;

use futures::future::BoxFuture;
use http::Response;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use meshsync_model::Index;
use tokio::time::Instant;

use super::page_url;
use crate::api::{ACCEPT_JSON, RequestError, get};
use crate::frame::{Frame, ListFramer};
use crate::picture::Picture;
use crate::{Deliver, Room};

/// After a reading that left somebody without a state, or failed.
const RETRY: Duration = Duration::from_secs(5);

/// See the [module](self).
pub(super) struct Repair<R> {
    state: State,
    index: Index,
    room: R,
}

enum State {
    Idle,
    Due(Instant),
    Opening(BoxFuture<'static, Result<Response<Body>, RequestError>>),
    Reading { body: Body, framer: ListFramer },
}

impl<R: Room> Repair<R> {
    pub(super) fn new(room: R) -> Self {
        Self {
            state: State::Idle,
            index: Index::new(),
            room,
        }
    }

    /// Asks for a reading, unless one is under way.
    pub(super) fn want(&mut self) {
        if matches!(self.state, State::Idle | State::Due(_)) {
            self.state = State::Due(Instant::now());
        }
    }

    /// Does one step. Pends for ever when there is nothing to do; dropping it
    /// half-way loses nothing.
    pub(super) async fn turn<D: Deliver>(
        &mut self,
        client: &Client,
        path: &str,
        picture: &mut Picture<D>,
    ) {
        match &mut self.state {
            State::Idle => std::future::pending().await,
            State::Due(at) => {
                tokio::time::sleep_until(*at).await;
                self.state = open(client, page_url(path, None, true));
            }
            State::Opening(opening) => {
                self.room.free().await;
                match opening.await {
                    Ok(response) => {
                        self.state = State::Reading {
                            body: response.into_body(),
                            framer: ListFramer::new(),
                        };
                    }
                    Err(error) => {
                        tracing::debug!(path, error = %error.chain(), "reading again failed");
                        self.state = State::Due(Instant::now() + RETRY);
                    }
                }
            }
            State::Reading { body, framer } => {
                self.room.free().await;
                match body.frame().await {
                    Some(Ok(frame)) => {
                        let Ok(chunk) = frame.into_data() else { return };
                        let index = &mut self.index;
                        let pushed = framer.push(&chunk, |frame| {
                            if let Frame::Whole(item) = frame
                                && let Ok(object) = index.parse(item)
                            {
                                picture.repay_state(&object);
                            }
                        });
                        if pushed.is_err() {
                            self.state = State::Due(Instant::now() + RETRY);
                        }
                    }
                    Some(Err(_)) => self.state = State::Due(Instant::now() + RETRY),
                    None => {
                        let end = std::mem::take(framer).finish();
                        self.end(
                            end.map(|end| end.continue_token).ok(),
                            client,
                            path,
                            picture,
                        );
                    }
                }
            }
        }
    }

    fn end<D: Deliver>(
        &mut self,
        next: Option<Option<String>>,
        client: &Client,
        path: &str,
        picture: &mut Picture<D>,
    ) {
        self.state = match next {
            Some(Some(token)) => open(client, page_url(path, Some(&token), true)),
            Some(None) if !picture.repaid() => State::Idle,
            Some(None) | None => State::Due(Instant::now() + RETRY),
        };
    }
}

fn open(client: &Client, url: String) -> State {
    let client = client.clone();
    State::Opening(Box::pin(async move {
        get(&client, &url, ACCEPT_JSON, None).await
    }))
}
