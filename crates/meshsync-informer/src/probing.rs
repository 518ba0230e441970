//! Single requests beside the tasks of resources, for whoever looks whether an API
//! server does what it should.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, header};
use http_body_util::BodyExt;
use kube::client::Body;

use crate::api::{RequestError, get, read, send_document};
use crate::client::Connection;
use crate::frame::{Frame, LineFramer};

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// Its version, such as `v1.36.0`; empty where it does not say.
    pub version: String,
    /// What time it was there when it answered, to the second.
    pub date: Option<SystemTime>,
}

/// The lines of a watch, as they come.
#[derive(Debug)]
pub struct WatchLines {
    path: String,
    body: Body,
    framer: LineFramer,
    waiting: VecDeque<Vec<u8>>,
}

impl Connection {
    /// Asks the server for its version, and its clock on the way.
    ///
    /// # Errors
    ///
    /// When it refuses or does not answer.
    pub async fn facts(&self) -> Result<ServerFacts, RequestError> {
        #[derive(Default, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Version {
            git_version: String,
        }
        let path = "/version";
        let response = get(&self.client, path, "application/json", None).await?;
        let date = response
            .headers()
            .get(header::DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
            .map(|date| SystemTime::from(date.timestamp()));
        let body = read(response, path).await?;
        let version: Version = serde_json::from_slice(&body).unwrap_or_default();
        Ok(ServerFacts {
            version: version.git_version,
            date,
        })
    }

    /// Creates an object in the collection at `path`, or asks a review there.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn create(&self, path: &str, document: Vec<u8>) -> Result<Bytes, RequestError> {
        let sent = send_document(&self.client, Method::POST, path, Some(document)).await;
        read(sent?, path).await
    }

    /// Replaces the object at `path`.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn replace(&self, path: &str, document: Vec<u8>) -> Result<Bytes, RequestError> {
        let sent = send_document(&self.client, Method::PUT, path, Some(document)).await;
        read(sent?, path).await
    }

    /// Merges a document into the object at `path` (RFC 7386).
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn patch(&self, path: &str, document: Vec<u8>) -> Result<Bytes, RequestError> {
        let sent = send_document(&self.client, Method::PATCH, path, Some(document)).await;
        read(sent?, path).await
    }

    /// Deletes the object at `path`; that there is none is no failure.
    ///
    /// # Errors
    ///
    /// When the server refuses otherwise, or does not answer.
    pub async fn delete(&self, path: &str) -> Result<(), RequestError> {
        match send_document(&self.client, Method::DELETE, path, None).await {
            Ok(response) => read(response, path).await.map(drop),
            Err(RequestError::Refused { refusal, .. }) if refusal.code == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins a watch at `path`, whose query says what of.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn watch(&self, path: &str) -> Result<WatchLines, RequestError> {
        let response = get(&self.client, path, "application/json", None).await?;
        Ok(WatchLines {
            path: path.to_owned(),
            body: response.into_body(),
            framer: LineFramer::new(),
            waiting: VecDeque::new(),
        })
    }
}

impl WatchLines {
    /// The next line; `None` at the end. Can be dropped half-way.
    ///
    /// # Errors
    ///
    /// When the stream breaks.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, RequestError> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return Ok(Some(line));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(RequestError::failed(&self.path, error)),
                Some(Ok(frame)) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    let waiting = &mut self.waiting;
                    self.framer.push(&chunk, |frame| {
                        if let Frame::Whole(line) = frame {
                            waiting.push_back(line.to_vec());
                        }
                    });
                }
            }
        }
    }
}

/// How far the server's clock is ahead of ours, from a moment before it was asked
/// and one after it answered; what lies between is nobody's fault, and neither is
/// the second that its answer is cut to.
impl ServerFacts {
    /// How far its clock is off, beyond what cannot be told: ahead is positive.
    pub fn skew_seconds(&self, before: SystemTime, after: SystemTime) -> Option<f64> {
        let date = self.date?;
        let signed = |later: SystemTime, earlier: SystemTime| match later.duration_since(earlier) {
            Ok(ahead) => ahead.as_secs_f64(),
            Err(behind) => -behind.duration().as_secs_f64(),
        };
        let cut = Duration::from_secs(1);
        Some(match (signed(date, after), signed(date + cut, before)) {
            (ahead, _) if ahead > 0.0 => ahead,
            (_, behind) if behind < 0.0 => behind,
            _ => 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_only_by_what_cannot_be_explained() {
        let at = |ms: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000 + ms);
        let check = |date_ms: u64, before: u64, after: u64, expected: f64| {
            let facts = ServerFacts {
                version: String::new(),
                date: Some(at(date_ms)),
            };
            let skew = facts.skew_seconds(at(before), at(after)).unwrap();
            assert!((skew - expected).abs() < 1e-6, "{skew} {expected}");
        };
        // Cut to the second, and asked just before the next one.
        check(5_000, 5_900, 5_950, 0.0);
        check(5_000, 4_990, 5_010, 0.0);
        check(15_000, 5_000, 5_010, 9.99);
        check(1_000, 5_000, 5_010, -3.0);
    }
}
