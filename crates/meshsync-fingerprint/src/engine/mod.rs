//! From objects to verdicts.

mod helm;
mod instance;
mod json;
mod ledger;
mod pod;
mod record;
mod relate;
mod resolve;
mod scan;
mod scout;
mod stated;
mod subject;
mod verdict;
mod version;

pub use ledger::Engine;
pub use scout::{Evidence, Scout};
pub(crate) use subject::Subject;
pub use verdict::{
    ComponentSeen, Proof, ProxySeen, Seen, SourceSeen, State, Verdict, VersionSeen, VersionStatus,
    Versions,
};
