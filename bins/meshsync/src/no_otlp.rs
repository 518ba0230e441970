//! In the place of `otlp` where the command is built without it.

use std::convert::Infallible;

use clap::Args;
use meshsync::Monitor;

/// Nothing.
#[derive(Debug, Default, Args)]
pub(crate) struct OtlpArgs {}

/// Nothing.
#[derive(Debug)]
pub(crate) struct Otlp;

impl Otlp {
    pub(crate) fn asked(_args: &OtlpArgs, _monitor: Monitor) -> Self {
        Self
    }

    pub(crate) async fn run(&mut self) -> Infallible {
        std::future::pending().await
    }

    pub(crate) async fn end(self) {}
}
