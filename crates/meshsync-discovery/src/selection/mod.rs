//! Which of the served resources are observed, and why.

mod builtin;
mod decision;
mod depth;
mod expression;
mod facts;
mod fields;
mod filter;
mod grammar;
mod labels;
mod namespaces;
mod pattern;
mod pattern_error;
mod pushed;
mod rule;
mod select;
mod verdict;
mod view;

pub use decision::{Decision, Reason};
pub use depth::{Depth, Opened, Preset, PresetError, ResourceDepth, TierRule, TierRuleError};
pub use expression::{Expression, ExpressionError};
pub use facts::{IGNORE, Namespaces};
pub use fields::{FieldSelector, FieldSelectorError};
pub use labels::{LabelSelector, LabelSelectorError};
pub use namespaces::{NamespaceError, NamespaceSelection};
pub use pattern::Pattern;
pub use pattern_error::{PatternError, PatternProblem};
pub use pushed::Pushed;
pub use rule::{Candidate, Rule, RuleError};
pub use select::{OptOut, OptOutError, Selection};
pub use verdict::{Because, Verdict};
pub use view::{EventRule, Events, Managed, Step, View};
