//! Asking for objects one by one when a list could not be read in full.
//!
//! An object that such a list did not show may be the very one that could not be
//! read. Only the server's *not found*, or another uid under its name, says that
//! it is gone.

use std::collections::VecDeque;

use futures::future::BoxFuture;

use super::ask::{Found, ask};
use super::chores::Server;
use crate::ledger::OwnedRef;

/// At most this many are asked for after one list; the others stay until the
/// next one.
const ASKED_MAX: usize = 1000;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Confirm {
    waiting: VecDeque<OwnedRef>,
    asking: Option<(OwnedRef, BoxFuture<'static, bool>)>,
    /// The picture waits for the end of it.
    under_way: bool,
}

impl Confirm {
    /// Begins with what the last list did not show.
    pub(super) fn begin(&mut self, unconfirmed: Vec<OwnedRef>) {
        self.asking = None;
        self.under_way = !unconfirmed.is_empty();
        if unconfirmed.len() > ASKED_MAX {
            let count = unconfirmed.len();
            tracing::warn!(
                count,
                asked = ASKED_MAX,
                "too many objects to ask for; the rest stay until the next list"
            );
        }
        self.waiting = unconfirmed.into_iter().take(ASKED_MAX).collect();
    }

    /// Waits for the next answer; for ever when there is nothing to do. Dropping
    /// it half-way loses nothing.
    pub(super) async fn next(&mut self, server: &Server) -> Confirmation {
        loop {
            if let Some((object, asking)) = &mut self.asking {
                let gone = asking.await;
                let object = object.clone();
                self.asking = None;
                if gone {
                    return Confirmation::Gone(object);
                }
            } else if let Some(object) = self.waiting.pop_front() {
                let asking = is_gone(server, &object);
                self.asking = Some((object, asking));
            } else if self.under_way {
                self.under_way = false;
                return Confirmation::Complete;
            } else {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// What was found out.
pub(super) enum Confirmation {
    /// The server has no such object.
    Gone(OwnedRef),
    /// All have been asked for.
    Complete,
}

/// Whether the server says that there is no such object (any more). Where its uid
/// cannot be read, it may be the same.
fn is_gone(server: &Server, object: &OwnedRef) -> BoxFuture<'static, bool> {
    let client = server.client.clone();
    let known = object.uid.clone();
    let path = server
        .resource
        .object_path(object.namespace.as_deref(), &object.name);
    Box::pin(async move {
        match ask(client, path).await {
            Found::Nothing => true,
            Found::Object { uid, .. } => !uid.matches(&known),
            Found::Unknown => false,
        }
    })
}
