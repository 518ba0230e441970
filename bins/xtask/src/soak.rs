//! `cargo xtask soak`: the long form of the randomised tests.

use std::{
    ffi::OsString,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;

use crate::{
    stage::stage,
    test::{cargo_test, provide, workspace_root},
    tool::Effort,
};

/// What a round runs: arguments of `cargo test`.
const ROUND: [&[&str]; 7] = [
    // Property tests of the state machines.
    &["-p", "meshsync-broker", "-p", "meshsync-informer", "--lib"],
    // Churn with faults, against simulator and broker.
    &[
        "-p",
        "meshsync",
        "--test",
        "it",
        "--",
        "churn",
        "small_outbox",
    ],
    // Many small clusters through every fault of the simulator.
    &["-p", "meshsync", "--test", "seeds"],
    // Agent, brokers and consumer killed at random points, on 20,000 objects.
    &["-p", "meshsync-cli", "--test", "it", "--", "kills"],
    // 400 definitions in one burst while so many objects change.
    &[
        "-p",
        "meshsync",
        "--test",
        "it",
        "--",
        "hundreds_in_one_burst",
    ],
    // A broker that is away for as long as `--outage` says.
    &["-p", "meshsync-cli", "--test", "meshery", "--", "n8_"],
    // Whatever bytes.
    &["-p", "meshsync-fuzz", "--test", "replay"],
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many rounds; one takes about fifteen minutes on two cores
    #[arg(long, default_value_t = 10)]
    rounds: u64,

    /// Seed of the first round, to repeat a failure; by default taken from the clock
    #[arg(long)]
    seed: Option<u64>,

    /// How many cases each property test runs a round
    #[arg(long, default_value_t = 50_000)]
    cases: u32,

    /// How many seeds the test of many small clusters runs a round
    #[arg(long, default_value_t = 500)]
    seeds: u64,

    /// How many objects change while there is a burst of definitions
    #[arg(long, default_value_t = 20_000)]
    objects: usize,

    /// How long the broker is away in the test of that, in seconds
    #[arg(long, default_value_t = 300)]
    outage: u64,
}

/// Answers with the exit code of the first `cargo test` that failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = workspace_root()?;
    let variables = stage("tools", || {
        provide(&root.join("target/tools"), Effort::Small)
    });
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let first = args.seed.unwrap_or(clock);
    for round in 0..args.rounds {
        let seed = first.wrapping_add(round);
        for tests in ROUND {
            let extra: Vec<OsString> = tests.iter().map(OsString::from).collect();
            let mut command = cargo_test(&root, &extra);
            command
                .envs(variables.clone())
                .env("MESHSYNC_SEED", seed.to_string())
                .env("MESHSYNC_CASES", args.cases.to_string())
                .env("MESHSYNC_OBJECTS", args.objects.to_string())
                .env("MESHSYNC_SEEDS", args.seeds.to_string())
                .env("MESHSYNC_OUTAGE_SECONDS", args.outage.to_string());
            let name = format!("round {} of {}, seed {seed}", round + 1, args.rounds);
            let status = stage(&name, || command.status()).context("failed to run cargo")?;
            if !status.success() {
                eprintln!("failed; to repeat it: cargo xtask soak --rounds 1 --seed {seed}");
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
            }
        }
    }
    println!("{} rounds passed, seeds from {first} on", args.rounds);
    Ok(ExitCode::SUCCESS)
}
