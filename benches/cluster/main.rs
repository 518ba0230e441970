//! Measures the whole thing: simulator, agent and broker as processes of their own.
//!
//! Run by `cargo xtask bench`, which builds what is measured; `docs/BENCHMARKS.md` says what each
//! number is. Linux only: processes are measured through `/proc`.
//!
//! # Invariants
//!
//! - A number is measured or left out, never assumed.
//! - What measures is a process of its own too and does as little as it can: no row is about it.
//! - Ends only processes it started.

mod agent;
mod broker;
mod changes;
mod docs;
mod floor;
mod http;
mod idle;
mod listeners;
mod machine;
mod options;
mod pace;
mod presets;
mod process;
mod publisher;
mod reach;
mod report;
mod simulator;
mod sink;
mod store;
mod streams;
mod sync;
mod table;
mod web;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::options::{Command, Options};
use crate::report::Report;

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    match &options.command {
        Some(Command::Drain(args)) => floor::drain_and_print(args)?,
        Some(Command::Pace(args)) => pace::serve(args)?,
        None => return measure_and_report(&options),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure_and_report(options: &Options) -> anyhow::Result<ExitCode> {
    let report = measure(options)?;
    let tables = table::render(&report);
    print!("{tables}");
    if let Some(path) = &options.docs {
        docs::put(path, &tables)?;
    }
    if let Some(path) = &options.json {
        let mut text = serde_json::to_string_pretty(&report)?;
        text.push('\n');
        std::fs::write(path, text)
            .with_context(|| format!("failed to write {}", path.display()))?;
        eprintln!("written: {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::new(machine::facts(options)?);
    sync::measure(options, &mut report)?;
    presets::measure(options, &mut report)?;
    changes::measure(options, &mut report)?;
    streams::measure(options, &mut report)?;
    store::measure(options, &mut report)?;
    idle::measure(options, &mut report)?;
    web::measure(options, &mut report)?;
    report.reach = reach::judge(&report);
    Ok(report)
}
