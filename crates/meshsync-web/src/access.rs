//! Who is answered.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::gate::Gate;

/// Who may look.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Access {
    /// Whoever is on this machine; for listeners on loopback. Browsers must come
    /// with the name of a loopback address, so that no other site can pretend to
    /// be this one (DNS rebinding).
    Loopback,
    /// Whoever has the token.
    Token(Token),
    /// Whoever shows a token of Kubernetes and may `get` the path
    /// `/meshsync/web` there.
    Kubernetes(Gate),
}

/// A secret that a request has to show: `Authorization: Bearer …`.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// Why a text is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read.
    #[error("failed to read the token of the web page from {path}")]
    File {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It is too short.
    #[error(
        "a token of {length} letters can be guessed: use at least {LENGTH_MIN}, \
         such as `openssl rand -hex 32` writes"
    )]
    Short {
        /// How long it is.
        length: usize,
    },
}

const LENGTH_MIN: usize = 16;

/// The longest address of anything here.
const URI_BYTES_MAX: usize = 4_096;

impl Token {
    /// A token from its text, without the white space around it.
    ///
    /// # Errors
    ///
    /// When it is too short.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() < LENGTH_MIN {
            return Err(TokenError::Short { length: text.len() });
        }
        Ok(Self(text.into()))
    }

    /// The token in a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or what is in it is too short.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(path).map_err(|source| TokenError::File {
            path: path.display().to_string(),
            source,
        })?;
        Self::new(&text)
    }

    fn is(&self, shown: &str) -> bool {
        bool::from(self.0.as_bytes().ct_eq(shown.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Lets through what may be answered, and puts on every answer what browsers
/// have to be told.
pub(crate) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let refused = match (&access, refusal(&access, &request)) {
        (_, Some(refusal)) => Some(refusal),
        (Access::Kubernetes(gate), None) if is_private(request.uri()) => {
            gate.refusal(bearer(request.headers())).await
        }
        (_, None) => None,
    };
    let mut response = match refused {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    harden(response.headers_mut());
    response
}

fn refusal(access: &Access, request: &Request) -> Option<Response> {
    let (uri, headers) = (request.uri(), request.headers());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return Some((StatusCode::METHOD_NOT_ALLOWED, allow).into_response());
    }
    if uri
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > URI_BYTES_MAX)
    {
        return Some(StatusCode::URI_TOO_LONG.into_response());
    }
    // What another site's page makes a browser ask for is not for it to have.
    let is_foreign = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    if is_foreign && is_private(uri) {
        return Some(StatusCode::FORBIDDEN.into_response());
    }
    match access {
        Access::Loopback => {
            let host = host(uri, headers);
            (!host.is_some_and(is_loopback)).then(|| StatusCode::FORBIDDEN.into_response())
        }
        Access::Token(token) => {
            let may = !is_private(uri) || bearer(headers).is_some_and(|shown| token.is(shown));
            (!may).then(unauthorized)
        }
        // It takes a while to say: see `Gate`.
        Access::Kubernetes(_) => None,
    }
}

pub(crate) fn unauthorized() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"meshsync\"")];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}

/// The files of the page say nothing about a cluster, everything else does.
fn is_private(uri: &Uri) -> bool {
    !crate::assets::is_asset(uri.path())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the request says it came to, without a port.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.host());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return None;
    };
    let host = host.to_str().ok()?;
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None => Some(host.split_once(':').map_or(host, |(name, _)| name)),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn harden(headers: &mut HeaderMap) {
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    let mut set = |name, value| {
        headers.insert(
            header::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    set("cross-origin-resource-policy", "same-origin");
    set("cross-origin-opener-policy", "same-origin");
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn check(access: &Access, path: &str, headers: &[(&str, &str)], expected: u16) {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let status = refusal(access, &request).map_or(200, |refusal| refusal.status().as_u16());
        assert_eq!(status, expected, "{path} {headers:?}");
    }

    #[test]
    fn on_loopback_only_loopback_names_are_answered() {
        let loopback = Access::Loopback;
        for host in [
            "localhost",
            "localhost:11001",
            "127.0.0.1:1",
            "[::1]:11001",
            "127.8.8.8",
        ] {
            check(&loopback, "/api/v1/overview", &[("host", host)], 200);
        }
        for host in [
            "evil.example",
            "evil.example:11001",
            "localhost.evil.example",
            "10.0.0.1:11001",
            "127.0.0.1.nip.io",
            "",
            "[::1",
        ] {
            check(&loopback, "/api/v1/overview", &[("host", host)], 403);
            check(&loopback, "/", &[("host", host)], 403);
        }
        check(&loopback, "/status", &[], 403);
        let two = [("host", "localhost"), ("host", "evil.example")];
        check(&loopback, "/status", &two, 403);
    }

    #[test]
    fn what_another_site_asks_for_it_does_not_get() {
        let headers = [("host", "localhost"), ("sec-fetch-site", "cross-site")];
        check(&Access::Loopback, "/api/v1/overview", &headers, 403);
        // A link to the page is a link to the page.
        check(&Access::Loopback, "/", &headers, 200);
    }

    #[test]
    fn a_token_opens_everything_and_nothing_else_does() {
        let access = Access::Token(Token::new("0123456789abcdef").unwrap());
        let with = |value| [("authorization", value)];
        for path in [
            "/api/v1/overview",
            "/status",
            "/api/v1/nothing",
            "/../etc/passwd",
        ] {
            check(&access, path, &[], 401);
            check(&access, path, &with("Bearer 0123456789abcdeX"), 401);
            check(&access, path, &with("Basic 0123456789abcdef"), 401);
            check(&access, path, &with("Bearer"), 401);
            check(&access, path, &with("bearer 0123456789abcdef"), 200);
        }
        check(&access, "/", &[], 200);
    }

    #[test]
    fn a_token_is_long_and_is_not_shown() {
        assert!(Token::new(" short ").is_err());
        let token = Token::new("0123456789abcdef\n").unwrap();
        assert!(token.is("0123456789abcdef"));
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn addresses_have_an_end() {
        let path = format!("/{}", "a".repeat(5_000));
        check(&Access::Loopback, &path, &[("host", "localhost")], 414);
    }
}
