//! A real `nats-server`, and a subscriber to it that costs little.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::options::Options;
use crate::process::{Process, Usage, free_port};

const START_MAX: Duration = Duration::from_secs(20);

/// A running broker on loopback.
#[derive(Debug)]
pub(crate) struct Broker {
    process: Process,
    pub(crate) addr: String,
    /// Streams are on disk, as they are in earnest.
    _store: tempfile::TempDir,
}

impl Broker {
    pub(crate) fn start(options: &Options) -> anyhow::Result<Self> {
        let port = free_port()?;
        let addr = format!("127.0.0.1:{port}");
        let store = tempfile::tempdir()?;
        let mut process = Process::start(
            Command::new(&options.programs.nats_server)
                .arg("--jetstream")
                .arg("--store_dir")
                .arg(store.path())
                .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        process.wait_for(
            "listening",
            START_MAX,
            || Ok(TcpStream::connect(&addr).ok()),
        )?;
        Ok(Self {
            process,
            addr,
            _store: store,
        })
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }

    /// When the first message of `subject` comes. The subscription ends with it, so that the
    /// broker has nobody else to serve in what is measured.
    pub(crate) fn first_message(&self, subject: &str) -> anyhow::Result<Receiver<Instant>> {
        let mut subscriber = Subscriber::open(&self.addr, subject, Some(1))?;
        let (first, received) = channel();
        std::thread::spawn(move || {
            // A broker that ends first has none: whoever waits sees the channel close.
            if let Ok(Some(_)) = subscriber.next() {
                first.send(Instant::now()).ok();
            }
        });
        Ok(received)
    }

    /// Hands every message of `subject` to `on_message` until the broker ends.
    pub(crate) fn subscribe(
        &self,
        subject: &str,
        mut on_message: impl FnMut(&[u8]) + Send + 'static,
    ) -> anyhow::Result<JoinHandle<()>> {
        let mut subscriber = Subscriber::open(&self.addr, subject, None)?;
        Ok(std::thread::spawn(move || {
            while let Ok(Some(payload)) = subscriber.next() {
                on_message(payload);
            }
        }))
    }
}

/// The subscriber's side of the NATS protocol.
struct Subscriber {
    stream: BufReader<TcpStream>,
    line: String,
    payload: Vec<u8>,
}

impl Subscriber {
    fn open(addr: &str, subject: &str, count_max: Option<u64>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        let mut subscriber = Self {
            stream: BufReader::with_capacity(256 << 10, stream),
            line: String::new(),
            payload: Vec::new(),
        };
        let limit = count_max.map_or_else(String::new, |max| format!("UNSUB 1 {max}\r\n"));
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"name\":\"bench\"}}\r\n\
             SUB {subject} 1\r\n{limit}PING\r\n"
        );
        subscriber.stream.get_mut().write_all(hello.as_bytes())?;
        while subscriber.line.trim_end() != "PONG" {
            ensure!(!subscriber.line.starts_with("-ERR"), "{}", subscriber.line);
            ensure!(
                subscriber.read_line()? > 0,
                "the broker closed the connection"
            );
        }
        Ok(subscriber)
    }

    fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        loop {
            if self.read_line()? == 0 {
                return Ok(None);
            }
            let line = self.line.trim_end();
            if line == "PING" {
                self.stream.get_mut().write_all(b"PONG\r\n")?;
            } else if line.starts_with("MSG ") || line.starts_with("HMSG ") {
                // The last word of either is the length of all that follows.
                let bytes: usize = line
                    .rsplit(' ')
                    .next()
                    .and_then(|bytes| bytes.parse().ok())
                    .with_context(|| format!("no message: {line}"))?;
                self.payload.resize(bytes + 2, 0);
                self.stream.read_exact(&mut self.payload)?;
                return Ok(Some(&self.payload[..bytes]));
            }
        }
    }

    fn read_line(&mut self) -> std::io::Result<usize> {
        self.line.clear();
        self.stream.read_line(&mut self.line)
    }
}
