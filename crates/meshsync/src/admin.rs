//! Probes, metrics and status over HTTP.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use meshsync_broker::SinkState;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::listen;
use crate::metrics::Metrics;
use crate::monitor::{Monitor, Role};

/// Where to serve what. `None`: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `/healthz`, `/livez`, `/readyz`, `/metrics`.
    pub probes: Option<SocketAddr>,
    /// `/status`.
    pub admin: Option<SocketAddr>,
    /// When `/readyz` is answered with 200.
    pub ready: Ready,
}

/// When a pipeline is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ready {
    /// As soon as it runs.
    Started,
    /// Once every resource that can be listed was given to every sink in full; of
    /// several sources one that is away is not waited for
    /// ([`Monitor::is_ready`]).
    #[default]
    Synced,
    /// While every sink confirms what it is given.
    Sink,
    /// While the last synthetic test found no broken link.
    Synthetic,
    /// Once the broker that requests come from was reached, and from then on: so
    /// the original answers, and Meshery's operator counts on it.
    Connected,
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
    warn: impl FnMut(AdminError),
    stop: impl Future<Output = ()> + Send,
) {
    serve_with(monitor, endpoints, |admin| admin, warn, stop).await;
}

/// [`serve`], with more on the administration address: `extend` is given the
/// routes there, and answers with those that are served. It may add some, and
/// wrap all of them in what decides who is answered.
pub async fn serve_with(
    monitor: Monitor,
    endpoints: Endpoints,
    extend: impl FnOnce(Router) -> Router,
    mut warn: impl FnMut(AdminError),
    stop: impl Future<Output = ()> + Send,
) {
    let halt = CancellationToken::new();
    let mut listening = Vec::new();
    let routers = [
        (
            endpoints.probes,
            "/healthz /livez /readyz /metrics",
            probes(monitor.clone(), endpoints.ready),
        ),
        (endpoints.admin, "/status", extend(admin(monitor))),
    ];
    for (addr, paths, router) in routers {
        let Some(addr) = addr else { continue };
        match TcpListener::bind(addr).await {
            Ok(listener) => {
                // Port 0 becomes the one that was found.
                let addr = listener.local_addr().unwrap_or(addr);
                tracing::info!(%addr, paths, "listening");
                listening.push(listen::serve(listener, router, halt.clone()));
            }
            Err(source) => warn(AdminError { addr, source }),
        }
    }
    // Servers end for no reason but a stop; without any it is waited for alike.
    let serving = async {
        futures::future::join_all(listening).await;
        std::future::pending().await
    };
    tokio::select! {
        () = stop => {}
        () = serving => {}
    }
    halt.cancel();
}

fn probes(monitor: Monitor, ready: Ready) -> Router {
    let metrics = Arc::new(Metrics::new(monitor.clone()));
    // Any method, as the original answers.
    Router::new()
        .route("/healthz", any(|| async { "ok" }))
        .route("/livez", any(|| async { "ok" }))
        .route("/readyz", any(readyz).with_state((monitor, ready)))
        .route("/metrics", get(metrics_page).with_state(metrics))
}

fn admin(monitor: Monitor) -> Router {
    Router::new().route("/status", get(status).with_state(monitor))
}

async fn readyz(State((monitor, ready)): State<(Monitor, Ready)>) -> impl IntoResponse {
    // Who waits to take over is as ready as can be.
    let follows = monitor.leadership().role == Role::Follower;
    let is_ready = match ready {
        Ready::Synced | Ready::Sink | Ready::Synthetic if follows => true,
        Ready::Started => true,
        Ready::Synced => monitor.is_ready(),
        Ready::Sink => {
            let mut sinks = monitor.sinks().into_iter();
            sinks.all(|sink| sink.status.state() == SinkState::Up)
        }
        Ready::Synthetic => {
            let tests = monitor.synthetic();
            let last = tests.and_then(|tests| tests.last);
            last.is_some_and(|last| last.ok)
        }
        Ready::Connected => monitor.was_connected(),
    };
    if is_ready {
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::FutureExt;

    use super::*;
    use crate::MeshSync;

    #[tokio::test]
    async fn serving_ends_with_stop_and_not_before() {
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = held.local_addr().unwrap();
        let free = "127.0.0.1:0".parse().unwrap();
        for (probes, warnings) in [(None, 0), (Some(taken), 1), (Some(free), 0)] {
            let monitor = MeshSync::builder().build().unwrap().monitor();
            let endpoints = Endpoints {
                probes,
                ..Endpoints::default()
            };
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let warned = Cell::new(0);
            let warn = |_| warned.set(warned.get() + 1);
            let mut serve = Box::pin(serve(monitor, endpoints, warn, stopped.map(drop)));
            // Binding to an address waits for nothing: one look is enough.
            assert!((&mut serve).now_or_never().is_none(), "{probes:?}");
            drop(stop);
            serve.await;
            assert_eq!(warned.get(), warnings);
        }
    }
}
