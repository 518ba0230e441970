//! `meshsync demo`: a simulated cluster, everything else the real path.

mod rates;
mod view;

use std::io::{IsTerminal, stderr, stdout};

use indicatif::MultiProgress;
use meshsync::{Builder, ClusterConfig, Config, MeshSync};
use meshsync_sim::{Generate, Sim};
use tokio_util::sync::CancellationToken;

use crate::cli::{ClusterArgs, DemoArgs, SinkArgs};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::{pipeline, settings, signals};

/// Runs the demo until told to stop.
pub(crate) async fn demo(args: DemoArgs, log_format: LogFormat) -> Result<(), Failure> {
    let watched = is_watched(&args.sinks);
    let bars = watched.then(MultiProgress::new);
    let level = if watched { "warn" } else { "info" };
    logging::start(log_format, level, bars.as_ref())?;
    let stop = signals::stop_token(args.stop.stop_after)?;
    let builder = builder(&args, watched)?;

    let sim = Sim::builder()
        .generate(Generate {
            objects: args.objects,
            seed: args.seed,
        })
        .start()
        .await
        .map_err(Failure::other)?;
    let churn = (args.churn > 0.0).then(|| sim.churn_seeded(args.churn, args.seed));
    let meshsync = builder
        .cluster(ClusterConfig::Text(sim.kubeconfig()))
        .build()
        .map_err(Failure::configuration)?;
    let result = match bars {
        Some(bars) => run_watched(meshsync, bars, stop).await,
        None => pipeline::run(meshsync, settings::loopback_endpoints(), stop).await,
    };
    if let Some(churn) = churn {
        churn.stop().await;
    }
    sim.stop().await;
    result
}

/// Whether a person looks at it, and nothing else is written to the terminal.
fn is_watched(sinks: &[String]) -> bool {
    let writes_here = |url: &String| url.starts_with("stdout") || url == "-";
    stdout().is_terminal() && stderr().is_terminal() && !sinks.iter().any(writes_here)
}

fn builder(args: &DemoArgs, watched: bool) -> Result<Builder, Failure> {
    let nothing = Config::default();
    let builder = settings::cluster(&ClusterArgs::default(), &nothing)?;
    if args.sinks.is_empty() {
        // Not $BROKER_URL: nobody wants to find a made-up cluster there.
        return Ok(if watched {
            builder
        } else {
            builder.sink(meshsync::sinks::LinesSink::stdout())
        });
    }
    let sinks = SinkArgs {
        urls: args.sinks.clone(),
        ..SinkArgs::default()
    };
    settings::sinks(builder, &sinks, &nothing)
}

async fn run_watched(
    mut meshsync: MeshSync,
    bars: MultiProgress,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let changes = meshsync.changes();
    let view = view::show(bars, meshsync.monitor(), changes);
    let run = pipeline::run(meshsync, settings::loopback_endpoints(), stop);
    let (result, ()) = tokio::join!(run, view);
    result
}
