//! Requests that arrive over NATS, as typed values, and a connection to receive
//! and answer them.

mod link;
mod message;
mod subject;

pub use link::{Incoming, Link};
pub use message::{ExecRequest, LogRequest, Request, RequestProblem, SessionTarget};
pub use subject::{SubjectError, SubjectPattern};

/// The subject Meshery Server sends requests to.
pub const REQUEST_SUBJECT: &str = "meshery.meshsync.request";

/// The queue group all agents of a broker share: one of them gets each request.
pub const REQUEST_QUEUE: &str = "meshsync-request-stream";
