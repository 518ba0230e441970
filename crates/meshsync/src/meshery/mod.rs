//! What Meshery expects of the agent it calls MeshSync, beyond messages: what is
//! observed by default, the custom resource that changes it, and requests.
//!
//! [`Builder::follow_meshsync_resource`](crate::Builder::follow_meshsync_resource)
//! and [`Builder::requests`](crate::Builder::requests) switch it on. What each
//! name means to the Server is in `docs/MESHERY.md`.

mod defaults;
mod legacy;
pub(crate) mod live;
#[cfg(feature = "nats")]
pub(crate) mod requests;
#[cfg(feature = "nats")]
mod rules;
#[cfg(feature = "nats")]
mod sessions;
#[cfg(feature = "nats")]
mod ticker;
mod watch_list;

pub use defaults::{meshery_selection, meshery_selection_of_everything};
#[cfg(feature = "nats")]
pub use requests::RequestOptions;
pub use watch_list::{WatchList, WatchListError};
