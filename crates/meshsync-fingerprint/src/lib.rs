//! Which product runs in a cluster, in which version, and why.
//!
//! [`Rule`]s say what a product looks like; [`Catalog::compile`] makes tables of
//! them; an [`Engine`] takes objects and gives [`Verdict`]s. Rules are YAML files
//! (`rules/`, reference in `docs/FINGERPRINTS.md`).
//!
//! This crate is pure: no I/O, no clock, no randomness.
//!
//! # Invariants
//!
//! - Verdicts depend on the objects that are there alone: not on the order, the
//!   number or the history of events.
//! - An object that matches nothing is not remembered.
//! - The value of an environment variable and the content of a Secret are never
//!   looked at; of ConfigMaps only those that a rule names for a version.
//! - A product is never told from the order of rules.

mod catalog;
mod engine;
mod exam;
mod image;
mod manifest;
mod pattern;
pub mod rule;

pub use catalog::{Catalog, CatalogError, EvidenceKind, builtin_rules};
pub use engine::{
    ComponentSeen, Engine, Evidence, Proof, ProxySeen, Scout, Seen, SourceSeen, State, Verdict,
    VersionSeen, VersionStatus, Versions,
};
pub use exam::{ExamFailure, apply_value, examine, identify};
pub use image::Image;
pub use manifest::{ManifestError, objects};
pub use rule::{Fingerprint, Rule, RuleProblem};
