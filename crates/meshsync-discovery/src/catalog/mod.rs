//! What an API server serves right now.

mod aggregated;
mod alias;
mod discovered;
mod document;
mod facts;
mod kubernetes;
mod legacy;
mod state;

pub use discovered::{
    Answer, Discovered, DiscoveredGroup, DiscoveredVersion, RootAnswer, Unavailable,
};
pub use document::{
    DocumentError, Freshness, GroupVersion, GroupVersionDocument, GroupVersions, RootDocument,
};
pub use facts::discovery_facts;
pub use state::{Catalog, Served};
