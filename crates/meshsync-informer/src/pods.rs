//! Logs of containers, and shells in them.

use bytes::Bytes;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess};
use kube::client::Body;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::api::{RequestError, get};
use crate::client::Connection;

/// What a shell may have written that nobody has read, and the other way round.
const SHELL_BUFFER_BYTES: usize = 16 << 10;

/// A container by its names; an empty container is the pod's only one.
#[derive(Clone, Copy, Debug)]
pub struct ContainerRef<'a> {
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// The container.
    pub container: &'a str,
}

/// What of a container's log is read.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Whether to go on at the end.
    pub follow: bool,
    /// Of the run before this one.
    pub previous: bool,
    /// How many lines of what was written before.
    pub tail_lines: i64,
}

/// A log on its way, with a time in front of each line.
#[derive(Debug)]
pub struct LogStream {
    body: Body,
}

/// A shell in a container, on a terminal.
pub struct Shell {
    process: AttachedProcess,
    input: Box<dyn AsyncWrite + Send + Unpin>,
    output: Box<dyn AsyncRead + Send + Unpin>,
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shell(..)")
    }
}

impl Connection {
    /// Reads a container's log.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn log(
        &self,
        container: ContainerRef<'_>,
        options: LogOptions,
    ) -> Result<LogStream, RequestError> {
        let ContainerRef {
            namespace,
            pod,
            container,
        } = container;
        let LogOptions {
            follow,
            previous,
            tail_lines,
        } = options;
        let mut path = format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}/log?follow={follow}&previous={previous}\
             &timestamps=true&tailLines={tail_lines}"
        );
        if !container.is_empty() {
            path.push_str("&container=");
            path.push_str(container);
        }
        let response = get(&self.client, &path, "*/*", None).await?;
        let body = response.into_body();
        Ok(LogStream { body })
    }

    /// Starts `/bin/sh` in a container.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn shell(&self, container: ContainerRef<'_>) -> Result<Shell, RequestError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), container.namespace);
        let mut params = AttachParams::interactive_tty()
            .max_stdin_buf_size(SHELL_BUFFER_BYTES)
            .max_stdout_buf_size(SHELL_BUFFER_BYTES);
        if !container.container.is_empty() {
            params = params.container(container.container);
        }
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/exec",
            container.namespace, container.pod
        );
        let mut process = pods
            .exec(container.pod, ["/bin/sh"], &params)
            .await
            .map_err(|error| RequestError::failed(&path, error))?;
        let (Some(input), Some(output)) = (process.stdin(), process.stdout()) else {
            return Err(RequestError::failed(&path, "no terminal was given"));
        };
        Ok(Shell {
            process,
            input: Box::new(input),
            output: Box::new(output),
        })
    }
}

impl LogStream {
    /// The next piece; `None` at the end. Can be dropped half-way.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Some(chunk);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a log broke off");
                    return None;
                }
            }
        }
    }
}

impl Shell {
    /// Reads what it says; 0 at the end. Can be dropped half-way.
    ///
    /// # Errors
    ///
    /// When the connection broke.
    pub async fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.output.read(buffer).await
    }

    /// Types something.
    ///
    /// # Errors
    ///
    /// When the connection broke.
    pub async fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.input.write_all(text).await?;
        self.input.flush().await
    }

    /// Hangs up.
    pub fn end(self) {
        self.process.abort();
    }
}
