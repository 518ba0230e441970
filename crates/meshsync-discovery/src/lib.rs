//! What MeshSync observes.
//!
//! Three pure steps lead from what an API server says about itself to what is watched:
//!
//! 1. [`Catalog`]: what the server serves right now, assembled from its discovery documents
//!    ([`RootDocument`], [`GroupVersionDocument`]) and from what was known before.
//! 2. [`Selection`]: which of it is wanted, as rules over names and objects, and why.
//! 3. [`WatchPlan`]: the resources to observe, and the [`Delta`] from one plan to the next.
//!
//! ```
//! use meshsync_discovery::{Catalog, Discovered, RootAnswer, RootDocument, Selection, WatchPlan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = br#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[
//!     {"versions":[{"version":"v1","resources":[{"resource":"pods","scope":"Namespaced",
//!       "responseKind":{"group":"","version":"","kind":"Pod"},"verbs":["list","watch"]}]}]}]}"#;
//! let RootDocument::Aggregated(core) = RootDocument::parse(api)? else {
//!     unreachable!("this one is aggregated")
//! };
//! let discovered = Discovered {
//!     core: RootAnswer::Complete(core),
//!     named: RootAnswer::default(), // not asked: nothing of it is forgotten
//! };
//! let catalog = Catalog::update(None, discovered);
//! let plan = WatchPlan::new(&catalog, &Selection::default());
//! let delta = WatchPlan::default().delta(&plan);
//! assert_eq!(delta.start[0].collection_path(), "/api/v1/pods");
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! - Pure: no I/O, no clock, no async runtime, no Kubernetes client.
//! - What did not answer is never taken for gone: a group version that is unavailable keeps its
//!   last known resources and hides nothing else.
//! - One resource per group and plural name, one of every pair of groups that serve the same
//!   objects: no object is observed twice.
//! - A plan's delta never touches a resource whose watch would be the same.
//! - No input makes this crate panic.

mod catalog;
mod plan;
mod rbac;
mod selection;

pub use catalog::{
    Answer, Catalog, Discovered, DiscoveredGroup, DiscoveredVersion, DocumentError, Freshness,
    GroupVersion, GroupVersionDocument, GroupVersions, RootAnswer, RootDocument, Served,
    Unavailable, discovery_facts,
};
pub use plan::{Delta, WatchPlan};
pub use rbac::{Grant, Grants, Manifests, Place, Subject};
pub use selection::{
    Because, Candidate, Decision, Depth, EventRule, Events, Expression, ExpressionError,
    FieldSelector, FieldSelectorError, IGNORE, LabelSelector, LabelSelectorError, Managed,
    NamespaceError, NamespaceSelection, Namespaces, Opened, OptOut, OptOutError, Pattern,
    PatternError, PatternProblem, Preset, PresetError, Pushed, Reason, ResourceDepth, Rule,
    RuleError, Selection, Step, TierRule, TierRuleError, Verdict, View,
};
