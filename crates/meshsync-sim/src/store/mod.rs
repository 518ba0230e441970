//! Objects in memory, their versions and their history.

mod backup;
mod encode;
mod filter;
mod lifecycle;
mod object;
mod patch;
mod replay;
mod state;
mod table;
mod write;

pub(crate) use backup::StoreBackup;
pub(crate) use encode::{Framing, decode};
pub(crate) use filter::Filter;
pub(crate) use object::{Object, object_key};
pub(crate) use patch::{PatchKind, apply_patch, merge_patch};
pub(crate) use state::{PageRequest, Store};
pub(crate) use table::{Event, EventKind, Pending};
pub(crate) use write::{DeleteOptions, WriteOptions, now};
