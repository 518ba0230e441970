//! All that was measured, as it goes into the JSON file.

use serde::Serialize;

use crate::changes::ChangesRow;
use crate::idle::IdleRow;
use crate::machine::Machine;
use crate::presets::{PresetRow, SoonRow};
use crate::reach::Reach;
use crate::store::StoreRow;
use crate::streams::{StreamRow, TripRow};
use crate::sync::{MarginalRow, SyncRow};
use crate::web::{AudienceRow, PageRow};

/// One run of the benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) sync: Vec<SyncRow>,
    pub(crate) marginal: Vec<MarginalRow>,
    pub(crate) presets: Vec<PresetRow>,
    pub(crate) soon: Option<SoonRow>,
    pub(crate) changes: Vec<ChangesRow>,
    pub(crate) streams: Option<StreamRow>,
    pub(crate) trips: Option<TripRow>,
    pub(crate) store: Option<StoreRow>,
    pub(crate) idle: Option<IdleRow>,
    pub(crate) page: Option<PageRow>,
    pub(crate) audience: Vec<AudienceRow>,
    pub(crate) reach: Vec<Reach>,
}

impl Report {
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            sync: Vec::new(),
            marginal: Vec::new(),
            presets: Vec::new(),
            soon: None,
            changes: Vec::new(),
            streams: None,
            trips: None,
            store: None,
            idle: None,
            page: None,
            audience: Vec::new(),
            reach: Vec::new(),
        }
    }
}
