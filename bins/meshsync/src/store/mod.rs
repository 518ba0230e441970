//! Commands that ask the state: a store, or the streams it is fed from.

mod args;
mod diff;
mod flush;
mod get;
mod history;
mod replicate;
mod sql;
mod tail;

pub(crate) use args::{
    DiffArgs, FlushArgs, GetArgs, HistoryArgs, ReplicateArgs, SqlArgs, TailArgs,
};
pub(crate) use diff::diff;
pub(crate) use flush::flush;
pub(crate) use get::get;
pub(crate) use history::history;
pub(crate) use replicate::replicate;
pub(crate) use sql::sql;
pub(crate) use tail::tail;
