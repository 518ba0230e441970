//! Running a pipeline beside its endpoints.

use meshsync::{Endpoints, MeshSync, serve};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Runs until `stop` is cancelled or no sink is left. An address that cannot be
/// served is a warning.
pub(crate) async fn run(
    meshsync: MeshSync,
    endpoints: Endpoints,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let monitor = meshsync.monitor();
    let over = CancellationToken::new();
    let run = async {
        let result = meshsync.run(stop.cancelled_owned()).await;
        over.cancel();
        result
    };
    let warn = |error: meshsync::AdminError| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(%error, cause, "going on without these endpoints");
    };
    let serve = serve(monitor, endpoints, warn, over.clone().cancelled_owned());
    let (result, ()) = tokio::join!(Box::pin(run), serve);
    Ok(result?)
}
