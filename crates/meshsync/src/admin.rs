//! Probes, metrics and status over HTTP.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::monitor::Monitor;

/// Where to serve what. `None`: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `/healthz`, `/livez`, `/readyz`, `/metrics`.
    pub probes: Option<SocketAddr>,
    /// `/status`.
    pub admin: Option<SocketAddr>,
}

/// Why an address is not served.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {addr}: is another process using the port?")]
pub struct AdminError {
    addr: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// Serves a pipeline's probes and status until `stop` completes. An address that
/// cannot be listened on is passed to `warn`; the rest is served.
pub async fn serve(
    monitor: Monitor,
    endpoints: Endpoints,
    mut warn: impl FnMut(AdminError),
    stop: impl Future<Output = ()> + Send,
) {
    let halt = CancellationToken::new();
    let mut listening = Vec::new();
    let routers = [
        (endpoints.probes, probes as fn(Monitor) -> Router),
        (endpoints.admin, admin as fn(Monitor) -> Router),
    ];
    for (addr, router) in routers {
        let Some(addr) = addr else { continue };
        match TcpListener::bind(addr).await {
            Ok(listener) => {
                let server = axum::serve(listener, router(monitor.clone()))
                    .with_graceful_shutdown(halt.clone().cancelled_owned());
                listening.push(server.into_future());
            }
            Err(source) => warn(AdminError { addr, source }),
        }
    }
    tokio::select! {
        () = stop => {}
        _ = futures::future::join_all(listening), if endpoints != Endpoints::default() => {}
    }
    halt.cancel();
}

fn probes(monitor: Monitor) -> Router {
    let metrics = Arc::new(Metrics::new(monitor.clone()));
    // Any method, as the original answers.
    Router::new()
        .route("/healthz", any(|| async { "ok" }))
        .route("/livez", any(|| async { "ok" }))
        .route("/readyz", any(readyz).with_state(monitor))
        .route("/metrics", get(metrics_page).with_state(metrics))
}

fn admin(monitor: Monitor) -> Router {
    Router::new().route("/status", get(status).with_state(monitor))
}

async fn readyz(State(monitor): State<Monitor>) -> impl IntoResponse {
    if monitor.is_synced() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

async fn status(State(monitor): State<Monitor>) -> impl IntoResponse {
    axum::Json(monitor.document())
}

async fn metrics_page(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, TYPE)], metrics.text())
}
