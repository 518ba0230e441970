//! Where changes go in a run.

use clap::ValueEnum;
use serde::Serialize;

/// The sinks that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SinkKind {
    /// Core NATS in the Meshery format
    Nats,
    /// Records in a file
    File,
}

impl SinkKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats, meshery",
            Self::File => "file, records",
        }
    }

    /// What a broker calls what is published through this sink.
    pub(crate) fn subject(self) -> Option<&'static str> {
        match self {
            Self::Nats => Some("meshery.meshsync.core"),
            Self::File => None,
        }
    }
}
