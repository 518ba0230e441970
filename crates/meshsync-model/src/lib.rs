//! What MeshSync knows of an object, and how it says it.
//!
//! This crate is pure: no async runtime, no I/O, no Kubernetes client, no
//! broker. It holds
//!
//! - the names of things: [`Gvk`], [`Resource`], [`ResourceId`], [`ObjectKey`],
//!   [`Uid`], [`ResourceVersion`], [`ClusterId`], [`Platform`],
//!   [`Tier`];
//! - [`Index`] and [`Object`]: one pass over an object's bytes yields a
//!   borrowed head and the raw slices of its members; no value tree is built;
//! - [`Change`]: what happened to an object;
//! - redaction of Secrets ([`Secrets`]);
//! - [`error_chain`], for messages;
//! - the wire formats: [`wire::record`] (ours, nothing dropped) and
//!   [`wire::meshery`] (the contract with Meshery Server).
//!
//! # Invariants
//!
//! - A [`ResourceVersion`] says by equality alone whether a state is known; its
//!   order is never a reason to believe or to delete something.
//! - Bytes that leave through a wire format are valid JSON on one line.
//! - With [`Secrets::Redacted`] no value of a Secret leaves through any of them.
//! - No error repeats the text of an object.
//! - What a tenant writes into an object never becomes a field of ours.

mod change;
pub mod design;
mod error_chain;
mod hash;
mod ident;
mod leadership;
mod object;
mod parse;
mod platform;
mod redact;
mod resource;
pub mod text;
pub mod wire;

pub use change::{Change, Context, Deleted, EventType, Reason, Tier};
pub use error_chain::error_chain;
pub use hash::ContentHash;
pub use ident::{ClusterId, ObjectKey, ObjectRef, ResourceVersion, Uid};
pub use leadership::Leadership;
pub use object::{Index, Labels, Member, Members, Object};
pub use parse::{JsonProblem, ParseError, WatchEvent, WatchEventType};
pub use platform::Platform;
pub use redact::Secrets;
pub use resource::{Gvk, Resource, ResourceId};
