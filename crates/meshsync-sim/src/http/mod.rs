//! The wire: requests in, streamed responses out.

mod accept;
mod discovery;
mod governed;
mod identity;
mod list;
mod metered;
mod objects;
mod openapi;
mod pod_streams;
mod protobuf;
mod reply;
mod router;
mod server;
mod table;
mod target;
mod tls;
mod token;
mod versions;
mod watch;

pub(crate) use server::{Listener, listen};
pub(crate) use tls::Tls;
