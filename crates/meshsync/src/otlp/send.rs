//! One document to a collector.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use futures::FutureExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::url::OtlpUrl;

/// An answer takes no longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// So much of an answer that refuses is read.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Why a collector has not taken something.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("no answer within {} s", ANSWER_MAX.as_secs())]
    Silent,
    #[error("failed to connect")]
    Connect(#[source] std::io::Error),
    #[error("the exchange broke")]
    Exchange(#[from] hyper::Error),
    #[error("it was answered with {status}: {text}")]
    Refused { status: StatusCode, text: String },
}

/// Sends it, and waits until the collector has it.
pub(super) async fn send(url: &OtlpUrl, signal: &str, body: Vec<u8>) -> Result<(), SendError> {
    let sent = tokio::time::timeout(ANSWER_MAX, exchange(url, signal, body));
    sent.await.unwrap_or(Err(SendError::Silent))
}

async fn exchange(url: &OtlpUrl, signal: &str, body: Vec<u8>) -> Result<(), SendError> {
    let stream = TcpStream::connect(&url.authority).await;
    let stream = TokioIo::new(stream.map_err(SendError::Connect)?);
    let (mut send, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let request = Request::post(url.path(signal))
        .header(header::HOST, &url.authority)
        .header(
            header::USER_AGENT,
            concat!("meshsync/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::from(body)));
    let Ok(request) = request else {
        // A URL that was parsed makes one.
        return Ok(());
    };
    let answer = async {
        let response = send.send_request(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let body = body.await.map(|body| body.to_bytes()).unwrap_or_default();
        let text: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        Err(SendError::Refused { status, text })
    };
    // Nothing is left behind: the connection is driven until the answer is there.
    let mut connection = Box::pin(connection.fuse());
    tokio::pin!(answer);
    tokio::select! {
        answered = &mut answer => answered,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}
