//! Requests to an engine, each on a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use meshsync_informer::source::SourceError;
use tokio::task::JoinSet;

use super::transport::{Opened, open};
use super::url::Host;

/// An engine that has not answered after this time is away.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A list that is silent for this long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A list of more bytes is no honest one.
const LIST_BYTES_MAX: usize = 256 << 20;

/// What of a refusal is repeated.
const REFUSAL_BYTES_MAX: usize = 300;

/// An answer under way. The connection ends with it.
pub(super) struct Answer {
    body: Incoming,
    /// Moves the bytes.
    _connection: JoinSet<()>,
    _process: Option<tokio::process::Child>,
}

/// Sends a request.
pub(super) async fn get(host: &Host, path: &str) -> Result<Answer, SourceError> {
    let late = |_elapsed| {
        let seconds = ANSWER_MAX.as_secs();
        SourceError::unreachable(format!("{host} has not answered for {seconds} s"))
    };
    let (response, mut answer) = tokio::time::timeout(ANSWER_MAX, send(host, path))
        .await
        .map_err(late)??;
    if response == StatusCode::OK {
        return Ok(answer);
    }
    let mut text = Vec::new();
    while text.len() < REFUSAL_BYTES_MAX
        && let Ok(Some(chunk)) = answer.chunk(host).await
    {
        text.extend_from_slice(&chunk);
    }
    Err(refusal(host, path, response, &text))
}

/// A whole answer.
pub(super) async fn get_all(host: &Host, path: &str) -> Result<Vec<u8>, SourceError> {
    let mut answer = get(host, path).await?;
    let mut all = Vec::new();
    loop {
        let chunk = tokio::time::timeout(SILENCE_MAX, answer.chunk(host)).await;
        let chunk = chunk.map_err(|_elapsed| {
            let seconds = SILENCE_MAX.as_secs();
            SourceError::unreachable(format!("{host} is silent for {seconds} s in {path}"))
        })??;
        let Some(chunk) = chunk else { return Ok(all) };
        if all.len() + chunk.len() > LIST_BYTES_MAX {
            let most = LIST_BYTES_MAX >> 20;
            let message = format!("{host} answers {path} with more than {most} MiB");
            return Err(SourceError::refused(message));
        }
        all.extend_from_slice(&chunk);
    }
}

impl Answer {
    /// The next bytes; `None` at the end. Dropping it half-way loses nothing.
    pub(super) async fn chunk(&mut self, host: &Host) -> Result<Option<Bytes>, SourceError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    let message = format!("the connection to {host} broke off");
                    return Err(SourceError::unreachable(message).because(error));
                }
            }
        }
    }
}

async fn send(host: &Host, path: &str) -> Result<(StatusCode, Answer), SourceError> {
    let Opened { stream, process } = open(host).await?;
    let broken = |error: hyper::Error| {
        SourceError::unreachable(format!("{host} does not answer as a container engine does"))
            .because(error)
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut moving = JoinSet::new();
    moving.spawn(async move {
        // The answer says what broke.
        drop(connection.await);
    });
    let request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(hyper::header::HOST, "engine")
        .body(Empty::<Bytes>::new())
        .map_err(|error| SourceError::configuration("no request can be made").because(error))?;
    let response: Response<Incoming> = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let answer = Answer {
        body: response.into_body(),
        _connection: moving,
        _process: process,
    };
    Ok((status, answer))
}

fn refusal(host: &Host, path: &str, status: StatusCode, text: &[u8]) -> SourceError {
    // What Docker and Podman say, and nothing else that somebody may have put there.
    let said = serde_json::from_slice::<serde_json::Value>(text).ok();
    let said = said.as_ref().and_then(|said| said["message"].as_str());
    let said = said.map_or_else(String::new, |said| format!(": {said}"));
    let path = path.split('?').next().unwrap_or_default();
    let remedy = match status {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "; ask for the right to read it",
        _ => "",
    };
    SourceError::refused(format!("{host} answers {path} with {status}{said}{remedy}"))
}
