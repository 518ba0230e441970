//! Where what is observed comes from, and how it changes while running.
//!
//! What was [selected](crate::Builder::select) is the base. Over it lie [`Layer`]s, each with an
//! author of its own: our custom resource, Meshery's, and options with their file. Each says only a
//! part, and the highest that says something of a thing decides it. A layer that changes is put in
//! force as a whole or not at all ([`Layers`]).

mod change;
mod layers;
#[cfg(feature = "config")]
mod own;
#[cfg(feature = "config")]
mod report;
mod status;

pub(crate) use change::{Change, Layer};
pub(crate) use layers::{Layers, Said};
#[cfg(feature = "config")]
pub(crate) use own::Own;
#[cfg(feature = "config")]
pub use own::{ResourceName, ResourceNameError};
#[cfg(feature = "config")]
pub(crate) use report::report;
pub use status::{ConfigurationLayer, ConfigurationStatus};
