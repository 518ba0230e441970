//! Clients that listen to the web page's stream.

use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Opening one takes no longer.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// Streams that are read until this is dropped.
#[derive(Debug)]
pub(crate) struct Listeners {
    runtime: Option<Runtime>,
}

impl Listeners {
    pub(crate) fn open(url: &str, clients: usize) -> anyhow::Result<Self> {
        let host = url.strip_prefix("http://").unwrap_or(url).to_owned();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        runtime.block_on(async {
            for _ in 0..clients {
                let open = open(&host);
                let stream = tokio::time::timeout(OPEN_MAX, open).await??;
                tokio::spawn(drain(stream));
            }
            anyhow::Ok(())
        })?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A stream of which the head and the first frame have been read.
async fn open(host: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET /api/v1/stream HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    anyhow::ensure!(head.ends_with(b" 200"), "the stream was refused");
    Ok(stream)
}

async fn drain(mut stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// So many files a process here may have open, the clients' connections among them.
pub(crate) fn files_max() -> anyhow::Result<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").context("no /proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    Ok(soft
        .and_then(|soft| soft.parse().ok())
        .unwrap_or(usize::MAX))
}
