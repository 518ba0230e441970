//! The state of the cluster at one time, and going back to it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{Object, Store, table::Table};
use crate::api::{Catalog, GroupResource};

/// Everything but the history.
#[derive(Clone, Debug)]
pub(crate) struct StoreBackup {
    rv: u64,
    catalog: Catalog,
    objects: HashMap<GroupResource, BTreeMap<String, Arc<Object>>>,
}

impl Store {
    pub(crate) fn backup(&self) -> StoreBackup {
        let live = self.tables.iter().filter(|(_, table)| !table.has_ended());
        StoreBackup {
            rv: self.rv,
            catalog: self.catalog.clone(),
            objects: live
                .map(|(gr, table)| (gr.clone(), table.objects.clone()))
                .collect(),
        }
    }

    /// Replaces everything; watches that are open end.
    pub(crate) fn restore(&mut self, backup: &StoreBackup) {
        self.tables.values_mut().for_each(Table::end);
        self.tables.clear();
        self.rv = backup.rv;
        self.catalog = backup.catalog.clone();
        self.open_tables();
        for (gr, objects) in &backup.objects {
            if let Some(table) = self.tables.get_mut(gr) {
                table.objects.clone_from(objects);
            }
        }
    }
}
