//! What a test asks of the server, and the configuration file that says so.

use std::path::{Path, PathBuf};

use super::{NatsServer, StartError, ports::Ports};

/// How a [`NatsServer`] is set up. By default: no authentication, no JetStream, no monitoring.
#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    authorization: Option<Authorization>,
    jetstream: Option<JetStream>,
    jetstream_bytes_max: Option<u64>,
    monitoring: bool,
    max_payload_bytes: Option<u64>,
    config: String,
}

#[derive(Debug, Clone)]
enum Authorization {
    Token(String),
    User { name: String, password: String },
}

#[derive(Debug, Clone)]
enum JetStream {
    Scratch,
    Dir(PathBuf),
}

impl NatsOptions {
    /// Clients must present this token.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.authorization = Some(Authorization::Token(token.into()));
        self
    }

    /// Clients must present this user name and password.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.authorization = Some(Authorization::User {
            name: name.into(),
            password: password.into(),
        });
        self
    }

    /// JetStream in a folder that lives as long as the [`NatsServer`], restarts included.
    #[must_use]
    pub fn jetstream(mut self) -> Self {
        self.jetstream = Some(JetStream::Scratch);
        self
    }

    /// JetStream in a folder of the test's own.
    #[must_use]
    pub fn jetstream_dir(mut self, store_dir: impl Into<PathBuf>) -> Self {
        self.jetstream = Some(JetStream::Dir(store_dir.into()));
        self
    }

    /// How much JetStream may keep in files, as if the disk ended there; as much as there is
    /// where this is not said.
    #[must_use]
    pub fn jetstream_bytes_max(mut self, bytes: Option<u64>) -> Self {
        self.jetstream_bytes_max = bytes;
        self
    }

    /// Serves the monitoring endpoints, on a port that [`NatsServer::monitoring_url`] tells.
    #[must_use]
    pub fn monitoring(mut self) -> Self {
        self.monitoring = true;
        self
    }

    /// The largest message the server accepts; its own default is 1 MiB.
    #[must_use]
    pub fn max_payload_bytes(mut self, bytes: u64) -> Self {
        self.max_payload_bytes = Some(bytes);
        self
    }

    /// Further text in the server's own configuration syntax, for what has no option here.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// Starts the server and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// [`StartError`], with the end of the server's log where it has one.
    pub fn start(self) -> Result<NatsServer, StartError> {
        NatsServer::start(self)
    }

    /// [`start`](Self::start) for a test: `None` means that nats-server is missing and the test
    /// should return; the reason is already printed.
    ///
    /// # Panics
    ///
    /// When the server is there but does not start.
    pub fn start_or_skip(self) -> Option<NatsServer> {
        match self.start() {
            Ok(server) => Some(server),
            Err(StartError::Missing) => None,
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }

    /// The configuration file; ports that are not known yet are left to the server to pick.
    pub(super) fn render(&self, ports: Ports, scratch: &Path) -> String {
        let listen = |port: Option<u16>| match port {
            Some(port) => format!("127.0.0.1:{port}"),
            None => "127.0.0.1:-1".to_owned(),
        };
        let mut lines = vec![format!("listen: {}", quote(&listen(ports.client)))];
        if self.monitoring {
            lines.push(format!("http: {}", quote(&listen(ports.monitoring))));
        }
        if let Some(bytes) = self.max_payload_bytes {
            lines.push(format!("max_payload: {bytes}"));
        }
        match &self.authorization {
            Some(Authorization::Token(token)) => {
                lines.push(format!("authorization {{ token: {} }}", quote(token)));
            }
            Some(Authorization::User { name, password }) => lines.push(format!(
                "authorization {{ user: {}, password: {} }}",
                quote(name),
                quote(password)
            )),
            None => {}
        }
        if let Some(jetstream) = &self.jetstream {
            let dir = match jetstream {
                JetStream::Scratch => scratch.join("jetstream"),
                JetStream::Dir(dir) => dir.clone(),
            };
            let dir = quote(&dir.to_string_lossy());
            let max = self.jetstream_bytes_max;
            let max = max.map_or_else(String::new, |max| format!(", max_file_store: {max}"));
            lines.push(format!("jetstream {{ store_dir: {dir}{max} }}"));
        }
        lines.push(self.config.clone());
        lines.join("\n")
    }
}

/// A string of the configuration syntax, which takes JSON's.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_render_as_server_configuration() {
        let options = NatsServer::builder()
            .user("meshsync", "pass \"word\"")
            .monitoring()
            .max_payload_bytes(4096)
            .jetstream_dir("/store")
            .config("debug: true");
        let ports = Ports {
            client: Some(4000),
            monitoring: None,
        };
        assert_eq!(
            options.render(ports, Path::new("/scratch")),
            [
                r#"listen: "127.0.0.1:4000""#,
                r#"http: "127.0.0.1:-1""#,
                "max_payload: 4096",
                r#"authorization { user: "meshsync", password: "pass \"word\"" }"#,
                r#"jetstream { store_dir: "/store" }"#,
                "debug: true\n",
            ]
            .join("\n")
        );
    }
}
