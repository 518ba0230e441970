//! The whole cluster: one version counter, the catalog, and a table per resource.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    Event, EventKind, Filter, Framing, Object,
    table::{Pending, Table},
};
use crate::api::{Catalog, GroupResource, Status};

/// All state a client can see. Guarded by one lock that is never held while bytes are sent.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) catalog: Catalog,
    pub(crate) rv: u64,
    pub(crate) tables: HashMap<GroupResource, Table>,
    /// Changes kept per resource.
    history_limit: usize,
    incarnations: u64,
    /// Lists that the server computes instead of storing them, as captured.
    pub(crate) computed: HashMap<GroupResource, Bytes>,
    /// While loading, writes leave no history.
    pub(crate) loading: bool,
    /// Tells those who wait for a version.
    versions: watch::Sender<u64>,
}

/// Part of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Arc<Object>>,
    /// Key of the last object, when more follow.
    pub(crate) last_key: Option<String>,
    /// How many more follow; unknown where a selector would have to be asked for each.
    pub(crate) remaining: Option<u64>,
}

/// Which part of a list, and as of when.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageRequest {
    /// State at this version instead of the current one.
    pub(crate) at: Option<u64>,
    /// Only keys after this one.
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u64>,
}

impl Store {
    pub(crate) fn new(catalog: Catalog, history_limit: usize) -> Self {
        let mut store = Self {
            catalog,
            rv: 1,
            tables: HashMap::new(),
            history_limit,
            incarnations: 0,
            computed: HashMap::new(),
            loading: true,
            versions: watch::Sender::new(1),
        };
        store.open_tables();
        store
    }

    /// Makes sure every resource one can list has a live table.
    pub(crate) fn open_tables(&mut self) {
        let listed = self
            .catalog
            .resources()
            .filter(|(_, _, resource)| resource.allows("list"));
        let wanted: Vec<GroupResource> = listed
            .map(|(group, _, resource)| GroupResource::new(group, resource.resource.as_str()))
            .collect();
        for gr in wanted {
            if self.tables.get(&gr).is_none_or(Table::has_ended) {
                self.incarnations += 1;
                self.tables.insert(
                    gr,
                    Table::new(self.incarnations, self.history_limit, self.rv),
                );
            }
        }
    }

    /// Ends loading: history of so many changes per resource begins now.
    /// With `since`, what is there counts as created since that version.
    pub(crate) fn begin_history(&mut self, limit: usize, since: Option<u64>) {
        self.loading = false;
        self.history_limit = limit;
        let since = since.map_or(self.rv, |since| since.min(self.rv));
        for table in self.tables.values_mut() {
            table.limit_history(limit);
            table.forget_until(since);
            let newer = table.objects.values().filter(|object| object.rv > since);
            let mut newer: Vec<Arc<Object>> = newer.map(Arc::clone).collect();
            newer.sort_by_key(|object| object.rv);
            for object in newer {
                table.push(Event {
                    rv: object.rv,
                    kind: EventKind::Added,
                    object,
                    previous: None,
                });
            }
        }
    }

    /// Leaves out, while loading, what was changed after a version, and is at that version.
    pub(crate) fn truncate_to(&mut self, version: u64) {
        for table in self.tables.values_mut() {
            table.objects.retain(|_, object| object.rv <= version);
        }
        self.rv = version;
    }

    /// Forgets all history.
    pub(crate) fn compact(&mut self) {
        let rv = self.rv;
        self.tables
            .values_mut()
            .for_each(|table| table.forget_until(rv));
    }

    pub(crate) fn next_rv(&mut self) -> u64 {
        self.rv += 1;
        self.rv
    }

    /// Lets versions pass, as writes that concern nobody do.
    pub(crate) fn pass_to(&mut self, version: u64) {
        self.rv = self.rv.max(version);
        self.versions.send_replace(self.rv);
    }

    /// Told whenever the version of the cluster changes.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.versions.subscribe()
    }

    pub(crate) fn table(&self, gr: &GroupResource) -> Result<&Table, Status> {
        self.tables
            .get(gr)
            .filter(|table| !table.has_ended())
            .ok_or_else(Status::no_resource)
    }

    pub(crate) fn get(&self, gr: &GroupResource, key: &str) -> Option<&Arc<Object>> {
        self.tables.get(gr)?.objects.get(key)
    }

    /// The frame of a resource in its preferred version.
    pub(crate) fn framing(&self, gr: &GroupResource) -> Option<Framing> {
        Some(Framing::new(&gr.group, self.catalog.preferred(gr)?))
    }

    /// Stores an object that already carries its version, and tells the watches.
    pub(crate) fn insert(&mut self, gr: &GroupResource, object: Object) -> Option<Arc<Object>> {
        self.rv = self.rv.max(object.rv);
        let loading = self.loading;
        let table = self.tables.get_mut(gr)?;
        let object = Arc::new(object);
        let previous = table.objects.insert(object.key(), Arc::clone(&object));
        if !loading {
            let kind = if previous.is_some() {
                EventKind::Modified
            } else {
                EventKind::Added
            };
            table.push(Event {
                rv: object.rv,
                kind,
                object: Arc::clone(&object),
                previous,
            });
            self.versions.send_replace(self.rv);
        }
        Some(object)
    }

    /// Removes an object; the event carries its last state at a new version.
    pub(crate) fn remove(&mut self, gr: &GroupResource, key: &str) -> Option<Arc<Object>> {
        let rv = self.rv + 1;
        let table = self.tables.get_mut(gr)?;
        let previous = table.objects.remove(key)?;
        let object = Arc::new(previous.at_version(rv));
        table.push(Event {
            rv,
            kind: EventKind::Deleted,
            object: Arc::clone(&object),
            previous: Some(previous),
        });
        self.rv = rv;
        self.versions.send_replace(rv);
        Some(object)
    }

    /// An object as it was at a version, as far as the history tells.
    pub(crate) fn get_at(&self, gr: &GroupResource, key: &str, at: u64) -> Option<Arc<Object>> {
        let undone = self.tables.get(gr)?.undo_to(at);
        match undone.as_ref().and_then(|undone| undone.get(key)) {
            Some(then) => then.clone(),
            None => self.get(gr, key).map(Arc::clone),
        }
    }

    /// One page of a list: consistent at `request.at`, or current.
    pub(crate) fn page(
        &self,
        gr: &GroupResource,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page, Status> {
        let table = self.table(gr)?;
        let undone = match request.at {
            Some(at) if at < self.rv => table.undo_to(at).ok_or_else(|| {
                Status::expired("The resourceVersion for the provided list is too old.")
            })?,
            _ => BTreeMap::new(),
        };
        let range = match &filter.namespace {
            Some(namespace) => (format!("{namespace}/"), Some(format!("{namespace}0"))),
            None => (String::new(), None),
        };
        let start = match request.after.clone() {
            Some(after) if after >= range.0 => Bound::Excluded(after),
            _ => Bound::Included(range.0.clone()),
        };
        let end = range.1.map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = (start, end);
        let current = table.objects.range::<String, _>(bounds.clone());
        let mut rows = Merged {
            current: current.peekable(),
            undone: undone.range::<String, _>(bounds).peekable(),
        };
        let limit = request.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        let mut objects = Vec::new();
        let mut more = false;
        for object in rows.by_ref() {
            if filter.selects() && !filter.matches(object) {
                continue;
            }
            if objects.len() == limit {
                more = true;
                break;
            }
            objects.push(Arc::clone(object));
        }
        let last_key = if more {
            objects.last().map(|object| object.key())
        } else {
            None
        };
        let remaining = (more && !filter.selects()).then(|| 1 + rows.count() as u64);
        Ok(Page {
            objects,
            last_key,
            remaining,
        })
    }

    /// What a watch at `cursor` of one incarnation of a resource has to send.
    pub(crate) fn pending(
        &self,
        gr: &GroupResource,
        incarnation: u64,
        cursor: u64,
        lag_max: u64,
    ) -> Pending {
        const BATCH: usize = 128;
        match self
            .tables
            .get(gr)
            .filter(|table| table.incarnation == incarnation)
        {
            Some(table) => table.pending(cursor, BATCH, lag_max, self.rv),
            None => Pending::Ended,
        }
    }
}

type Current<'a> = std::iter::Peekable<std::collections::btree_map::Range<'a, String, Arc<Object>>>;
type Undone<'a> =
    std::iter::Peekable<std::collections::btree_map::Range<'a, String, Option<Arc<Object>>>>;

/// The current objects with later changes undone, in key order.
struct Merged<'a, 'b> {
    current: Current<'a>,
    undone: Undone<'b>,
}

impl<'a: 'b, 'b> Iterator for Merged<'a, 'b> {
    type Item = &'b Arc<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((undone_key, _)) = self.undone.peek() else {
                return self.current.next().map(|(_, object)| object);
            };
            match self.current.peek() {
                Some((key, _)) if key < undone_key => {
                    return self.current.next().map(|(_, object)| object);
                }
                Some((key, _)) if key == undone_key => {
                    self.current.next();
                }
                _ => {}
            }
            if let Some((_, Some(object))) = self.undone.next() {
                return Some(object);
            }
        }
    }
}
