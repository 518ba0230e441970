//! `stream`: server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

use super::Api;
use super::stats::Stats;
use crate::error::ApiError;
use crate::feed::frame;

/// Streams at a time.
const STREAMS_MAX: usize = 1_024;

/// A quiet stream shows this often that it is there.
const BEAT: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct Lagged {
    /// Frames that were lost.
    frames: u64,
}

pub(super) async fn stream(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    if api.feed.listeners() >= STREAMS_MAX {
        return Err(ApiError::Crowded);
    }
    // First the numbers as they are, then whatever moves them.
    let first = frame("stats", &Stats::of(&api.monitor));
    let rest = stream::unfold(api.feed.listen(), |mut frames| async {
        Some((next(&mut frames).await?, frames))
    });
    let all = stream::iter(first).chain(rest).map(Ok::<_, Infallible>);
    let headers = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((headers, Body::from_stream(all)))
}

async fn next(frames: &mut broadcast::Receiver<Bytes>) -> Option<Bytes> {
    match tokio::time::timeout(BEAT, frames.recv()).await {
        Ok(Ok(frame)) => Some(frame),
        Ok(Err(RecvError::Lagged(frames))) => frame("lagged", &Lagged { frames }),
        Ok(Err(RecvError::Closed)) => None,
        Err(_) => Some(Bytes::from_static(b": still here\n\n")),
    }
}
