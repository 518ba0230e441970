//! What we may see, where not everything is permitted.
//!
//! - `rules`: what a `SelfSubjectRulesReview` says.
//! - `review`: the questions to an API server.
//! - `survey`: one round of them, for every resource that is refused.
//! - [`Access`]: what came of it, for the status.

mod report;
mod review;
mod rules;
mod survey;

pub use report::{Access, NotSeen};
pub(crate) use review::whoami;
pub(crate) use survey::{Finding, Question, Survey, survey};
