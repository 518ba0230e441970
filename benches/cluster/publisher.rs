//! A bare pipelined publisher: the protocol, a window, and nothing else. What a stream can take from
//! one connection.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

/// Messages on their way without an acknowledgement.
const WINDOW: usize = 4096;

/// A request is answered within this time.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// A connection to a broker.
pub(crate) struct Bare {
    write: BufWriter<TcpStream>,
    read: BufReader<TcpStream>,
    line: String,
}

/// A message that somebody published.
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) payload: Vec<u8>,
}

impl Bare {
    pub(crate) fn connect(addr: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut bare = Self {
            read: BufReader::with_capacity(256 << 10, stream.try_clone()?),
            write: BufWriter::with_capacity(64 << 10, stream),
            line: String::new(),
        };
        bare.write.write_all(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\
              \"name\":\"bench-bare\"}\r\nSUB bare.answer 1\r\nPING\r\n",
        )?;
        bare.write.flush()?;
        while bare.line.trim_end() != "PONG" {
            bare.read_line()?;
            ensure!(!bare.line.starts_with("-ERR"), "{}", bare.line);
        }
        Ok(bare)
    }

    /// Asks JetStream's API.
    pub(crate) fn request(&mut self, api: &str, body: &Value) -> anyhow::Result<Value> {
        let body = body.to_string();
        let length = body.len();
        write!(
            self.write,
            "PUB $JS.API.{api} bare.answer {length}\r\n{body}\r\n"
        )?;
        self.write.flush()?;
        let answer = self.next()?.payload;
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer.get("error").is_none(), "{api}: {}", answer["error"]);
        Ok(answer)
    }

    /// Makes a stream on disk that holds the last message of each subject.
    pub(crate) fn make_stream(&mut self, name: &str, subjects: &str) -> anyhow::Result<()> {
        let config = json!({
            "name": name, "subjects": [subjects], "storage": "file", "retention": "limits",
            "discard": "new", "num_replicas": 1, "max_msgs_per_subject": 1, "allow_direct": true,
        });
        self.request(&format!("STREAM.CREATE.{name}"), &config)
            .map(drop)
    }

    /// The last sequence of a stream.
    pub(crate) fn last_seq(&mut self, stream: &str) -> anyhow::Result<u64> {
        let info = self.request(&format!("STREAM.INFO.{stream}"), &json!({}))?;
        info["state"]["last_seq"]
            .as_u64()
            .context("a stream without a sequence")
    }

    /// Publishes messages, each with a round trip of its own, at most `per_second`; how long each took.
    pub(crate) fn round_trips(
        &mut self,
        subject: &str,
        payload: &[u8],
        count: u32,
        per_second: u32,
    ) -> anyhow::Result<Vec<Duration>> {
        let started = Instant::now();
        let mut times = Vec::new();
        for turn in 0..count {
            let due = started + Duration::from_secs_f64(f64::from(turn) / f64::from(per_second));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let sent = Instant::now();
            self.put(subject, payload)?;
            self.write.flush()?;
            acknowledged(&self.next()?)?;
            times.push(sent.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    }

    /// Publishes messages, many of them on their way, and returns how long it took until the last one
    /// was acknowledged.
    pub(crate) fn publish_all(self, messages: &[Message]) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let (free, window) = sync_channel::<()>(WINDOW);
        for _ in 0..WINDOW {
            free.send(())?;
        }
        let (mut write, mut read, mut line) = (self.write, self.read, self.line);
        // What this owns ends with the first error, and the writer with it.
        std::thread::scope(move |scope| {
            let writer = scope.spawn(move || write_all(&mut write, messages, &window));
            let free = free;
            let mut reader = Reader {
                read: &mut read,
                line: &mut line,
            };
            for _ in messages {
                acknowledged(&reader.next()?)?;
                // The writer has ended when nothing is left to send.
                free.try_send(()).ok();
            }
            let written = writer.join();
            written.map_err(|_| anyhow::anyhow!("a panic"))?
        })?;
        Ok(started.elapsed())
    }

    /// Everything that a stream holds below a subject.
    pub(crate) fn read_stream(
        mut self,
        stream: &str,
        filter: &str,
    ) -> anyhow::Result<Vec<Message>> {
        let config = json!({
            "stream_name": stream,
            "config": {
                "deliver_subject": "bare.messages", "deliver_policy": "all", "ack_policy": "none",
                "filter_subject": filter, "mem_storage": true, "num_replicas": 1,
                "flow_control": true, "idle_heartbeat": 5_000_000_000_u64,
                "inactive_threshold": 60_000_000_000_u64,
            },
        });
        let made = self.request(&format!("CONSUMER.CREATE.{stream}"), &config)?;
        let pending = made["num_pending"]
            .as_u64()
            .context("a consumer without a count")?;
        self.write.write_all(b"SUB bare.messages 2\r\n")?;
        self.write.flush()?;
        let mut messages = Vec::new();
        while (messages.len() as u64) < pending {
            let (message, reply, is_status) = self.next_with_reply()?;
            match reply {
                Some(reply) if is_status => {
                    write!(self.write, "PUB {reply} 0\r\n\r\n")?;
                    self.write.flush()?;
                }
                _ if is_status => {}
                _ => messages.push(message),
            }
        }
        Ok(messages)
    }

    fn put(&mut self, subject: &str, payload: &[u8]) -> std::io::Result<()> {
        put(&mut self.write, subject, payload)
    }

    fn next(&mut self) -> anyhow::Result<Message> {
        self.next_with_reply().map(|(message, ..)| message)
    }

    fn next_with_reply(&mut self) -> anyhow::Result<(Message, Option<String>, bool)> {
        let mut reader = Reader {
            read: &mut self.read,
            line: &mut self.line,
        };
        loop {
            match reader.next_or_ping()? {
                Some(message) => return Ok(message),
                None => {
                    self.write.write_all(b"PONG\r\n")?;
                    self.write.flush()?;
                }
            }
        }
    }

    fn read_line(&mut self) -> anyhow::Result<()> {
        self.line.clear();
        ensure!(
            self.read.read_line(&mut self.line)? > 0,
            "the broker closed the connection"
        );
        Ok(())
    }
}

struct Reader<'a> {
    read: &'a mut BufReader<TcpStream>,
    line: &'a mut String,
}

impl Reader<'_> {
    /// The next message; a connection that is asked whether it is there is not idle long enough to end.
    fn next(&mut self) -> anyhow::Result<Message> {
        loop {
            if let Some((message, ..)) = self.next_or_ping()? {
                return Ok(message);
            }
        }
    }

    /// The next message, its reply subject, and whether it is a status without content.
    fn next_or_ping(&mut self) -> anyhow::Result<Option<(Message, Option<String>, bool)>> {
        loop {
            self.line.clear();
            ensure!(
                self.read.read_line(self.line)? > 0,
                "the broker closed the connection"
            );
            let line = self.line.trim_end();
            if line == "PING" {
                return Ok(None);
            }
            let words: Vec<&str> = line.split(' ').collect();
            let (lengths, has_headers) = match words[0] {
                "MSG" => (1, false),
                "HMSG" => (2, true),
                _ if line.starts_with("-ERR") => anyhow::bail!("{line}"),
                _ => continue,
            };
            // Name, subject, number of the subscription, a reply where there is one, lengths.
            ensure!(words.len() >= 3 + lengths, "no message: {line}");
            let reply = (words.len() > 3 + lengths).then(|| words[3].to_owned());
            let length = |at: usize| words[words.len() - at].parse::<usize>();
            let (total, head) = (length(1)?, if has_headers { length(2)? } else { 0 });
            let subject = words[1].to_owned();
            let mut payload = vec![0; total + 2];
            self.read.read_exact(&mut payload)?;
            payload.truncate(total);
            let is_status = has_headers && payload.starts_with(b"NATS/1.0 ");
            let payload = payload.split_off(head);
            // A message of a stream is acknowledged under its own subject; it is not needed here.
            return Ok(Some((Message { subject, payload }, reply, is_status)));
        }
    }
}

fn write_all(
    write: &mut BufWriter<TcpStream>,
    messages: &[Message],
    window: &Receiver<()>,
) -> anyhow::Result<()> {
    for message in messages {
        if window.try_recv().is_err() {
            // Nothing is kept back while waiting.
            write.flush()?;
            window.recv()?;
        }
        put(write, &message.subject, &message.payload)?;
    }
    write.flush()?;
    Ok(())
}

fn put(write: &mut BufWriter<TcpStream>, subject: &str, payload: &[u8]) -> std::io::Result<()> {
    write!(write, "PUB {subject} bare.answer {}\r\n", payload.len())?;
    write.write_all(payload)?;
    write.write_all(b"\r\n")
}

fn acknowledged(answer: &Message) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(&answer.payload);
    ensure!(
        text.contains("\"seq\":") && !text.contains("\"error\""),
        "refused: {text}"
    );
    Ok(())
}
