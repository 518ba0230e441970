//! What a task does beside its list or watch.

use std::sync::Arc;

use kube::Client;
use meshsync_discovery::View;
use meshsync_model::{Resource, Tier};
use tokio::sync::Semaphore;

use super::confirm::{Confirm, Confirmation};
use super::orders::{Order, Ordered};
use super::repair::{Progress, Repair};
use super::reread::{Reread, Turn};
use super::verify::{self, Verify};
use crate::api::{ACCEPT_JSON, ACCEPT_METADATA, ACCEPT_METADATA_LIST};
use crate::ledger::OwnedRef;
use crate::picture::Picture;
use crate::timing::Timing;
use crate::{Deliver, Reader, Room};

/// The server, and the resource's place there.
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) resource: Arc<Resource>,
    /// The collection that is observed.
    pub(super) path: String,
    /// How much of its objects is asked for.
    pub(super) tier: Tier,
}

impl Server {
    /// What is asked of the server in view of what is observed.
    pub(super) fn new(client: Client, resource: Arc<Resource>, view: &View) -> Self {
        let path = super::collection_path(&resource, &view.namespaces);
        Self {
            client,
            resource,
            path,
            tier: view.depth.deepest(),
        }
    }

    fn observe(&mut self, view: &View) {
        self.path = super::collection_path(&self.resource, &view.namespaces);
        self.tier = view.depth.deepest();
    }

    /// The form of lists.
    pub(super) fn accept_list(&self) -> &'static str {
        match self.tier {
            Tier::Presence => ACCEPT_METADATA_LIST,
            _ => ACCEPT_JSON,
        }
    }

    /// The form of what a watch sends, initial objects included.
    pub(super) fn accept_watch(&self) -> &'static str {
        match self.tier {
            Tier::Presence => ACCEPT_METADATA,
            _ => ACCEPT_JSON,
        }
    }
}

/// Reading again for sinks that had no room and for whoever asks, confirming what
/// an unreadable list did not show, checking, and taking orders.
pub(super) struct Chores<R> {
    room: R,
    repair: Repair<R>,
    confirm: Confirm,
    reread: Reread,
    verify: Verify,
    ordered: Ordered,
}

impl<R: Room> Chores<R> {
    pub(super) fn new(
        room: impl Fn() -> R,
        lists: Arc<Semaphore>,
        ordered: Ordered,
        verify: Verify,
        timing: &Timing,
    ) -> Self {
        Self {
            room: room(),
            repair: Repair::new(room(), Arc::clone(&lists), timing),
            confirm: Confirm::default(),
            reread: Reread::new(lists, timing),
            verify,
            ordered,
        }
    }

    pub(super) fn confirm(&mut self, unconfirmed: Vec<OwnedRef>) {
        self.confirm.begin(unconfirmed);
    }

    /// A list is complete: whoever was left out of it is owed.
    pub(super) fn want_repair<D: Deliver>(&mut self, picture: &Picture<D>) {
        self.repair.want(picture);
    }

    /// The picture is complete and followed.
    pub(super) fn in_sync(&mut self) {
        self.verify.resume();
    }

    /// The picture is not followed for now.
    pub(super) fn out_of_sync(&mut self) {
        self.verify.interrupt();
    }

    /// Waits for the next thing to handle; for ever when there is nothing to do.
    /// Dropping it half-way loses nothing.
    pub(super) async fn next(&mut self, server: &Server) -> Chore {
        tokio::select! {
            () = self.room.again() => Chore::Room,
            progress = self.repair.next() => Chore::Repair(progress),
            confirmation = self.confirm.next(server) => Chore::Confirm(confirmation),
            turn = self.reread.next() => Chore::Reread(turn),
            event = self.verify.next() => Chore::Verify(event),
            order = self.ordered.next() => match order {
                Order::View(view) => Chore::View(view),
                Order::Read(reader) => Chore::Read(reader),
            },
        }
    }

    /// Does what [`Chores::next`] found. Returns whether everything has to be
    /// listed again: other objects are observed, or there is drift.
    pub(super) fn handle<D: Deliver>(
        &mut self,
        chore: Chore,
        server: &mut Server,
        picture: &mut Picture<D>,
    ) -> bool {
        match chore {
            Chore::Room => {
                picture.lose(self.room.lost());
                picture.repay_deletes();
                self.repair.want(picture);
            }
            Chore::Repair(progress) => self.repair.handle(progress, server, picture),
            Chore::Confirm(Confirmation::Gone(object)) => picture.confirmed_gone(&object),
            Chore::Confirm(Confirmation::Complete) => picture.confirmed(),
            Chore::Reread(turn) => self.reread.handle(turn, server, picture),
            Chore::Verify(event) => return self.verify.handle(event, server, picture),
            Chore::Read(reader) => self.reread.begin(reader),
            Chore::View(view) => {
                server.observe(&view);
                return picture.observe(view);
            }
        }
        false
    }
}

/// Something to do.
pub(super) enum Chore {
    /// A sink that refused something may take it now.
    Room,
    Repair(Progress),
    Confirm(Confirmation),
    Reread(Turn),
    Verify(verify::Event),
    /// Somebody wants to see every object.
    Read(Box<dyn Reader>),
    /// Other objects or changes are observed.
    View(View),
}
