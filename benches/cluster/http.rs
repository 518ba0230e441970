//! As much of HTTP/1.1 as measuring needs, and nothing that costs more.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// Longer silence is a failure, but in a watch that is drained.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    /// To `http://HOST:PORT`.
    pub(crate) fn open(url: &str) -> anyhow::Result<Self> {
        let host = url
            .strip_prefix("http://")
            .with_context(|| format!("{url} is no plain HTTP URL"))?
            .trim_end_matches('/')
            .to_owned();
        let stream =
            TcpStream::connect(&host).with_context(|| format!("failed to connect to {host}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let stream = BufReader::new(stream);
        Ok(Self { stream, host })
    }

    /// Sends a request and reads the head of the answer: its status, and how long the body is.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> anyhow::Result<(u16, Length)> {
        let host = &self.host;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("no HTTP: {status}"))?;
        let mut length = Length::Bytes(0);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => return Ok((status, length)),
                Some(("content-length", bytes)) => length = Length::Bytes(bytes.trim().parse()?),
                Some(("transfer-encoding", _)) => length = Length::Chunked,
                Some(_) => {}
            }
        }
    }

    /// The whole answer.
    pub(crate) fn get(&mut self, path: &str, accept: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let (status, length) = self.request("GET", path, &format!("accept: {accept}\r\n"), "")?;
        Ok((status, self.body(length)?))
    }

    pub(crate) fn body(&mut self, length: Length) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        match length {
            Length::Bytes(bytes) => {
                body.resize(bytes, 0);
                self.stream.read_exact(&mut body)?;
            }
            Length::Chunked => loop {
                let line = self.line()?;
                let bytes = usize::from_str_radix(line.split(';').next().unwrap_or(""), 16)
                    .with_context(|| format!("no chunk: {line}"))?;
                let start = body.len();
                body.resize(start + bytes, 0);
                self.stream.read_exact(&mut body[start..])?;
                self.line()?;
                if bytes == 0 {
                    break;
                }
            },
        }
        Ok(body)
    }

    /// Some bytes of a body as they are on the wire.
    pub(crate) fn read_raw(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(into)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("{} closed the connection", self.host);
        }
        Ok(line.trim_end().to_owned())
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Bytes(usize),
    Chunked,
}
