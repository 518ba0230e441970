//! Orders to the watches that are open.

use std::collections::HashMap;

use crate::api::GroupResource;

/// How an open watch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutStyle {
    /// The response ends properly, as when a server times a watch out.
    Clean,
    /// Half a line, then the connection (HTTP/1.1) or stream (HTTP/2) breaks.
    MidLine,
    /// The same, in the middle of a character.
    MidUtf8,
    /// The connection or stream breaks between two lines.
    Broken,
    /// An `ERROR` event of this status code, then a proper end; 410 is what a server sends when
    /// the version of a running watch was compacted away.
    Error(u16),
}

/// What open watches are told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Cut(CutStyle),
    /// Send the last so many events once more.
    Replay(usize),
}

/// The orders so far; watches compare their numbers with the last one they followed.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    number: u64,
    /// The latest order for every resource (`None`) and for single ones.
    latest: HashMap<Option<GroupResource>, (u64, Order)>,
}

impl Orders {
    pub(super) fn give(&mut self, order: Order, resource: Option<GroupResource>) {
        self.number += 1;
        self.latest.insert(resource, (self.number, order));
    }

    /// Number of the latest order of all.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The latest order after number `seen` that concerns a resource, and its number.
    pub(crate) fn after(&self, seen: u64, gr: &GroupResource) -> Option<(u64, Order)> {
        let orders = [self.latest.get(&None), self.latest.get(&Some(gr.clone()))];
        let latest = orders
            .into_iter()
            .flatten()
            .max_by_key(|(number, _)| *number)?;
        (latest.0 > seen).then_some(*latest)
    }
}
