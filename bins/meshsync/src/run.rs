//! `meshsync run`.

use std::convert::Infallible;

use meshsync::check::CheckOptions;
use meshsync::{Config, Monitor};

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::otlp::Otlp;
use crate::web::Page;
use crate::{authors, config, election, fingerprint, pipeline, settings, signals};

/// Observes a cluster until told to stop.
pub(crate) async fn run(args: RunArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "info", None)?;
    let stop = signals::stop_token(args.stop.stop_after)?;
    let file = config::read(args.config.as_deref())?;
    let mut builder =
        settings::cluster(&args.cluster, &file)?.pace(settings::pace(&args.pace, &file));
    if let Some(interval) = args.verify_interval.or(file.verify_interval) {
        builder = builder.verify_interval(interval);
    }
    if let Some(hold) = args.deep_hold.or(file.deep_hold) {
        builder = builder.deep_hold(hold);
    }
    builder = authors::follow(builder, &args, &file)?;
    let folder = args.rules.as_deref();
    if args.fingerprints || folder.is_some() {
        builder = builder.fingerprints(fingerprint::rule_set(folder)?);
    }
    if args.helm_releases {
        builder = builder.helm_releases();
    }
    if args.sinks.meshery_fingerprints {
        builder = builder.fingerprints_in_meshery();
    }
    builder = election::elect(builder, &args.election, &args.sinks, &file)?;
    let endpoints = settings::endpoints(&args.endpoints, &file);
    let sinks = args.sinks.urls.iter().map(String::as_str);
    let sinks = sinks.chain(file.sinks.iter().map(meshsync::SinkUrl::as_str));
    let cluster = || settings::kubernetes(&args.cluster, &file);
    let page = Page::asked(&args.web, &endpoints, cluster, sinks).await?;
    let meshsync = settings::sinks(builder, &args.sinks, &file, page.as_ref())?
        .build()
        .map_err(Failure::configuration)?;
    let handle = meshsync.handle();
    let synthetic = synthetic(&args, &file, meshsync.monitor())?;
    let mut otlp = Otlp::asked(&args.otlp, meshsync.monitor());
    let pipeline = Box::pin(pipeline::run(meshsync, endpoints, page, stop));
    let result = tokio::select! {
        result = pipeline => result,
        never = otlp.run() => match never {},
        never = synthetic => match never {},
        never = fingerprint::follow(folder, &handle) => match never {},
        never = config::follow(args.config.as_deref(), file, &args.cluster, &handle) => match never {},
    };
    otlp.end().await;
    result
}

/// Tests every link now and then, where that is wanted.
fn synthetic(
    args: &RunArgs,
    file: &Config,
    monitor: Monitor,
) -> Result<impl Future<Output = Infallible> + use<>, Failure> {
    let mut options = CheckOptions::default();
    let interval = args.synthetic_interval;
    if interval.is_some() {
        options.cluster = settings::kubernetes(&args.cluster, file)?;
    }
    options.sinks = settings::sink_urls(&args.sinks, file).0;
    let options = settings::canary(options, &args.canary);
    Ok(async move {
        match interval {
            Some(interval) => meshsync::check::synthetic(monitor, options, interval).await,
            None => std::future::pending().await,
        }
    })
}
