//! What a task does beside its list or watch.

use std::sync::Arc;

use kube::Client;
use meshsync_model::Resource;
use tokio::sync::Semaphore;

use super::confirm::{Confirm, Confirmation};
use super::repair::{Progress, Repair};
use crate::ledger::OwnedRef;
use crate::picture::Picture;
use crate::{Deliver, Room};

/// The server, and the resource's place there.
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) resource: Arc<Resource>,
    /// The collection that is observed.
    pub(super) path: String,
}

/// Reading again for sinks that had no room, and confirming what an unreadable
/// list did not show.
pub(super) struct Chores<R> {
    room: R,
    repair: Repair<R>,
    confirm: Confirm,
}

impl<R: Room> Chores<R> {
    pub(super) fn new(room: impl Fn() -> R, lists: Arc<Semaphore>) -> Self {
        Self {
            room: room(),
            repair: Repair::new(room(), lists),
            confirm: Confirm::default(),
        }
    }

    pub(super) fn confirm(&mut self, unconfirmed: Vec<OwnedRef>) {
        self.confirm.begin(unconfirmed);
    }

    /// A list is complete: whoever was left out of it is owed.
    pub(super) fn want_repair<D: Deliver>(&mut self, picture: &Picture<D>) {
        self.repair.want(picture);
    }

    /// Waits for the next thing to handle; for ever when there is nothing to do.
    /// Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self, server: &Server) -> Chore {
        tokio::select! {
            () = self.room.again() => Chore::Room,
            progress = self.repair.next() => Chore::Repair(progress),
            confirmation = self.confirm.next(server) => Chore::Confirm(confirmation),
        }
    }

    /// Does what [`Chores::next`] found.
    pub(super) fn handle<D: Deliver>(
        &mut self,
        chore: Chore,
        server: &Server,
        picture: &mut Picture<D>,
    ) {
        match chore {
            Chore::Room => {
                picture.repay_deletes();
                self.repair.want(picture);
            }
            Chore::Repair(progress) => self.repair.handle(progress, server, picture),
            Chore::Confirm(Confirmation::Gone(object)) => picture.confirmed_gone(&object),
            Chore::Confirm(Confirmation::Complete) => picture.confirmed(),
        }
    }
}

/// Something to do.
pub(super) enum Chore {
    /// A sink that refused something may take it now.
    Room,
    Repair(Progress),
    Confirm(Confirmation),
}
