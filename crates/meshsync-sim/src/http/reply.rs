//! Responses and their bodies.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::Value;

use crate::{api::Status, faults::Refusal};

/// Body of every response.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How many bytes a frame of a streamed body gathers before it is sent.
pub(crate) const FRAME_BYTES: usize = 64 * 1024;

pub(crate) const JSON: &str = "application/json";

/// A response with a complete body.
pub(crate) fn complete(code: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    with_head(code, content_type, body)
}

/// A 200 whose body is streamed.
pub(crate) fn streamed(
    stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Response<Body> {
    with_head(
        200,
        JSON,
        StreamBody::new(stream.map(|part| part.map(Frame::data))).boxed_unsync(),
    )
}

fn with_head(code: u16, content_type: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Ok(content_type) = header::HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-cache, private"),
    );
    response
}

pub(crate) fn json(code: u16, value: &Value) -> Response<Body> {
    complete(code, JSON, value.to_string())
}

pub(crate) fn text(code: u16, body: &'static str) -> Response<Body> {
    complete(code, "text/plain; charset=utf-8", body)
}

impl From<Status> for Response<Body> {
    fn from(status: Status) -> Self {
        let mut body = status.body();
        body.push(b'\n');
        let mut response = complete(status.code, JSON, body);
        let retry_after = status.details["retryAfterSeconds"].as_u64();
        set_retry_after(&mut response, retry_after);
        response
    }
}

impl From<Refusal> for Response<Body> {
    fn from(refusal: Refusal) -> Self {
        let retry_after = refusal.retry_after;
        let mut response: Self = refusal.status.into();
        set_retry_after(&mut response, retry_after);
        response
    }
}

fn set_retry_after(response: &mut Response<Body>, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
}
