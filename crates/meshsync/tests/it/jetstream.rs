//! A real NATS server with JetStream, read as any consumer would read it.

mod flush;
mod limits;
mod replica;
mod restart;
mod state;
mod stream;
mod writers;

pub(crate) use self::state::{start, url_of};
pub(crate) use self::stream::state;
