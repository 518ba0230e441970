//! Metrics and traces for collectors of OpenTelemetry: OTLP over HTTP, as protobuf
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! ```text
//! Metrics::text ─► exposition ─► metrics ─┐
//! Traffic ─► Finished ─► spans ───────────┴─► Exporter ─► POST /v1/metrics, /v1/traces
//! ```
//!
//! # Invariants
//!
//! - What is sent is what `/metrics` says at that moment, under the same names: it is
//!   made from that text, so that the two cannot differ.
//! - A collector that is away costs nothing but spans: metrics are cumulative, and of
//!   spans a limited number waits.
//! - No object's name and no namespace is sent.

mod exporter;
mod exposition;
mod ids;
mod metrics;
mod send;
mod spans;
mod url;

pub use exporter::{Exporter, OtlpOptions};
pub use url::{OtlpUrl, OtlpUrlError};
