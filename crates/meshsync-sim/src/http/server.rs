//! The listener and its connections.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::router::route;
use crate::{shared::Shared, tasks::Tasks};

/// How long connections may take to finish what they are doing when the server stops.
const GRACE: Duration = Duration::from_secs(2);
/// How long a client may take to agree on TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A bound address and everything connected to it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) addr: SocketAddr,
    tasks: Tasks,
    /// Drops connections as they are.
    kill: CancellationToken,
}

/// Binds and serves.
pub(crate) async fn listen(shared: Arc<Shared>, addr: SocketAddr) -> io::Result<Listener> {
    let socket = TcpListener::bind(addr).await?;
    let addr = socket.local_addr()?;
    let (tasks, kill) = (Tasks::default(), CancellationToken::new());
    let acceptor = accept(shared, socket, tasks.clone(), kill.clone());
    tasks.spawn(acceptor);
    Ok(Listener { addr, tasks, kill })
}

impl Listener {
    /// Ends watches, lets other responses finish, closes connections.
    pub(crate) async fn stop(&self) {
        self.tasks.shutdown().await;
    }

    /// Drops every connection where it stands, as a crashed server does.
    pub(crate) async fn crash(&self) {
        self.kill.cancel();
        self.tasks.shutdown().await;
    }

    pub(crate) fn cancel(&self) {
        self.kill.cancel();
        self.tasks.cancel();
    }
}

async fn accept(shared: Arc<Shared>, socket: TcpListener, tasks: Tasks, kill: CancellationToken) {
    let stop = tasks.stopping();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let ends = (tasks.clone(), kill.clone());
                tasks.spawn(welcome(Arc::clone(&shared), stream, ends.0, ends.1));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn welcome(shared: Arc<Shared>, stream: TcpStream, tasks: Tasks, kill: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let Some(tls) = &shared.tls else {
        return serve(Arc::clone(&shared), stream, tasks, kill).await;
    };
    let stop = tasks.stopping();
    let handshake = tokio::time::timeout(HANDSHAKE_MAX, tls.acceptor.accept(stream));
    let agreed = tokio::select! {
        biased;
        () = kill.cancelled() => return,
        () = stop.cancelled() => return,
        agreed = handshake => agreed,
    };
    match agreed {
        Ok(Ok(stream)) => serve(Arc::clone(&shared), stream, tasks, kill).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn serve<S>(shared: Arc<Shared>, stream: S, tasks: Tasks, kill: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = tasks.stopping();
    let service = service_fn(|request| {
        let response = route(Arc::clone(&shared), request, stop.clone());
        async move { Ok::<_, Infallible>(response.await) }
    });
    let mut builder = auto::Builder::new(tasks.clone());
    builder.http2().max_concurrent_streams(1000);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A crash comes before an orderly end, or watches would still end properly.
    let ended = tokio::select! {
        biased;
        () = kill.cancelled() => return,
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                () = kill.cancelled() => return,
                ended = connection.as_mut() => ended,
                () = tokio::time::sleep(GRACE) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
