//! `meshsync run`.

use meshsync::Config;

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::{config, pipeline, settings, signals};

/// Observes a cluster until told to stop.
pub(crate) async fn run(args: RunArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "info", None)?;
    let stop = signals::stop_token(args.stop.stop_after)?;
    let file = match &args.config {
        Some(path) => config::read(path)?,
        None => Config::default(),
    };
    let mut builder = settings::cluster(&args.cluster, &file)?;
    if let Some(interval) = args.verify_interval.or(file.verify_interval) {
        builder = builder.verify_interval(interval);
    }
    let meshsync = settings::sinks(builder, &args.sinks, &file)?
        .build()
        .map_err(Failure::configuration)?;
    pipeline::run(meshsync, settings::endpoints(&args.endpoints, &file), stop).await
}
