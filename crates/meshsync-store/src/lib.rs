//! A cluster's state in an embedded database (SQLite).
//!
//! ```text
//! StoreSink   ──┐                        ┌── objects   get, diff
//! replicate() ──┴─► Store (one writer) ──┼── query     SQL, read-only
//!                                        └── page, counts, detail, region   the page
//! ```
//!
//! # Invariants
//!
//! - A batch is in the file as a whole or not at all, and so is the position of a
//!   replica that wrote it.
//! - One writer; any number of readers, in other processes too (WAL).
//! - Bodies are compressed; the SQL function `unpack` gives them back.
//! - What was not given by the time of a `SYNCED` is gone.

mod browse;
mod diff;
mod drift;
mod error;
#[cfg(feature = "nats")]
mod follow;
mod read;
mod record;
mod schema;
mod sink;
mod sql;
mod store;

pub use browse::{Cursor, Detail, Group, Listed, Page, PageQuery, RegionObject, Relative, Within};
pub use diff::{Difference, diff};
pub use drift::drift;
pub use error::StoreError;
#[cfg(feature = "nats")]
pub use follow::{Progress, replicate};
pub use read::{Filter, StoredObject};
pub use sink::StoreSink;
pub use sql::{Cell, Rows};
pub use store::Store;
