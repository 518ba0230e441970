//! Where a collector is.

use std::fmt;
use std::str::FromStr;

/// The port of OTLP over HTTP.
const PORT: u16 = 4318;

/// Base URL of a collector: `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpUrl {
    pub(super) authority: String,
    /// Without a slash at its end.
    path: String,
}

/// Why a text is no URL of a collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no URL of a collector: {why}; write http://HOST:4318")]
pub struct OtlpUrlError {
    url: String,
    why: &'static str,
}

impl OtlpUrl {
    /// The path of a signal: `metrics` or `traces`.
    pub(super) fn path(&self, signal: &str) -> String {
        format!("{}/v1/{signal}", self.path)
    }
}

impl fmt::Display for OtlpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl FromStr for OtlpUrl {
    type Err = OtlpUrlError;

    fn from_str(text: &str) -> Result<Self, OtlpUrlError> {
        let wrong = |why| OtlpUrlError {
            url: text.to_owned(),
            why,
        };
        let url = url::Url::parse(text).map_err(|_| wrong("it is no URL"))?;
        match url.scheme() {
            "http" => {}
            "https" => {
                return Err(wrong(
                    "TLS is a collector's matter: send to one on this machine or in this \
                     cluster, which sends on",
                ));
            }
            "grpc" => return Err(wrong("it is OTLP over HTTP, at port 4318 and not 4317")),
            _ => return Err(wrong("it does not begin with http://")),
        }
        if url.port() == Some(4317) {
            return Err(wrong("4317 is the port for gRPC; over HTTP it is 4318"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("credentials in it are not used"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        let host = url.host_str().ok_or_else(|| wrong("it names no host"))?;
        // A port that is the scheme's own is not told by the parser.
        let has_80 = text.contains(":80/") || text.ends_with(":80");
        let port = url.port().unwrap_or(if has_80 { 80 } else { PORT });
        Ok(Self {
            authority: format!("{host}:{port}"),
            path: url.path().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused_with_a_reason() {
        let check = |text: &str, expected: &str| {
            let read = text.parse::<OtlpUrl>();
            let said = read.map_or_else(|error| error.to_string(), |url| url.to_string());
            assert!(said.contains(expected), "{text}: {said}");
        };
        check("http://collector", "http://collector:4318");
        check("http://127.0.0.1:9000/otlp/", "http://127.0.0.1:9000/otlp");
        check("http://[::1]:4318", "http://[::1]:4318");
        check("http://proxy:80/x", "http://proxy:80/x");
        check("https://collector", "TLS");
        check("http://collector:4317", "4318");
        check("grpc://collector:4317", "4318");
        check("collector:4318", "http://");
        check("http://user:secret@collector", "credentials");
        let url: OtlpUrl = "http://c/base".parse().unwrap();
        assert_eq!(url.path("metrics"), "/base/v1/metrics");
    }
}
