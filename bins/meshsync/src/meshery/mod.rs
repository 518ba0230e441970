//! The command line of the original: what Meshery's operator and Server start.
//!
//! It is spoken when we are called `meshery-meshsync`, or with one of the
//! original's flags. What each of its flags and variables means here is in
//! `docs/MESHERY.md`.

mod duration;
mod file;
mod flags;
mod options;
mod usage;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use self::flags::{Flags, Parsed};
use crate::failure::Failure;
use crate::{block_on, logging, pipeline, signals};

/// The name the operator calls us by.
const NAME: &str = "meshery-meshsync";

/// What the original exits with when its flags are wrong.
const USAGE: u8 = 2;

/// Whether the original is meant.
pub(crate) fn is_meant(args: &[OsString]) -> bool {
    let called = args
        .first()
        .and_then(|called| Path::new(called).file_stem());
    if called.is_some_and(|called| called == NAME) {
        return true;
    }
    let flags = args.iter().skip(1).map(|arg| arg.to_string_lossy());
    flags
        .take_while(|arg| arg.starts_with('-'))
        .any(|arg| flags::is_of_the_original(&arg))
}

/// Runs as the original.
pub(crate) fn main(args: &[OsString]) -> ExitCode {
    let called = args
        .first()
        .map_or_else(|| NAME.into(), |called| called.to_string_lossy());
    let texts = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned());
    let variable = |name: &str| std::env::var(name).ok();
    match flags::parse(texts, variable) {
        Parsed::Run(flags) => block_on(run(*flags)),
        Parsed::Help => {
            eprint!("{}", usage::text(&called));
            ExitCode::SUCCESS
        }
        Parsed::Wrong(problem) => {
            eprint!("{problem}\n{}", usage::text(&called));
            ExitCode::from(USAGE)
        }
    }
}

async fn run(flags: Flags) -> Result<(), Failure> {
    let debug = std::env::var("DEBUG").is_ok_and(|value| options::is_on(&value));
    let level = if debug { "debug" } else { "info" };
    logging::start(flags.log_format, level, None)?;
    let run = async {
        let stop = signals::stop_token(flags.stop_after)?;
        let endpoints = options::endpoints(&flags);
        let meshsync = options::pipeline(&flags)?;
        pipeline::run(meshsync, endpoints, None, stop).await
    };
    run.await.map_err(Failure::like_the_original)
}
