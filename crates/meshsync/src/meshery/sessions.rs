//! Logs and shells that somebody follows over the broker.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use meshsync_broker::requests::{ExecRequest, Incoming, Link, LogRequest, SessionTarget};
use meshsync_informer::{Connection, ContainerRef, LogOptions, LogStream, Shell};
use meshsync_model::error_chain;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::requests::RequestOptions;
use super::ticker::Ticker;

const LOGS_SUBJECT: &str = "meshery.meshsync.logs";
const ACTIVE_SUBJECT: &str = "active_sessions.exec";

/// Bytes of one message with a piece of a log, or of what a shell says.
const LOG_BYTES_MAX: usize = 2000;
const SHELL_BYTES_MAX: usize = 1024;

/// A shell that nobody types into and that says nothing is ended.
const SHELL_IDLE: Duration = Duration::from_secs(3600);

/// All sessions of one pipeline.
pub(super) struct Sessions {
    link: Link,
    connection: Connection,
    interactive: bool,
    namespaces: Vec<String>,
    sessions_max: usize,
    running: BTreeMap<String, CancellationToken>,
    tasks: JoinSet<String>,
    ticker: Ticker,
}

impl Sessions {
    pub(super) fn new(link: Link, connection: Connection, options: &RequestOptions) -> Self {
        Self {
            link,
            connection,
            interactive: options.interactive,
            namespaces: options.namespaces.clone(),
            sessions_max: options.sessions_max,
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            ticker: Ticker::default(),
        }
    }

    /// Does the next thing that is due by itself. Can be dropped half-way.
    pub(super) async fn turn(&mut self) {
        tokio::select! {
            Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => match ended {
                Ok(id) => drop(self.running.remove(&id)),
                // A defect of ours: which one it was shows in who has ended.
                Err(error) => {
                    tracing::error!(%error, "a session panicked");
                    self.running.retain(|_, stop| !stop.is_cancelled());
                }
            },
            () = self.ticker.tick() => self.publish_active().await,
        }
    }

    /// Publishes the list of sessions from now on for a while.
    pub(super) fn tick(&mut self) {
        self.ticker.ask();
    }

    /// Begins or ends following a log.
    pub(super) fn log(&mut self, request: &LogRequest) {
        let SessionTarget {
            namespace,
            name,
            container,
            ..
        } = &request.target;
        let id = format!("logs.{namespace}.{name}.{}", token(container));
        if request.stop {
            return self.stop(&id);
        }
        if let Err(problem) = self.admit(&id, &request.target) {
            tracing::warn!(session = id, problem, "a log is not given");
            return;
        }
        let stop = self.enter(&id);
        let log = Log {
            link: self.link.clone(),
            connection: self.connection.clone(),
            request: request.clone(),
        };
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = log.follow() => {}
            }
            id
        });
    }

    /// Begins or ends a shell.
    pub(super) async fn exec(&mut self, request: &ExecRequest) {
        let SessionTarget {
            id,
            namespace,
            name,
            container,
        } = &request.target;
        let (container, id) = (token(container), token(id));
        let id = format!("exec.{namespace}.{name}.{container}.{id}");
        if request.stop {
            return self.stop(&id);
        }
        if self.running.contains_key(&id) {
            return;
        }
        if let Err(problem) = self.admit(&id, &request.target) {
            tracing::warn!(session = id, problem, "a shell is not given");
            if request.target.check().is_ok() {
                publish(&self.link, &id, &error(&problem)).await;
            }
            return;
        }
        let stop = self.enter(&id);
        self.publish_active().await;
        let terminal = Terminal {
            link: self.link.clone(),
            connection: self.connection.clone(),
            target: request.target.clone(),
            id: id.clone(),
        };
        self.tasks.spawn(async move {
            terminal.run(stop).await;
            id
        });
    }

    /// Whether a session may begin; one that runs already needs no other.
    fn admit(&self, id: &str, target: &SessionTarget) -> Result<(), String> {
        target.check().map_err(|problem| problem.to_string())?;
        if !self.interactive {
            return Err(
                "logs and shells are off: --enable-interactive switches them on".to_owned(),
            );
        }
        if !self.namespaces.is_empty() && !self.namespaces.contains(&target.namespace) {
            return Err(format!(
                "namespace {} is none of --interactive-namespaces",
                target.namespace
            ));
        }
        if self.running.contains_key(id) {
            return Err("it is followed already".to_owned());
        }
        if self.running.len() >= self.sessions_max {
            return Err(format!("there are {} sessions already", self.sessions_max));
        }
        Ok(())
    }

    fn enter(&mut self, id: &str) -> CancellationToken {
        let stop = CancellationToken::new();
        self.running.insert(id.to_owned(), stop.clone());
        tracing::info!(session = id, "begins");
        stop
    }

    fn stop(&self, id: &str) {
        if let Some(stop) = self.running.get(id) {
            tracing::info!(session = id, "is ended, as asked for");
            stop.cancel();
        }
    }

    async fn publish_active(&self) {
        let ids: Vec<&String> = self.running.keys().collect();
        let list = json!({
            "ObjectType": "active-exec", "EventType": "", "Request": null, "Object": ids,
        });
        publish(&self.link, ACTIVE_SUBJECT, &list).await;
    }
}

/// A part of a subject, which cannot be empty.
fn token(part: &str) -> &str {
    if part.is_empty() { "_" } else { part }
}

fn error(text: &str) -> Value {
    json!({"ObjectType": "error", "EventType": "", "Request": null, "Object": text})
}

async fn publish(link: &Link, subject: &str, message: &Value) {
    if let Err(error) = link.publish(subject, message.to_string()).await {
        tracing::warn!(
            error = error_chain(&error),
            "a message of a session is lost"
        );
    }
}

struct Log {
    link: Link,
    connection: Connection,
    request: LogRequest,
}

impl Log {
    async fn follow(&self) {
        match self.open().await {
            Ok(mut log) => {
                let mut text = Text::default();
                while let Some(piece) = log.next().await {
                    for piece in piece.chunks(LOG_BYTES_MAX) {
                        self.send(text.push(piece)).await;
                    }
                }
                self.send(text.end()).await;
            }
            Err(error) => tracing::warn!(error, "a log cannot be read"),
        }
    }

    async fn open(&self) -> Result<LogStream, String> {
        let LogRequest {
            follow,
            previous,
            tail_lines,
            ..
        } = self.request;
        let options = LogOptions {
            follow,
            previous,
            tail_lines,
        };
        let log = self
            .connection
            .log(container(&self.request.target), options);
        log.await.map_err(|error| error.chain())
    }

    async fn send(&self, data: String) {
        if data.is_empty() {
            return;
        }
        let target = &self.request.target;
        let mut object = json!({"data": data, "primary": target.name});
        for (field, value) in [("id", &target.id), ("secondary", &target.container)] {
            if !value.is_empty() {
                object[field] = value.as_str().into();
            }
        }
        let message = json!({
            "ObjectType": "log-stream", "EventType": "ADDED", "Request": null, "Object": object,
        });
        publish(&self.link, LOGS_SUBJECT, &message).await;
    }
}

struct Terminal {
    link: Link,
    connection: Connection,
    target: SessionTarget,
    id: String,
}

impl Terminal {
    async fn run(&self, stop: CancellationToken) {
        let input = format!("input.{}", self.id);
        // A queue of its own: nobody else shares what is typed.
        let queue = format!("{:016x}", RandomState::new().hash_one(&self.id));
        let begun = async {
            let input = self.link.subscribe(&input, &queue).await;
            let input = input.map_err(|error| error_chain(&error))?;
            let shell = self.connection.shell(container(&self.target)).await;
            Ok::<_, String>((input, shell.map_err(|error| error.chain())?))
        };
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            begun = begun => match begun {
                Ok((input, shell)) => self.converse(input, shell, &stop).await,
                Err(problem) => Err(problem),
            },
        };
        if let Err(problem) = ended {
            tracing::warn!(session = self.id, problem, "a shell ended");
            publish(&self.link, &self.id, &error(&problem)).await;
        }
    }

    async fn converse(
        &self,
        mut input: Incoming,
        mut shell: Shell,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let mut buffer = [0; SHELL_BYTES_MAX];
        let mut text = Text::default();
        let ended = loop {
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                () = tokio::time::sleep(SHELL_IDLE) => {
                    break Err("nothing happened for an hour".to_owned());
                }
                read = shell.read(&mut buffer) => match read {
                    Ok(0) => break Ok(()),
                    Ok(bytes) => self.send(text.push(&buffer[..bytes])).await,
                    Err(error) => break Err(error.to_string()),
                },
                message = input.next() => match message {
                    Some(message) => {
                        let Some(line) = typed(&message) else { continue };
                        if let Err(error) = shell.write(line.as_bytes()).await {
                            break Err(error.to_string());
                        }
                    }
                    None => break Ok(()),
                },
            }
        };
        self.send(text.end()).await;
        shell.end();
        ended
    }

    async fn send(&self, output: String) {
        if !output.is_empty() {
            let message = json!({
                "ObjectType": "exec-output", "EventType": "", "Request": null, "Object": output,
            });
            publish(&self.link, &self.id, &message).await;
        }
    }
}

fn container(target: &SessionTarget) -> ContainerRef<'_> {
    ContainerRef {
        namespace: &target.namespace,
        pod: &target.name,
        container: &target.container,
    }
}

/// A line as it is typed; `None` for any other message.
fn typed(message: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Input {
        #[serde(rename = "ObjectType", alias = "objectType", alias = "objecttype")]
        object_type: String,
        #[serde(rename = "Object", alias = "object")]
        object: String,
    }
    let input: Input = serde_json::from_slice(message).ok()?;
    (input.object_type == "exec-input").then(|| input.object + "\n")
}

/// Pieces of a text whose characters may be cut in two.
#[derive(Default)]
struct Text(Vec<u8>);

impl Text {
    /// All of it up to the last whole character.
    fn push(&mut self, piece: &[u8]) -> String {
        self.0.extend_from_slice(piece);
        let cut = match std::str::from_utf8(&self.0) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.0.len(),
        };
        let rest = self.0.split_off(cut);
        let whole = std::mem::replace(&mut self.0, rest);
        let broken = |error: std::string::FromUtf8Error| {
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        };
        String::from_utf8(whole).unwrap_or_else(broken)
    }

    fn end(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_cut_in_two_arrives_whole() {
        let mut text = Text::default();
        let bytes = "aé€".as_bytes();
        let pieces: Vec<String> = bytes.chunks(2).map(|piece| text.push(piece)).collect();
        assert_eq!(pieces, ["a", "é", "€"]);
        assert_eq!(
            text.push(b"\xff") + &text.push(b"b") + &text.end(),
            "\u{fffd}b"
        );
    }

    #[test]
    fn only_lines_are_typed() {
        assert_eq!(
            typed(br#"{"ObjectType":"exec-input","Object":"ls"}"#).unwrap(),
            "ls\n"
        );
        assert_eq!(
            typed(br#"{"ObjectType":"exec-output","Object":"ls"}"#),
            None
        );
        assert_eq!(typed(br#"{"ObjectType":"exec-input","Object":1}"#), None);
    }
}
