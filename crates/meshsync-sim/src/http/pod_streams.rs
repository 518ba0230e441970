//! Logs of containers and shells in them: just enough for a client to talk to.
//!
//! A log is lines made up from the pod's name. A shell answers each line it is
//! given with that line, says nothing to an empty one, and ends at `exit`. It
//! speaks the WebSocket protocol of a real server (`v4.channel.k8s.io` and v5):
//! <https://kubernetes.io/blog/2024/08/20/websockets-transition/>.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::reply::{Body, streamed};
use crate::api::{Query, Status};

/// Time between two lines of a log that is followed.
const LINE_INTERVAL: Duration = Duration::from_millis(20);

/// Lines that were written before.
const LINES: usize = 100;

/// The subprotocols of a shell that are spoken, the best first.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// Channels of both.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const ERROR: u8 = 3;

/// The log of a container of `pod`.
pub(crate) fn log(pod: &str, query: &Query, stop: CancellationToken) -> Response<Body> {
    let container = query.value("container").unwrap_or_default().to_owned();
    let tail = query
        .value("tailLines")
        .and_then(|lines| lines.parse().ok());
    let tail: usize = tail.unwrap_or(LINES).min(LINES);
    let follow = query.flag("follow");
    let pod = pod.to_owned();
    let line = move |at: usize| {
        let line = format!("2026-11-22T12:00:00.000000000Z {pod} {container} zeile {at} größe €\n");
        Ok::<_, io::Error>(Bytes::from(line))
    };
    let written = futures::stream::iter(LINES - tail..LINES).map(line.clone());
    let next = futures::stream::unfold(LINES, move |at| {
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = stop.cancelled() => None,
                () = tokio::time::sleep(LINE_INTERVAL), if follow => Some((at, at + 1)),
                else => None,
            }
        }
    })
    .map(line);
    let next = next.take(if follow { usize::MAX } else { 0 });
    streamed(written.chain(next))
}

/// A shell in a container of `pod`.
pub(crate) fn shell(
    headers: &HeaderMap,
    upgrade: Option<OnUpgrade>,
    stop: CancellationToken,
) -> Result<Response<Body>, Status> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let offered = text(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    let offers = |protocol: &&&str| offered.split(',').any(|name| name.trim() == **protocol);
    let (Some(key), Some(upgrade), Some(protocol)) = (
        text(header::SEC_WEBSOCKET_KEY),
        upgrade,
        PROTOCOLS.iter().find(offers),
    ) else {
        return Err(Status::bad_request(
            "of the ways to a shell, the simulator speaks only v4 and v5 over WebSockets",
        ));
    };
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let socket = TokioIo::new(upgraded);
            let mut socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
            tokio::select! {
                () = stop.cancelled() => {}
                result = converse(&mut socket) => if let Err(error) = result {
                    tracing::debug!(%error, "a shell broke off");
                },
            }
            drop(socket.close(None).await);
        }
    });
    let body = Full::new(Bytes::new()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = derive_accept_key(key.as_bytes());
    let fields = [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, accept.as_str()),
        (header::SEC_WEBSOCKET_PROTOCOL, protocol),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

async fn converse<S>(socket: &mut WebSocketStream<S>) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    say(socket, STDOUT, b"$ ").await?;
    let mut typed = Vec::new();
    while let Some(message) = socket.next().await {
        let Message::Binary(frame) = message? else {
            continue;
        };
        let Some((&STDIN, text)) = frame.split_first() else {
            continue;
        };
        typed.extend_from_slice(text);
        while let Some(end) = typed.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = typed.drain(..=end).collect();
            let line = line.trim_ascii();
            if line == b"exit" {
                let status = json!({"metadata": {}, "status": "Success"});
                return say(socket, ERROR, status.to_string().as_bytes()).await;
            }
            let answer = [line, b"\r\n$ "].concat();
            say(socket, STDOUT, &answer).await?;
        }
    }
    Ok(())
}

async fn say<S>(socket: &mut WebSocketStream<S>, channel: u8, text: &[u8]) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let frame = [&[channel], text].concat();
    socket.send(Message::binary(frame)).await
}
