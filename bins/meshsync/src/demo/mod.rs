//! `meshsync demo`: a simulated cluster, everything else the real path.

mod rates;
mod view;

use std::io::{IsTerminal, stderr, stdout};

use indicatif::MultiProgress;
use meshsync::{Builder, ClusterConfig, Config, Endpoints, MeshSync};
use meshsync_sim::{Generate, Sim};
use tokio_util::sync::CancellationToken;

use crate::cli::{ClusterArgs, DemoArgs, SinkArgs};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::web::Page;
use crate::{fingerprint, pipeline, settings, signals};

/// Runs the demo until told to stop.
pub(crate) async fn demo(args: DemoArgs, log_format: LogFormat) -> Result<(), Failure> {
    let watched = is_watched(&args.sinks);
    let bars = watched.then(MultiProgress::new);
    let level = if watched { "warn" } else { "info" };
    logging::start(log_format, level, bars.as_ref())?;
    let stop = signals::stop_token(args.stop.stop_after)?;
    let endpoints = settings::loopback_endpoints(args.probes_addr, args.admin_addr);
    let page = page(&args, watched, &endpoints);
    let builder = builder(&args, watched, page.as_ref())?;

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
        Some(bars) => run_watched(meshsync, bars, (endpoints, page), stop).await,
        None => pipeline::run(meshsync, endpoints, page, stop).await,
    };
    if let Some(churn) = churn {
        churn.stop().await;
    }
    sim.stop().await;
    result
}

/// Whether a person looks at it, and nothing else is written to the terminal.
fn is_watched(sinks: &[String]) -> bool {
    stdout().is_terminal() && stderr().is_terminal() && !sinks.iter().any(writes_here)
}

fn writes_here(url: &String) -> bool {
    url.starts_with("stdout") || url == "-"
}

/// The page, where somebody may look at it: who pipes records wants no other
/// sink to keep the program alive. One that cannot be had is a warning.
fn page(args: &DemoArgs, watched: bool, endpoints: &Endpoints) -> Option<Page> {
    let is_piped = !watched && (args.sinks.is_empty() || args.sinks.iter().any(writes_here));
    let is_served = endpoints.admin.is_some_and(|addr| addr.ip().is_loopback());
    if is_piped || !is_served {
        return None;
    }
    Page::local()
        .inspect_err(|error| tracing::warn!(?error, "going on without the web page"))
        .unwrap_or_default()
}

fn builder(args: &DemoArgs, watched: bool, page: Option<&Page>) -> Result<Builder, Failure> {
    let nothing = Config::default();
    let mut builder = settings::cluster(&ClusterArgs::default(), &nothing)?;
    if page.is_some() {
        builder = builder.fingerprints(fingerprint::rule_set(None)?);
    }
    if args.sinks.is_empty() {
        // Not $BROKER_URL: nobody wants to find a made-up cluster there.
        return Ok(match page {
            Some(page) => page.fill(builder),
            None if watched => builder,
            None => builder.sink(meshsync::sinks::LinesSink::stdout()),
        });
    }
    let sinks = SinkArgs {
        urls: args.sinks.clone(),
        ..SinkArgs::default()
    };
    settings::sinks(builder, &sinks, &nothing, page)
}

async fn run_watched(
    mut meshsync: MeshSync,
    bars: MultiProgress,
    (endpoints, page): (Endpoints, Option<Page>),
    stop: CancellationToken,
) -> Result<(), Failure> {
    let changes = meshsync.changes();
    if page.is_some()
        && let Some(addr) = endpoints.admin
    {
        // A terminal that cannot be written is nothing to stop for.
        drop(bars.println(format!("look at it: http://{addr}/")));
    }
    let view = view::show(bars, meshsync.monitor(), changes);
    let run = pipeline::run(meshsync, endpoints, page, stop);
    let (result, ()) = tokio::join!(run, view);
    result
}
