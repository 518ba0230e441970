//! The pipeline end to end: the simulator (or any real cluster) on one side, real
//! sinks on the other.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod citizen;
mod cluster;
mod configuration;
mod debts;
#[cfg(all(unix, feature = "docker"))]
mod deep;
mod definitions;
mod docker;
mod e2e;
mod faults;
mod fingerprints;
mod jetstream;
mod leader;
mod malformed;
#[cfg(feature = "manifests")]
mod manifests;
mod nats;
mod outbox;
mod permissions;
#[cfg(all(unix, feature = "docker"))]
mod podman;
mod reconfigure;
#[cfg(all(unix, feature = "docker"))]
mod scripted;
mod selecting;
#[cfg(feature = "manifests")]
mod several;
mod source;

mod support;
mod tiers;
mod token;
mod verify;
