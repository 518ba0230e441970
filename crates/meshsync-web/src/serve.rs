//! Serving the page beside a pipeline's endpoints.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::middleware::from_fn_with_state;
use meshsync::{AdminError, Endpoints, Monitor, serve_with};

use crate::api::{self, Api};
use crate::{Web, access, assets};

/// Time between two frames of the stream.
const TICK: Duration = Duration::from_millis(500);

/// Serves a pipeline's endpoints and, on the administration address, the page,
/// until `stop` completes. Everything on that address is answered only to those
/// who have [`Access`](crate::Access).
pub async fn serve(
    web: Web,
    monitor: Monitor,
    endpoints: Endpoints,
    warn: impl FnMut(AdminError),
    stop: impl Future<Output = ()> + Send,
) {
    let api = Api::new(&web, monitor.clone());
    let tick = tick(api.clone());
    let access = web.access.clone();
    let page = move |admin: Router| router(admin, api, access);
    tokio::select! {
        () = serve_with(monitor, endpoints, page, warn, stop) => {}
        () = tick => {}
    }
}

pub(crate) fn router(admin: Router, api: Api, access: crate::Access) -> Router {
    let files = |uri: Uri, headers: HeaderMap| async move { assets::answer(uri.path(), &headers) };
    admin
        .nest("/api/v1", api::router(api))
        .fallback(files)
        .layer(from_fn_with_state(access, access::guard))
}

/// Sends frames for ever.
async fn tick(api: Api) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        api.tick(number);
    }
}
