//! Asking a running agent.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use meshsync::StatusDocument;
use tokio::net::TcpStream;

use crate::cli::AgentArgs;
use crate::failure::Failure;

/// An answer takes no longer than this.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// An answer is no larger than this.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// An answer that goes on and on.
pub(crate) struct Open {
    pub(crate) body: Incoming,
    /// Has to be driven while the body is read.
    pub(crate) connection: BoxFuture<'static, ()>,
}

/// Where an agent listens.
#[derive(Debug)]
pub(crate) struct Agent {
    authority: String,
    token: Option<String>,
}

impl Agent {
    /// Reads an address: `http://HOST:PORT`, with a path or without, or `HOST:PORT`.
    pub(crate) fn parse(args: &AgentArgs) -> Result<Self, Failure> {
        let url = args.url.trim();
        let full = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let wrong = |why: &str| {
            Failure::configuration(anyhow::anyhow!(
                "failed to use --url {url}: {why}; write http://HOST:PORT, \
                 such as http://127.0.0.1:11001"
            ))
        };
        let uri: Uri = full.parse().map_err(|_| wrong("it is no URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(wrong(
                    "an agent serves plain HTTP on loopback: reach it through \
                     `kubectl port-forward`",
                ));
            }
            _ => return Err(wrong("it is no http:// URL")),
        }
        let host = uri.host().ok_or_else(|| wrong("it names no host"))?;
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{host}:{port}"),
            token: args.token.clone().filter(|token| !token.is_empty()),
        })
    }

    /// The address, for messages.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// How it is.
    pub(crate) async fn status(&self) -> Result<StatusDocument, Failure> {
        let body = self.get("/status").await?;
        serde_json::from_slice(&body)
            .with_context(|| {
                format!(
                    "failed to read what {}/status answered: is it a meshsync of another version?",
                    self.url()
                )
            })
            .map_err(Failure::other)
    }

    /// What it answers to a GET.
    pub(crate) async fn get(&self, path: &str) -> Result<Bytes, Failure> {
        let asked = tokio::time::timeout(ANSWER_MAX, self.exchange(path)).await;
        let answered = match asked {
            Ok(answered) => answered,
            Err(_elapsed) => Err(anyhow::anyhow!(
                "no answer within {} s",
                ANSWER_MAX.as_secs()
            )),
        };
        let (status, body) = answered.map_err(|error| self.unreachable(path, &error))?;
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(Failure::configuration(anyhow::anyhow!(
                    "{}{path} was answered with {status}: give it the agent's token with --token \
                     or MESHSYNC_TOKEN",
                    self.url()
                )))
            }
            StatusCode::NOT_FOUND => Err(Failure::configuration(anyhow::anyhow!(
                "{}{path} was answered with {status}: that is the address of something else; \
                 --admin-addr of `meshsync run` says where the status is (port 11001 unless told)",
                self.url()
            ))),
            _ => Err(Failure::other(anyhow::anyhow!(
                "{}{path} was answered with {status}",
                self.url()
            ))),
        }
    }

    /// Opens an answer that goes on and on.
    pub(crate) async fn open(&self, path: &str) -> anyhow::Result<Open> {
        let open = async {
            let stream = TcpStream::connect(&self.authority).await?;
            let (mut send, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let mut connection: BoxFuture<'static, ()> = Box::pin(connection.map(drop));
            let request = self.request(path)?;
            let response = tokio::select! {
                response = send.send_request(request) => response?,
                () = &mut connection => anyhow::bail!("the connection was closed"),
            };
            let status = response.status();
            anyhow::ensure!(status == StatusCode::OK, "it was answered with {status}");
            let body = response.into_body();
            Ok(Open { body, connection })
        };
        tokio::time::timeout(ANSWER_MAX, open).await?
    }

    fn request(&self, path: &str) -> anyhow::Result<Request<Empty<Bytes>>> {
        let mut request = Request::get(path)
            .header(header::HOST, &self.authority)
            .header(header::CONNECTION, "close");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        Ok(request.body(Empty::new())?)
    }

    async fn exchange(&self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = self.request(path)?;
        let answer = async {
            let response = send.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| anyhow::anyhow!(error))?
                .to_bytes();
            anyhow::Ok((status, body))
        };
        tokio::pin!(answer);
        // Nothing is left behind: the connection is driven until the answer is there.
        tokio::select! {
            answered = &mut answer => answered,
            ended = connection => {
                ended?;
                answer.await
            }
        }
    }

    fn unreachable(&self, path: &str, error: &anyhow::Error) -> Failure {
        let url = self.url();
        let port = self.authority.rsplit(':').next().unwrap_or("11001");
        Failure::unreachable(anyhow::anyhow!(
            "failed to read {url}{path}: {error:#}\n\
             Is an agent running, with --admin-addr there? One in a cluster is reached with\n    \
             kubectl --namespace NAMESPACE port-forward deployment/meshsync {port}:11001\n\
             while that goes on; another address is given with --url or MESHSYNC_URL"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_their_usual_forms() {
        let parse = |url: &str| {
            Agent::parse(&AgentArgs {
                url: url.to_owned(),
                token: None,
            })
        };
        for (url, expected) in [
            ("http://127.0.0.1:11001", "127.0.0.1:11001"),
            ("http://localhost:11001/status", "localhost:11001"),
            ("localhost:11001", "localhost:11001"),
            ("http://[::1]:11001", "[::1]:11001"),
            ("http://meshsync", "meshsync:80"),
        ] {
            assert_eq!(parse(url).unwrap().authority, expected, "{url}");
        }
        for (url, says) in [
            ("https://x:1", "port-forward"),
            ("ftp://x", "http://"),
            ("http://", "no URL"),
        ] {
            let failure = parse(url).unwrap_err().to_string();
            assert!(failure.contains(says), "{failure}");
        }
    }
}
