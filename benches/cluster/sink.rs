//! Where changes go in a run.

use clap::ValueEnum;
use serde::Serialize;

/// The sinks that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SinkKind {
    /// Core NATS in the Meshery format
    Nats,
    /// Records in a JetStream stream, each acknowledged
    Jetstream,
    /// Records in a file
    File,
}

impl SinkKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats, meshery",
            Self::Jetstream => "jetstream, records",
            Self::File => "file, records",
        }
    }

    /// The agent's `--sink`, where it goes to the broker at `addr`.
    pub(crate) fn broker_url(self, addr: &str) -> Option<String> {
        match self {
            Self::Nats => Some(format!("nats://{addr}")),
            Self::Jetstream => Some(format!("jetstream://{addr}")),
            Self::File => None,
        }
    }

    /// What of a broker's subjects are objects.
    pub(crate) fn subject(self) -> &'static str {
        match self {
            Self::Nats => "meshery.meshsync.core",
            Self::Jetstream | Self::File => "meshsync.v1.*.obj.>",
        }
    }
}
