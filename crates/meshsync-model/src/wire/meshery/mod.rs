//! The contract with Meshery Server: one message per change.
//!
//! ```json
//! {"ObjectType":"meshsync-data","EventType":"ADDED","Request":null,"Object":{"id":"",
//!  "apiVersion":"v1","kind":"Pod","model":"","metadata":{…},"spec":{"id":"","attribute":"…"},
//!  "status":{"id":"","attribute":"…"},"cluster_id":"4ea3…","pattern_resource":null,
//!  "component_metadata":null}}
//! ```
//!
//! Most of an object travels as JSON *text inside JSON strings*, in the
//! canonical form of Go's `encoding/json`: keys sorted, `<`, `>`, `&` escaped,
//! numbers formatted as Go does. It is written straight from the slices of the
//! [`Object`](crate::Object): no value tree is built, and a warm [`Encoder`]
//! allocates only for the copy of a Secret that kubectl left in an annotation.
//!
//! The field table and every difference between the two [`Fidelity`]s is in
//! `docs/WIRE.md`.
//!
//! # Invariants
//!
//! - A message is valid JSON on one line, with a string wherever the server
//!   expects a string, whatever the object holds.
//! - Recursion is bounded: an object nested deeper than the bound is copied, not
//!   walked.
//! - No socket is opened, ever: the original dials Services, this does not.
//! - With [`Secrets::Redacted`](crate::Secrets::Redacted) no value of a Secret
//!   leaves, in either fidelity.

mod canonical;
mod design;
mod encoder;
mod extra;
mod metadata;
mod number;
mod service;
mod shrink;
mod string;

/// The subject Meshery Server reads changes from.
pub const CORE_SUBJECT: &str = "meshery.meshsync.core";

pub use encoder::{Encoder, Fidelity};
pub use extra::Extra;
pub use shrink::{CUT_ANNOTATION, Shrunk, shrink};
