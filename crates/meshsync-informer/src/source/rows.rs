//! The pictures of a source, one row per resource.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use meshsync_discovery::Selection;
use meshsync_model::{ClusterId, Index, Object, ObjectRef, Reason, Resource, ResourceId};

use super::intake::MakeDeliver;
use super::{BoxDeliver, BoxRoom};
use crate::control::Reading;
use crate::machine::History;
use crate::picture::{Estate, Picture};
use crate::status::{ResourceState, ResourceStatus, StatusBoard};
use crate::{Deliver, Reader, Remembered, SinkSet};

/// After this many failures in a row nobody waits for the resources any more.
const UNSETTLED_FAILURES_MAX: u32 = 4;

/// See the [module](self).
pub(super) struct Rows {
    scope: ClusterId,
    board: Arc<StatusBoard>,
    selection: Arc<Selection>,
    deliver: MakeDeliver,
    rows: BTreeMap<ResourceId, Row>,
    /// What the source has, whether it is selected or not.
    known: BTreeMap<ResourceId, Resource>,
    remembered: HashMap<ResourceId, Remembered>,
    index: Index,
    in_pass: bool,
    /// Another selection is in force since the last pass: whether an object is of
    /// it is to be seen.
    reselected: bool,
}

struct Row {
    picture: Picture<BoxDeliver>,
    status: Arc<ResourceStatus>,
    reader: Option<Box<dyn Reader>>,
    /// No longer selected: it stays until its deletes are told.
    retired: bool,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn new(
        scope: ClusterId,
        board: Arc<StatusBoard>,
        selection: Arc<Selection>,
        deliver: MakeDeliver,
        remembered: Vec<Remembered>,
    ) -> Self {
        let remembered = remembered.into_iter();
        Self {
            scope,
            board,
            selection,
            deliver,
            rows: BTreeMap::new(),
            known: BTreeMap::new(),
            remembered: remembered.map(|old| (old.resource.id(), old)).collect(),
            index: Index::new(),
            in_pass: false,
            reselected: false,
        }
    }

    /// A way to wait for sinks.
    pub(super) fn room(&mut self) -> BoxRoom {
        (self.deliver)().room()
    }

    /// The source has this resource.
    pub(super) fn announce(&mut self, resource: &Resource) {
        self.row(resource);
    }

    /// Takes up another selection; whether there has to be a list for it.
    pub(super) fn select(&mut self, selection: Arc<Selection>) -> bool {
        self.selection = selection;
        self.reselected = true;
        let mut relist = false;
        for resource in self.known.values() {
            let observed = self.selection.decide(resource).observed;
            let Some(row) = self.rows.get_mut(&resource.id()) else {
                relist |= observed;
                continue;
            };
            if observed && !row.retired {
                relist |= row.picture.observe(self.selection.view(resource));
            } else if observed {
                row.retired = false;
                row.status.set_state(ResourceState::Listing);
                row.picture.observe(self.selection.view(resource));
                relist = true;
            } else if !row.retired {
                row.retired = true;
                row.status.set_state(ResourceState::Gone);
                row.picture.retire(Some(Reason::Unselected));
            }
        }
        self.bury();
        relist
    }

    pub(super) fn begin_pass(&mut self) {
        self.in_pass = true;
        for row in self.rows.values_mut().filter(|row| !row.retired) {
            row.picture.begin_pass(History::Unordered);
        }
    }

    /// Everything was shown.
    pub(super) fn finish_pass(&mut self) {
        self.in_pass = false;
        self.reselected = false;
        for row in self.rows.values_mut().filter(|row| !row.retired) {
            row.status.set_state(ResourceState::Live);
            row.picture.finish_pass("", true);
            row.status.settle(true);
        }
        self.bury();
    }

    /// The source fails, for the `failures`th time in a row.
    pub(super) fn fail(&mut self, error: &str, failures: u32) {
        self.in_pass = false;
        for row in self.rows.values().filter(|row| !row.retired) {
            row.status.set_state(ResourceState::BackingOff);
            row.status.set_error(error);
            row.status.restart();
            if failures >= UNSETTLED_FAILURES_MAX {
                row.status.settle(false);
            }
        }
    }

    /// A state of an object.
    pub(super) fn state(&mut self, resource: &Resource, object: &Object<'_>, is_reading: bool) {
        let Some(row) = self.row(resource) else {
            return;
        };
        if !is_reading {
            row.status.add_bytes(object.raw().len());
            return row.picture.apply(object);
        }
        if let Some(reader) = &mut row.reader {
            row.picture.show(object, &mut **reader);
            reader.flush();
        }
    }

    /// Waits for the reader of a resource, if there is one.
    pub(super) async fn ready(&mut self, resource: &Resource) {
        if let Some(row) = self.rows.get_mut(&resource.id())
            && let Some(reader) = &mut row.reader
        {
            reader.ready().await;
        }
    }

    pub(super) fn still(
        &mut self,
        resource: &Resource,
        object: ObjectRef<'_>,
        version: &str,
    ) -> bool {
        let reselected = self.reselected;
        // What is not observed need not be shown.
        self.row(resource)
            .is_none_or(|row| !reselected && row.picture.still(object, version))
    }

    pub(super) fn keep(&mut self, resource: &Resource, object: ObjectRef<'_>) {
        if let Some(row) = self.row(resource) {
            row.picture.keep(object);
        }
    }

    pub(super) fn gone(&mut self, resource: &Resource, object: ObjectRef<'_>) {
        if let Some(row) = self.row(resource) {
            row.picture.vanish(object);
        }
    }

    pub(super) fn only(
        &mut self,
        resource: &Resource,
        is_there: &mut dyn FnMut(ObjectRef<'_>) -> bool,
    ) {
        let Some(row) = self.row(resource) else {
            return;
        };
        for object in row.picture.objects() {
            if !is_there(object.as_ref()) {
                row.picture.vanish(object.as_ref());
            }
        }
    }

    pub(super) fn add_bytes(&mut self, resource: &Resource, bytes: usize) {
        if let Some(row) = self.row(resource) {
            row.status.add_bytes(bytes);
        }
    }

    /// Somebody wants to see every object; whether there is anything to show.
    pub(super) fn begin_reading(&mut self, mut reading: Reading) -> bool {
        let mut any = false;
        for (id, row) in &mut self.rows {
            let Some(resource) = self.known.get(id).filter(|_| !row.retired) else {
                continue;
            };
            row.reader = (reading.0)(&Arc::new(resource.clone()));
            any |= row.reader.is_some() && !row.picture.is_empty();
        }
        any
    }

    pub(super) fn end_reading(&mut self) {
        for row in self.rows.values_mut() {
            row.reader = None;
        }
    }

    /// Tells deletes that sinks had no room for.
    pub(super) fn repay_deletes(&mut self, lost: SinkSet) {
        for row in self.rows.values_mut() {
            row.picture.lose(lost);
            row.picture.repay_deletes();
        }
        self.bury();
    }

    /// The sinks that lack the latest state of something.
    pub(super) fn dirty_sinks(&self) -> SinkSet {
        let rows = self.rows.values();
        rows.fold(SinkSet::NONE, |set, row| {
            set.with(row.picture.dirty_sinks())
        })
    }

    /// For how many objects some sink is owed something.
    pub(super) fn owed_count(&self) -> u64 {
        self.rows.values().map(|row| row.picture.owed_count()).sum()
    }

    pub(super) fn take_index(&mut self) -> Index {
        std::mem::take(&mut self.index)
    }

    pub(super) fn put_index(&mut self, index: Index) {
        self.index = index;
    }

    /// The row of a resource that is observed.
    fn row(&mut self, resource: &Resource) -> Option<&mut Row> {
        let id = resource.id();
        if !self.known.contains_key(&id) {
            self.known.insert(id.clone(), resource.clone());
        }
        // Looked up twice: the borrow checker does not see that this one ends.
        if !self.rows.contains_key(&id) {
            if !self.selection.decide(resource).observed {
                return None;
            }
            let row = self.start(resource);
            self.rows.insert(id.clone(), row);
        }
        self.rows.get_mut(&id).filter(|row| !row.retired)
    }

    fn start(&mut self, resource: &Resource) -> Row {
        let resource = Arc::new(resource.clone());
        let status = self.board.enter(&resource);
        let view = self.selection.view(&resource);
        let old = self.remembered.remove(&resource.id());
        let mut picture = Picture::new(
            resource,
            self.scope.clone(),
            view,
            (self.deliver)(),
            Arc::clone(&status),
        );
        if let Some(old) = old {
            picture.adopt(Estate::remembered(old.objects));
        }
        if self.in_pass {
            picture.begin_pass(History::Unordered);
        }
        Row {
            picture,
            status,
            reader: None,
            retired: false,
        }
    }

    /// What has retired leaves when all its deletes are told.
    fn bury(&mut self) {
        let board = &self.board;
        self.rows.retain(|id, row| {
            let stays = !row.retired || row.picture.owed_count() > 0;
            if !stays {
                board.leave(id);
            }
            stays
        });
    }
}
