//! Faults a test can switch on and off while the simulator runs. Every request and every frame
//! of a response asks here, and nowhere else, whether it may go as usual.

mod failure;
mod lag;
mod orders;
mod scope;
mod streams;
mod switchboard;

pub use failure::Failure;
pub(crate) use failure::Refusal;
pub(crate) use lag::Lags;
pub use orders::CutStyle;
pub(crate) use orders::{Order, Orders};
pub use scope::FaultScope;
pub(crate) use streams::Pacer;
pub use streams::{Disturbance, WatchQuirk};
pub use switchboard::Faults;
pub(crate) use switchboard::RequestFacts;
