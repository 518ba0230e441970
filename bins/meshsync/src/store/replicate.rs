//! `meshsync replicate`.

use meshsync::store::Progress;

use super::args::ReplicateArgs;
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::signals;

/// Keeps a store equal to a state stream.
pub(crate) async fn replicate(args: ReplicateArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "info", None)?;
    let stop = signals::stop_token(None)?;
    let tell = |progress| match progress {
        Progress::CaughtUp => {
            tracing::info!(from = %args.from, "the store has what the stream has");
            if args.once {
                stop.cancel();
            }
        }
        Progress::Marker { resource, verdict } => {
            let resource = resource.map(|resource| resource.to_string());
            tracing::debug!(resource, ?verdict, "marker");
        }
        Progress::Repaired(resource) => {
            tracing::warn!(%resource, "was not what the writer has; it was read again");
        }
        _ => {}
    };
    let stopped = stop.clone().cancelled_owned();
    meshsync::store::replicate(args.from.clone(), &args.to, tell, stopped)
        .await
        .map_err(Failure::other)
}
