//! The test again and again, beside a pipeline.

use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::report::CheckReport;
use super::run::{CheckOptions, check};
use crate::monitor::Monitor;

/// What the tests beside a pipeline found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SyntheticStatus {
    /// How often it is done, in seconds.
    pub interval_seconds: f64,
    /// How many there were.
    pub runs: u64,
    /// How many found a broken link.
    pub failures: u64,
    /// What the last one found; `null` before the first.
    pub last: Option<CheckReport>,
}

/// Tests every link at every interval, for ever, and shows what it finds in the
/// status, the metrics and the readiness of a pipeline. A test takes a few small
/// requests and one message. Of several agents of which one is elected only that one
/// tests. Dropped half-way it may leave its canary behind,
/// which the next one takes away.
pub async fn synthetic(monitor: Monitor, options: CheckOptions, interval: Duration) -> Infallible {
    let mut status = SyntheticStatus {
        interval_seconds: interval.as_secs_f64(),
        runs: 0,
        failures: 0,
        last: None,
    };
    monitor.set_synthetic(status.clone());
    loop {
        monitor.observes().await;
        let report = check(&options, std::future::pending()).await;
        status.runs += 1;
        status.failures += u64::from(!report.ok);
        let was_ok = status.last.as_ref().is_none_or(|last| last.ok);
        match (was_ok, report.ok) {
            (true, false) => tracing::warn!(
                link = report.broken.as_deref(),
                summary = report.summary,
                "the synthetic test found a broken link"
            ),
            (false, true) => {
                tracing::info!(summary = report.summary, "the synthetic test passes again")
            }
            _ => {}
        }
        status.last = Some(report);
        monitor.set_synthetic(status.clone());
        tokio::time::sleep(interval).await;
    }
}
