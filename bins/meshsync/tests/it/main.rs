//! The command as its users meet it: the real binary against the simulator, on
//! loopback, each in an environment of its own.

mod check;
mod config;
mod demo;
mod doctor;
mod documents;
mod drift;
mod failures;
mod fingerprint;
mod guide;
mod kills;
mod leader;
mod manual;
mod metrics;
mod otlp;
mod reader;
mod run;
mod snapshot;
mod sources;
mod status;
mod store;
mod support;
mod top;
