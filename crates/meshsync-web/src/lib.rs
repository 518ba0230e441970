//! A web page over a pipeline and its store, on the administration listener.
//!
//! ```text
//! pipeline ──► TellingSink ──► store ◄── Readers ◄── /api/v1/…  ◄── the page
//!                  └─────────► Feed ───────────────► /api/v1/stream
//! ```
//!
//! Why it is as it is: docs/adr/0045-web-page.md.
//!
//! # Invariants
//!
//! - Reads only: no request changes anything.
//! - Nothing waits for a client: a stream that is not read loses frames and is
//!   told so.
//! - Every answer is bounded, and so is the time it may take.
//! - Values of Secrets are never in an answer, whatever the pipeline does with
//!   them.
//! - A request that may not be answered gets a status and nothing else.

mod access;
mod api;
mod assets;
mod error;
mod feed;
mod gate;
mod readers;
mod serve;
mod shared;
mod sink;
mod web;

pub use access::{Access, Token, TokenError};
pub use gate::Gate;
pub use serve::serve;
pub use sink::TellingSink;
pub use web::{Web, WebError};
