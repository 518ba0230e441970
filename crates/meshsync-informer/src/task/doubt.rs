//! Finding out why a server that selects for us shows an object no more.
//!
//! A watch with a selector sends a delete for an object that is gone, and the same for one that
//! does not meet the selector any more. Only the object itself tells which.

use std::collections::VecDeque;

use futures::future::BoxFuture;
use meshsync_model::Reason;

use super::ask::{Found, ask};
use super::chores::Server;
use crate::Deliver;
use crate::picture::{Doubt, Picture};

/// So many may wait; what else is told as deleted, without a reason.
const WAITING_MAX: usize = 1_000;

/// See the [module](self). One is asked for at a time.
#[derive(Default)]
pub(super) struct Doubts {
    waiting: VecDeque<Doubt>,
    asking: Option<(Doubt, BoxFuture<'static, Found>)>,
}

/// What was found out.
pub(super) struct Settled(Doubt, Found);

impl Doubts {
    /// Takes an object that is shown no more; gives it back when too many wait.
    pub(super) fn add(&mut self, doubt: Doubt) -> Option<Doubt> {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(doubt);
            None
        } else {
            Some(doubt)
        }
    }

    /// Waits for the next answer; for ever when there is nothing to ask. Dropping it
    /// half-way loses nothing.
    pub(super) async fn next(&mut self, server: &Server) -> Settled {
        if self.asking.is_none() {
            let Some(doubt) = self.waiting.pop_front() else {
                return std::future::pending().await;
            };
            let object = &doubt.object;
            let path = server
                .resource
                .object_path(object.namespace.as_deref(), &object.name);
            let asking = Box::pin(ask(server.client.clone(), path));
            self.asking = Some((doubt, asking));
        }
        let found = match &mut self.asking {
            Some((_, asking)) => asking.await,
            None => Found::Unknown,
        };
        match self.asking.take() {
            Some((doubt, _)) => Settled(doubt, found),
            None => std::future::pending().await,
        }
    }
}

impl Settled {
    /// Tells it.
    pub(super) fn tell<D: Deliver>(&self, picture: &mut Picture<D>) {
        let Self(doubt, found) = self;
        let is_there = match found {
            Found::Object { uid, .. } => uid.matches(&doubt.object.uid),
            // Who may not ask is not told; the server said that it is gone.
            Found::Nothing | Found::Unknown => false,
        };
        picture.settle_doubt(doubt, is_there.then_some(Reason::Unselected));
    }
}
