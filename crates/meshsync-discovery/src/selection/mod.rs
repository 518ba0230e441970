//! Which of the served resources are observed, and why.

mod builtin;
mod decision;
mod depth;
mod grammar;
mod namespaces;
mod pattern;
mod pattern_error;
mod select;
mod view;

pub use decision::{Decision, Reason};
pub use depth::{Depth, Preset, PresetError, ResourceDepth, TierRule, TierRuleError};
pub use namespaces::{NamespaceError, NamespaceSelection};
pub use pattern::Pattern;
pub use pattern_error::{PatternError, PatternProblem};
pub use select::Selection;
pub use view::{EventRule, Events, Managed, View};
