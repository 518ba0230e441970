//! `kubesim`: a simulated Kubernetes API server as a command.

mod arguments;
mod credentials;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use meshsync_sim::{Generate, Sim, SimBuilder, SimError, Sizes};
use tracing_subscriber::EnvFilter;

use crate::{
    arguments::{Arguments, SizeDistribution},
    credentials::write_credentials,
};

/// The cluster given cannot be loaded (`EX_CONFIG`).
const BAD_INPUT: u8 = 78;
/// The address cannot be bound (`EX_UNAVAILABLE`).
const CANNOT_BIND: u8 = 69;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kubesim: {error:#}");
            let bind = matches!(error.downcast_ref(), Some(SimError::Bind { .. }));
            ExitCode::from(if bind { CANNOT_BIND } else { BAD_INPUT })
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let sim = builder(&arguments)?.start().await?;
    sim.faults().pace_total(arguments.pace);
    sim.faults().pace(arguments.pace_stream);
    let token_file = write_credentials(&sim, &arguments)?;
    println!("{}", sim.url());
    let client = match &arguments.kubeconfig_out {
        Some(path) => format!("--kubeconfig {}", path.display()),
        None => format!("--server {}", sim.url()),
    };
    let objects = sim.object_count();
    eprintln!("{objects} objects; try: kubectl {client} get pods -A");
    let churn = (arguments.churn > 0.0).then(|| sim.churn_seeded(arguments.churn, arguments.seed));
    let rotation = async {
        match &token_file {
            Some(file) => file.rotate(&sim).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped.context("wait for Ctrl-C")?,
        failed = rotation => failed?,
    }
    if let Some(churn) = churn {
        churn.stop().await;
    }
    sim.stop().await;
    Ok(())
}

fn builder(arguments: &Arguments) -> anyhow::Result<SimBuilder> {
    let mut builder = Sim::builder()
        .bind(arguments.bind)
        .bookmark_interval(arguments.bookmark_interval)
        .version_wait(arguments.version_wait);
    if let Some(dir) = &arguments.capture {
        builder = builder.capture(dir)?;
    }
    if let Some(objects) = arguments.objects {
        let seed = arguments.seed;
        let sizes = match arguments.size_distribution {
            SizeDistribution::Natural => Sizes::Natural,
            SizeDistribution::Zipf => Sizes::Zipf,
        };
        builder = builder.generate_sized(Generate { objects, seed }, sizes);
    }
    for path in &arguments.manifests {
        builder = builder.manifests(path)?;
    }
    if let Some(token) = &arguments.token {
        builder = builder.token(token);
    }
    if arguments.tls {
        builder = builder.tls();
    }
    if arguments.drop_managed_fields {
        builder = builder.drop_managed_fields();
    }
    if arguments.rbac {
        builder = builder.rbac();
    }
    if arguments.no_watchlist {
        builder = builder.without_watch_list();
    }
    if arguments.no_aggregated_discovery {
        builder = builder.without_aggregated_discovery();
    }
    Ok(builder)
}
