//! Rules, compiled to tables.

mod builtin;
mod compile;
mod feature;

pub use builtin::builtin_rules;
pub use compile::{Catalog, CatalogError};
pub use feature::EvidenceKind;

pub(crate) use compile::{Item, Posting, Role, TOP};
pub(crate) use feature::{Feature, KINDS};
