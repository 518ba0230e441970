//! The wire: requests in, streamed responses out.

mod accept;
mod discovery;
mod identity;
mod list;
mod objects;
mod openapi;
mod protobuf;
mod reply;
mod router;
mod server;
mod table;
mod target;
mod tls;
mod token;
mod watch;

pub(crate) use server::{Listener, listen};
pub(crate) use tls::Tls;
