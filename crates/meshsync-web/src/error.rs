//! What a request can fail with.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use meshsync::model::error_chain;
use meshsync::store::StoreError;
use serde::Serialize;

/// Why there is no answer. Only ever told to those who may ask.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The question is none: what is wrong with it, what to write.
    Question(String, &'static str),
    /// There is no such thing.
    Missing(String),
    /// Too much is asked at once.
    Busy,
    /// An answer takes too long.
    TooLong,
    /// Too many streams.
    Crowded,
    /// Something else.
    Failed(String),
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    remedy: &'a str,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooLong { .. } => Self::TooLong,
            error => Self::Failed(error_chain(&error)),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        const LATER: [(header::HeaderName, &str); 1] = [(header::RETRY_AFTER, "2")];
        let say =
            |status, error: &str, remedy| (status, Json(Body { error, remedy })).into_response();
        match self {
            Self::Question(problem, remedy) => say(StatusCode::BAD_REQUEST, &problem, remedy),
            Self::Missing(what) => say(
                StatusCode::NOT_FOUND,
                &what,
                "it may be gone; search for it again",
            ),
            Self::Busy => {
                let answer = say(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the store is being read by others",
                    "ask again in a moment",
                );
                (LATER, answer).into_response()
            }
            Self::Crowded => {
                let answer = say(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too many pages listen already",
                    "close some; the page works without, it only does not move by itself",
                );
                (LATER, answer).into_response()
            }
            Self::TooLong => say(
                StatusCode::GATEWAY_TIMEOUT,
                "the answer takes too long",
                "ask for less: name a kind or a namespace",
            ),
            Self::Failed(problem) => {
                tracing::warn!(%problem, "a request of the web page failed");
                say(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &problem,
                    "the log of meshsync says more",
                )
            }
        }
    }
}
