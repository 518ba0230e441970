//! The wire: requests in, streamed responses out.

mod accept;
mod discovery;
mod list;
mod objects;
mod openapi;
mod protobuf;
mod reply;
mod router;
mod server;
mod table;
mod target;
mod token;
mod watch;

pub(crate) use server::{Listener, listen};
