//! What a task does beside its list or watch.

use std::sync::Arc;

use kube::Client;
use meshsync_discovery::View;
use meshsync_model::{Object, Resource, Tier};

use super::confirm::{Confirm, Confirmation};
use super::doubt::{Doubts, Settled};
use super::orders::{Order, Ordered, Permit};
use super::repair::{Progress, Repair};
use super::reread::{Reread, Turn};
use super::verify::{self, Verify};
use crate::api::{ACCEPT_JSON, ACCEPT_METADATA, ACCEPT_METADATA_LIST};
use crate::ledger::OwnedRef;
use crate::pace::Pacer;
use crate::picture::Picture;
use crate::timing::Timing;
use crate::{Deliver, Reader, Room};

/// The server, and the resource's place there.
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) resource: Arc<Resource>,
    /// The collection that is observed.
    pub(super) path: String,
    /// Selectors that go with every list and watch of it, as a part of a query.
    pub(super) selectors: String,
    /// How much of its objects is asked for.
    pub(super) tier: Tier,
    /// Others observe what may be observed: nothing is asked for from here.
    pub(super) parked: bool,
}

/// What follows from a chore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    /// Everything has to be listed again: other objects are observed, there is
    /// drift, or everything may be asked for again.
    Relist,
    /// Waiting is over: it is worth trying now.
    Retry,
}

impl Server {
    /// What is asked of the server in view of what is observed.
    pub(super) fn new(client: Client, resource: Arc<Resource>, view: &View) -> Self {
        Self {
            client,
            path: super::collection_path(&resource, view),
            selectors: super::selectors(&view.pushed),
            resource,
            tier: view.depth.deepest(),
            parked: false,
        }
    }

    fn observe(&mut self, view: &View) {
        self.path = super::collection_path(&self.resource, view);
        self.selectors = super::selectors(&view.pushed);
        self.tier = view.depth.deepest();
    }

    /// A page of what is observed, or all of it.
    pub(super) fn page_url(&self, continue_token: Option<&str>, paged: bool) -> String {
        super::page_url(&self.path, &self.selectors, continue_token, paged)
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
    doubts: Doubts,
    reread: Reread,
    verify: Verify,
    ordered: Ordered,
}

impl<R: Room> Chores<R> {
    pub(super) fn new(
        room: impl Fn() -> R,
        pacer: Arc<Pacer>,
        ordered: Ordered,
        verify: Verify,
        timing: &Timing,
    ) -> Self {
        Self {
            room: room(),
            repair: Repair::new(room(), Arc::clone(&pacer), timing),
            confirm: Confirm::default(),
            doubts: Doubts::default(),
            reread: Reread::new(pacer, timing),
            verify,
            ordered,
        }
    }

    pub(super) fn confirm(&mut self, unconfirmed: Vec<OwnedRef>) {
        self.confirm.begin(unconfirmed);
    }

    /// An object is shown no more: it is gone, or it has left what the server selects.
    pub(super) fn shown_no_more<D: Deliver>(
        &mut self,
        object: &Object<'_>,
        server: &Server,
        picture: &mut Picture<D>,
    ) {
        let left_over = match picture.doubt(object.object_ref()) {
            Some(doubt) if !server.selectors.is_empty() => self.doubts.add(doubt).is_some(),
            _ => true,
        };
        if left_over {
            picture.delete(object);
        }
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
            settled = self.doubts.next(server) => Chore::Doubt(settled),
            turn = self.reread.next() => Chore::Reread(turn),
            event = self.verify.next() => Chore::Verify(event),
            order = self.ordered.next() => match order {
                Order::View(view) => Chore::View(view),
                Order::Read(reader) => Chore::Read(reader),
                Order::Permit(permit) => Chore::Permit(permit),
            },
        }
    }

    /// Does what [`Chores::next`] found.
    pub(super) fn handle<D: Deliver>(
        &mut self,
        chore: Chore,
        server: &mut Server,
        picture: &mut Picture<D>,
    ) -> Next {
        match chore {
            Chore::Room => {
                picture.lose(self.room.lost());
                picture.repay_deletes();
                if !server.parked {
                    self.repair.want(picture);
                }
            }
            Chore::Repair(progress) => self.repair.handle(progress, server, picture),
            Chore::Confirm(Confirmation::Gone(object)) => picture.confirmed_gone(&object),
            Chore::Confirm(Confirmation::Complete) => picture.confirmed(),
            Chore::Doubt(settled) => settled.tell(picture),
            Chore::Reread(turn) => self.reread.handle(turn, server, picture),
            Chore::Verify(event) => {
                if self.verify.handle(event, server, picture) {
                    return Next::Relist;
                }
            }
            // What cannot be asked for cannot be shown.
            Chore::Read(reader) if server.parked => drop(reader),
            Chore::Read(reader) => self.reread.begin(reader),
            Chore::View(view) => {
                server.observe(&view);
                let namespaces = view.namespaces.clone();
                let relist = picture.observe(*view);
                if server.parked {
                    picture.leave_namespaces(|namespace| !namespaces.contains(namespace));
                } else if relist {
                    return Next::Relist;
                }
            }
            Chore::Permit(permit) => return self.permit(permit, server, picture),
        }
        Next::GoOn
    }

    fn permit<D: Deliver>(
        &mut self,
        permit: Permit,
        server: &mut Server,
        picture: &mut Picture<D>,
    ) -> Next {
        match permit {
            Permit::Part { namespaces, reply } => {
                if server.parked || picture.is_refused() {
                    server.parked = true;
                    self.verify.interrupt();
                    // Who asked may be gone: then the next survey asks again, and
                    // nothing is lost but the part that nobody took.
                    if let Err(mut parts) = reply.send(picture.part(&namespaces)) {
                        parts.drain().for_each(|(_, part)| picture.adopt(part));
                    }
                }
            }
            Permit::Resume(estate) => {
                picture.adopt(estate);
                if std::mem::take(&mut server.parked) {
                    return Next::Relist;
                }
            }
            Permit::Keep(estate) => picture.adopt(estate),
            // Nobody else observes any of it.
            Permit::Retry if std::mem::take(&mut server.parked) => return Next::Relist,
            Permit::Retry if picture.is_refused() => return Next::Retry,
            Permit::Retry => {}
            Permit::Namespaces(there_are) => picture.leave_namespaces(|namespace| {
                namespace.is_some_and(|namespace| !there_are.contains(namespace))
            }),
        }
        Next::GoOn
    }
}

/// Something to do.
pub(super) enum Chore {
    /// A sink that refused something may take it now.
    Room,
    Repair(Progress),
    Confirm(Confirmation),
    Doubt(Settled),
    Reread(Turn),
    Verify(verify::Event),
    /// Somebody wants to see every object.
    Read(Box<dyn Reader>),
    /// Other objects or changes are observed.
    View(Box<View>),
    /// Something else is permitted.
    Permit(Permit),
}
