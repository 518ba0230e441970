//! Serving HTTP to whoever comes, without letting one of them have it all.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 1_100;

/// How long the head of a request may take.
const HEAD_MAX: Duration = Duration::from_secs(10);

/// How large it may be.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `halt` is cancelled; what is being answered then is cut off.
pub(crate) async fn serve(listener: TcpListener, router: Router, halt: CancellationToken) {
    let turns = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let accept = async {
        loop {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
                break;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        answer(stream, router).await;
                        drop(turn);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "failed to accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accept => {}
        () = halt.cancelled() => {}
    }
}

/// How a client ends a connection is nobody's trouble.
async fn answer(stream: TcpStream, router: Router) {
    // Frames are small, and somebody waits for each.
    drop(stream.set_nodelay(true));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_concurrent_streams(16);
    let service = TowerToHyperService::new(router);
    drop(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    /// What is answered to these bytes until the connection ends.
    async fn said(bytes: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "hello" }));
        let halt = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router, halt.clone()));
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has ended too.
        drop(client.read_to_end(&mut answer).await);
        halt.cancel();
        server.await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn a_request_is_answered() {
        let answer = said(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
            "{answer}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_is_not_waited_for() {
        let started = Instant::now();
        let answer = said(b"GET / HTTP/1.1\r\nhost:").await;
        assert!(!answer.contains("200"), "{answer}");
        assert!(started.elapsed() >= HEAD_MAX && started.elapsed() < HEAD_MAX * 3);
    }

    #[tokio::test]
    async fn what_is_no_request_or_too_large_is_refused() {
        for (bytes, status) in [
            (b"\x16\x03\x01 hello\r\n\r\n".to_vec(), " 400 "),
            (
                format!(
                    "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
                    "y".repeat(64 << 10)
                )
                .into_bytes(),
                " 431 ",
            ),
        ] {
            let answer = said(&bytes).await;
            // A reset may overtake the answer; it is a refusal all the same.
            assert!(answer.is_empty() || answer.contains(status), "{answer}");
        }
    }
}
