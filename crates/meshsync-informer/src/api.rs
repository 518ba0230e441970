//! Requests to an API server and what can go wrong with them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;

use crate::machine::Refusal;

/// How long an answer's head may take. A consistent list of a large resource is
/// prepared before its head is sent.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Documents other than lists and watches are no larger than this.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// Why a request has no answer to work with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server answered with a status that is no success.
    #[error("{path} was answered with {}", describe(.refusal))]
    Refused {
        /// Path of the request.
        path: String,
        /// What the server said.
        refusal: Refusal,
    },
    /// There is no answer, or it broke off.
    #[error("{path} got no answer")]
    Failed {
        /// Path of the request.
        path: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn describe(refusal: &Refusal) -> String {
    let reason = if refusal.reason.is_empty() {
        StatusCode::from_u16(refusal.code)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default()
    } else {
        &refusal.reason
    };
    if refusal.message.is_empty() {
        format!("{} {reason}", refusal.code)
    } else {
        format!("{} {reason}: {}", refusal.code, refusal.message)
    }
}

impl RequestError {
    pub(crate) fn failed(
        path: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// The error with its causes, on one line.
    pub fn chain(&self) -> String {
        meshsync_model::error_chain(self)
    }
}

/// How we appear in an API server's audit log.
const USER_AGENT: &str = concat!("meshsync/", env!("CARGO_PKG_VERSION"));

/// What an `Accept` header asks for.
pub(crate) const ACCEPT_JSON: &str =
    "application/json;drop=metadata.managedFields, application/json";

/// Objects without a body, by themselves and in the lines of a watch:
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources>.
/// A server that cannot do it sends whole ones.
pub(crate) const ACCEPT_METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";

/// A list of them.
pub(crate) const ACCEPT_METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json";

/// Sends a GET and returns an answer whose status is a success (or 304).
pub(crate) async fn get(
    client: &Client,
    path_and_query: &str,
    accept: &'static str,
    etag: Option<&str>,
) -> Result<Response<Body>, RequestError> {
    let mut request = Request::get(path_and_query)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, accept)
        .body(Body::empty())
        .map_err(|error| RequestError::failed(path_and_query, error))?;
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
        request.headers_mut().insert(header::IF_NONE_MATCH, etag);
    }
    send(client, path_and_query, request).await
}

/// Sends a document that is answered and kept by nobody, such as a review, and
/// reads the answer.
pub(crate) async fn ask(client: &Client, path: &str, body: String) -> Result<Bytes, RequestError> {
    let document = Some(body.into_bytes());
    read(
        send_document(client, http::Method::POST, path, document).await?,
        path,
    )
    .await
}

/// Sends a request with a document, or without one, and returns an answer whose
/// status is a success.
pub(crate) async fn send_document(
    client: &Client,
    method: http::Method,
    path_and_query: &str,
    document: Option<Vec<u8>>,
) -> Result<Response<Body>, RequestError> {
    // What RFC 7386 makes of a document; the other forms of a patch are not wanted.
    let content = match method {
        http::Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let request = Request::builder()
        .method(method)
        .uri(path_and_query)
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, content)
        .body(document.map_or_else(Body::empty, Body::from))
        .map_err(|error| RequestError::failed(path_and_query, error))?;
    send(client, path_and_query, request).await
}

async fn send(
    client: &Client,
    path_and_query: &str,
    request: Request<Body>,
) -> Result<Response<Body>, RequestError> {
    let response = tokio::time::timeout(HEAD_TIMEOUT, client.send(request))
        .await
        .map_err(|elapsed| RequestError::failed(path_and_query, elapsed))?
        .map_err(|error| RequestError::failed(path_and_query, error))?;
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .map(Duration::from_secs);
    // The body only explains; the status is what counts.
    let body = read(response, path_and_query).await.unwrap_or_default();
    let mut refusal = parse_status(&body).unwrap_or_default();
    refusal.code = status.as_u16();
    refusal.retry_after = retry_after.or(refusal.retry_after);
    Err(RequestError::Refused {
        path: path_and_query.to_owned(),
        refusal,
    })
}

/// Reads a whole document.
pub(crate) async fn read(response: Response<Body>, path: &str) -> Result<Bytes, RequestError> {
    let body = http_body_util::Limited::new(response.into_body(), DOCUMENT_BYTES_MAX);
    let collected = tokio::time::timeout(HEAD_TIMEOUT, body.collect())
        .await
        .map_err(|elapsed| RequestError::failed(path, elapsed))?
        .map_err(|error| RequestError::failed(path, error))?;
    Ok(collected.to_bytes())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
}

/// Of a server's explanation this much is kept.
const MESSAGE_CHARS_MAX: usize = 500;

#[derive(Deserialize)]
struct ErrorEvent {
    object: Status,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let seconds = status.details.unwrap_or_default().retry_after_seconds;
        Self {
            code: status.code,
            reason: status.reason,
            message: status.message.chars().take(MESSAGE_CHARS_MAX).collect(),
            retry_after: (seconds > 0).then(|| Duration::from_secs(seconds)),
        }
    }
}

/// Reads a `Status` document.
fn parse_status(body: &[u8]) -> Option<Refusal> {
    serde_json::from_slice::<Status>(body)
        .ok()
        .map(Refusal::from)
}

/// Reads the `Status` in a line of type `ERROR`.
pub(crate) fn parse_error_event(line: &[u8]) -> Option<Refusal> {
    let event: ErrorEvent = serde_json::from_slice(line).ok()?;
    Some(event.object.into())
}
