//! From chunks of a response body to frames: lines of a watch, items of a list.
//!
//! Both framers hand out slices of the chunk where a frame lies within one, and
//! keep only the frame that is not complete yet.

mod line;
mod list;

pub use line::LineFramer;
pub use list::{ListEnd, ListFramer};

/// Objects larger than this are reported and skipped. etcd holds at most about
/// 1.5 MiB by default; aggregated API servers have their own limits.
pub const OBJECT_BYTES_MAX: usize = 16 << 20;

/// A frame, or the news that one was too large to be kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole line or item.
    Whole(&'a [u8]),
    /// A line or item longer than [`OBJECT_BYTES_MAX`], with its first bytes.
    TooLarge {
        /// Its beginning, enough to name the object in most cases.
        head: &'a [u8],
        /// Its length.
        bytes: usize,
    },
}

/// Appends to a frame that is not complete yet. Doubles while it is small and
/// then grows in steps: what is held is the frame and at most one step.
fn keep(partial: &mut Vec<u8>, part: &[u8]) {
    const STEP_BYTES_MAX: usize = 128 << 10;
    if partial.capacity() - partial.len() < part.len() {
        let step = partial.len().min(STEP_BYTES_MAX);
        partial.reserve_exact(part.len().max(step));
    }
    partial.extend_from_slice(part);
}

/// How much of an oversized frame is kept to name the object.
const HEAD_BYTES: usize = 1024;

/// A response body that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The body is no list document.
    #[error("the response is no list: {problem} at byte {offset}")]
    NotAList {
        /// What was found.
        problem: &'static str,
        /// Where in the body.
        offset: usize,
    },
    /// A list from which no watch can start.
    #[error("the list has no resourceVersion")]
    NoVersion,
    /// The body ended early.
    #[error("the response ended after {bytes} bytes, in the middle of the list")]
    Truncated {
        /// How many bytes there were.
        bytes: usize,
    },
    /// A part of the list that is not an item is larger than any honest server
    /// makes it.
    #[error("{field} of the list is larger than {limit} bytes")]
    EnvelopeTooLarge {
        /// Which part.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
}
