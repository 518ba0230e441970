//! The port that sources implement: where objects come from.
//!
//! - [`Source`] is the port itself: a source says what it is, and observes.
//! - [`Intake`] is what a source is given: the way to the sinks, the status, and
//!   what it is told while it runs.
//! - [`Cluster`] is Kubernetes: one list-and-watch task per resource.
//! - [`ListWatch`] is what anything else writes, in two functions; [`Reflector`]
//!   makes a [`Source`] of it.
//!
//! Every source keeps its picture in the same ledgers and hands it on through
//! the same outboxes.

mod cluster;
mod erased;
mod error;
mod intake;
mod list_watch;
mod port;
mod reflector;
mod rows;
mod shown;
mod signals;
mod status;

pub use cluster::Cluster;
pub use erased::{BoxDeliver, BoxRoom};
pub use error::{SourceError, SourceErrorKind};
pub use intake::Intake;
pub use list_watch::{ListWatch, Next};
pub use port::Source;
pub use reflector::Reflector;
pub use shown::Shown;
pub use status::{SourceSnapshot, SourceState};

pub(crate) use status::SourceStatus;
