//! Discovery, version and health.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::{HeaderMap, HeaderValue, Response, header};

use super::{
    accept::{Representation, representation},
    openapi,
    reply::{Body, JSON, complete, text},
};
use crate::{api::Status, shared::Shared};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Answers a path that is about the server and no resource; `None` when the path is none of those.
pub(crate) fn discovery(
    shared: &Shared,
    path: &str,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    let header = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let path = if path.len() > 1 {
        path.trim_end_matches('/')
    } else {
        path
    };
    match path {
        "/healthz" | "/livez" | "/readyz" => Some(text(200, "ok")),
        "/version" => Some(complete(200, JSON, shared.version.clone())),
        "/api" | "/apis"
            if shared.faults.aggregated_discovery()
                && representation(header(header::ACCEPT))
                    == Ok(Representation::AggregatedDiscovery) =>
        {
            let stale = shared.faults.unavailable_groups();
            let unnamed = shared.faults.unnamed_groups();
            let catalog = &shared.read().catalog;
            let body = catalog.aggregated(path == "/api", &stale, &unnamed);
            Some(with_etag(body, header(header::IF_NONE_MATCH)))
        }
        _ if path.starts_with("/openapi/") => Some(openapi::openapi(
            &shared.read().catalog,
            path,
            header(header::ACCEPT),
        )),
        _ if is_discovery(path) => Some(legacy(shared, path)),
        _ => None,
    }
}

/// `/api`, `/api/V`, `/apis`, `/apis/G` and `/apis/G/V`.
fn is_discovery(path: &str) -> bool {
    let steps = path.trim_start_matches('/').split('/').count();
    match path.trim_start_matches('/').split('/').next() {
        Some("api") => steps <= 2,
        Some("apis") => steps <= 3,
        _ => false,
    }
}

fn legacy(shared: &Shared, path: &str) -> Response<Body> {
    let group = path.split('/').nth(2).unwrap_or_default();
    if path.starts_with("/apis/") && shared.faults.unavailable_groups().contains(group) {
        return text(503, "service unavailable\n");
    }
    match shared.read().catalog.legacy(path) {
        Some(body) => complete(200, JSON, body),
        None => text(404, "404 page not found\n"),
    }
}

fn with_etag(body: Vec<u8>, known: &str) -> Response<Body> {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let etag = format!("\"{:016X}\"", hasher.finish());
    let mut response = if known == etag {
        complete(304, AGGREGATED, Vec::new())
    } else {
        complete(200, AGGREGATED, body)
    };
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// What a server says of a path it does not know.
pub(crate) fn unknown_path() -> Response<Body> {
    Status::no_resource().into()
}
