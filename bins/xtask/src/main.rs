//! The project's own chores, run as `cargo xtask`.
//!
//! # Invariants
//!
//! - Writes below `target/` only, unless told another place, and changes nothing else on the
//!   machine, unless told to with `--install`.
//! - Needs Rust, a C compiler and Python 3, and nothing more; what else it wants it fetches, and
//!   where it cannot it says which tests will skip.

mod bench;
mod book;
mod build_image;
mod debian;
mod fetch;
mod fingerprint_eval;
mod soak;
mod stage;
mod test;
mod tool;
mod version;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Fetch what the tests need into target/tools, then run them, doc tests included
    Test(test::Args),
    /// Run the randomised tests over and over, each round with another seed
    Soak(soak::Args),
    /// Hold the fingerprint rules against labelled manifests of real products
    FingerprintEval(fingerprint_eval::Args),
    /// Measure simulator, agent and broker as separate processes, beside a bare client
    Bench(bench::Args),
    /// Build the documentation as a book into target/book
    Book(book::Args),
    /// Build the web page from web/ into crates/meshsync-web/assets
    Web(web::Args),
    /// Build the program and write a container image of it, without a container engine
    Image(build_image::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().chore {
        Chore::Test(args) => test::run(&args),
        Chore::Soak(args) => soak::run(&args),
        Chore::FingerprintEval(args) => fingerprint_eval::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Book(args) => book::run(&args).map(|()| ExitCode::SUCCESS),
        Chore::Web(args) => web::run(&args).map(|()| ExitCode::SUCCESS),
        Chore::Image(args) => build_image::run(&args).map(|()| ExitCode::SUCCESS),
    }
}
