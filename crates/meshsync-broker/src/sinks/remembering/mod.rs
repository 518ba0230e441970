//! What was published, in the memory of whoever outlives this process: so that the
//! next one can tell what of it is gone.
//!
//! It is a journal of keys. A key is written down before its first state is
//! published and struck out after its delete was, so that a process that is killed
//! at any moment remembers rather too much: a delete that is told twice does no harm.
//! Journals are in a file, or in a stream of the broker itself.

mod file;
mod keys;
#[cfg(feature = "nats")]
mod stream;

pub use file::RememberingSink;
pub use keys::PublishedObject;
#[cfg(feature = "nats")]
pub(super) use stream::{Journal, Memory};
