//! Metrics and traces for a collector.

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use meshsync::Monitor;
use meshsync::otlp::{Exporter, OtlpOptions, OtlpUrl};

use crate::values;

/// What goes to a collector of OpenTelemetry.
#[derive(Debug, Default, Args)]
pub(crate) struct OtlpArgs {
    /// Send metrics and traces to a collector of OpenTelemetry: http://HOST:4318, which is OTLP over
    /// HTTP
    #[arg(long, value_name = "URL", env = "MESHSYNC_OTLP")]
    pub(crate) otlp: Option<OtlpUrl>,
    /// How often [default: 15s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, requires = "otlp")]
    pub(crate) otlp_interval: Option<Duration>,
}

/// What sends, where that is asked for.
#[derive(Debug)]
pub(crate) struct Otlp(Option<Exporter>);

impl Otlp {
    pub(crate) fn asked(args: &OtlpArgs, monitor: Monitor) -> Self {
        Self(args.otlp.clone().map(|url| {
            let mut options = OtlpOptions::new(url);
            options.interval = args.otlp_interval.unwrap_or(options.interval);
            Exporter::new(monitor, options)
        }))
    }

    /// Sends for as long as it is waited for.
    pub(crate) async fn run(&mut self) -> Infallible {
        match &mut self.0 {
            Some(exporter) => exporter.run().await,
            None => std::future::pending().await,
        }
    }

    /// Sends the rest.
    pub(crate) async fn end(mut self) {
        if let Some(exporter) = &mut self.0 {
            exporter.flush().await;
        }
    }
}
