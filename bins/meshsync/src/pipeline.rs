//! Running a pipeline beside its endpoints.

use meshsync::{Endpoints, MeshSync, serve};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::web::Page;

/// Runs until `stop` is cancelled or no sink is left. An address that cannot be
/// served is a warning. A page goes with its store in the end.
pub(crate) async fn run(
    meshsync: MeshSync,
    endpoints: Endpoints,
    page: Option<Page>,
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
    let ended = over.clone().cancelled_owned();
    let serve = async {
        match &page {
            Some(page) => page.serve(monitor, endpoints, warn, ended).await,
            None => serve(monitor, endpoints, warn, ended).await,
        }
    };
    let (result, ()) = tokio::join!(Box::pin(run), Box::pin(serve));
    Ok(result?)
}
