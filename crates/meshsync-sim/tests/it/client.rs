//! A small HTTP client: one connection per request, every wait bounded.

use std::{future::Future, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use meshsync_sim::Sim;
use serde_json::Value;
use tokio::net::TcpStream;

/// Longest wait for anything: far more than a loaded machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("did not happen within {DEADLINE:?}: {what}"),
    }
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.body("application/json", value.to_string())
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    pub(crate) async fn open(self, sim: &Sim) -> http::Response<Incoming> {
        let stream = within("connect", TcpStream::connect(sim.addr()))
            .await
            .unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header("host", "sim");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(self.body)).unwrap();
        within(&self.path, sender.send_request(request))
            .await
            .unwrap()
    }

    pub(crate) async fn send(self, sim: &Sim) -> Answer {
        let (parts, body) = self.open(sim).await.into_parts();
        let body = within("the body", body.collect()).await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }
}

pub(crate) async fn get(sim: &Sim, path: &str) -> Answer {
    Call::new("GET", path).send(sim).await
}

/// An open watch.
#[derive(Debug)]
pub(crate) struct Watch {
    body: Incoming,
    buffer: BytesMut,
}

/// How a watch ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The response was complete.
    Clean,
    /// The connection broke, with so many bytes of a line left.
    Broken(usize),
}

impl Watch {
    pub(crate) async fn open(sim: &Sim, path: &str) -> Self {
        Self::open_as(sim, path, "application/json").await
    }

    pub(crate) async fn open_as(sim: &Sim, path: &str, accept: &str) -> Self {
        let response = Call::new("GET", path)
            .header("accept", accept)
            .open(sim)
            .await;
        assert_eq!(response.status(), 200, "{path}");
        Self::of(response)
    }

    pub(crate) fn of(response: http::Response<Incoming>) -> Self {
        Self {
            body: response.into_body(),
            buffer: BytesMut::new(),
        }
    }

    /// The next line, or how the watch ended.
    pub(crate) async fn line(&mut self) -> Result<Bytes, End> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(at).freeze();
                self.buffer.advance(1);
                return Ok(line);
            }
            match within("a watch event", self.body.frame()).await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap()),
                Some(Err(_)) => return Err(End::Broken(self.buffer.len())),
                None => return Err(End::Clean),
            }
        }
    }

    /// What has arrived of a line that is not complete.
    pub(crate) fn rest(&self) -> Bytes {
        self.buffer.clone().freeze()
    }

    /// In how many frames the next line arrives.
    pub(crate) async fn frames_of_a_line(&mut self) -> usize {
        let mut frames = 0;
        while !self.buffer.contains(&b'\n') {
            let frame = within("a piece of a line", self.body.frame()).await;
            self.buffer
                .extend_from_slice(&frame.unwrap().unwrap().into_data().unwrap());
            frames += 1;
        }
        frames
    }

    pub(crate) async fn event(&mut self) -> Value {
        serde_json::from_slice(&self.line().await.unwrap()).unwrap()
    }

    /// The next event that is no bookmark, as `TYPE name`.
    pub(crate) async fn change(&mut self) -> String {
        loop {
            let event = self.event().await;
            let kind = event["type"].as_str().unwrap();
            if kind != "BOOKMARK" {
                return format!(
                    "{kind} {}",
                    event["object"]["metadata"]["name"]
                        .as_str()
                        .unwrap_or_default()
                );
            }
        }
    }

    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.line().await {
                return end;
            }
        }
    }
}

/// A ConfigMap in `default`.
pub(crate) fn config_map(name: &str, value: &str) -> Value {
    serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": {"value": value}}, "data": {"value": value},
    })
}

pub(crate) fn names(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}
