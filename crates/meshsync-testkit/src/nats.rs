//! A real `nats-server` for a test.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tempfile::TempDir;

use crate::tool;

/// Starting takes some 30 ms; the rest is for a machine that is busy compiling.
const START_DEADLINE: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of the server's log an error shows, in lines.
const LOG_TAIL_LINES: usize = 20;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The program is not on this machine.
    #[error("nats-server is not installed; `cargo xtask test` fetches it")]
    Missing,
    /// A file or the process itself could not be created.
    #[error("nats-server could not be run")]
    Io(#[from] io::Error),
    /// The server ended by itself, for example because of its configuration.
    #[error("nats-server ended with {status}:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// The server runs but does not accept connections.
    #[error("nats-server was not ready within {START_DEADLINE:?}:\n{log}")]
    NotReady {
        /// The last lines of its log.
        log: String,
    },
}

/// How a [`NatsServer`] is set up. By default: no authentication, no JetStream, no monitoring.
#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    authorization: Option<Authorization>,
    jetstream: Option<JetStream>,
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
        let program = tool("nats-server").ok_or(StartError::Missing)?;
        let mut server = NatsServer {
            program,
            options: self,
            scratch: tempfile::Builder::new()
                .prefix("meshsync-nats-")
                .tempdir()?,
            ports: Ports::default(),
            child: None,
        };
        server.launch()?;
        Ok(server)
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
    fn render(&self, ports: Ports, scratch: &Path) -> String {
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
            lines.push(format!(
                "jetstream {{ store_dir: {} }}",
                quote(&dir.to_string_lossy())
            ));
        }
        lines.push(self.config.clone());
        lines.join("\n")
    }
}

/// A string of the configuration syntax, which takes JSON's.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A `nats-server` process on loopback. Dropping it ends the process and removes its files.
///
/// ```no_run
/// let Some(mut nats) = meshsync_testkit::NatsServer::builder().token("secret").start_or_skip() else {
///     return;
/// };
/// println!("{}", nats.url());
/// nats.restart().unwrap();
/// ```
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    options: NatsOptions,
    scratch: TempDir,
    ports: Ports,
    child: Option<Child>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ports {
    client: Option<u16>,
    monitoring: Option<u16>,
}

impl NatsServer {
    /// The options of a server to start.
    pub fn builder() -> NatsOptions {
        NatsOptions::default()
    }

    /// `nats://127.0.0.1:PORT`, without credentials; the same over restarts.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// The address clients connect to; the same over restarts.
    pub fn addr(&self) -> SocketAddr {
        loopback(self.ports.client.expect("launch() has learned the port"))
    }

    /// `http://127.0.0.1:PORT` of the monitoring endpoints, where they were asked for.
    pub fn monitoring_url(&self) -> Option<String> {
        self.ports
            .monitoring
            .map(|port| format!("http://{}", loopback(port)))
    }

    /// What the server has logged so far, over all restarts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Kills the server at once, as a crash would. Does nothing when it is stopped already.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only for a process that has ended, and then there is nothing left to do.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Starts the server again on the same ports, with the same options, over the same JetStream
    /// folder; stops it first where it still runs.
    ///
    /// # Errors
    ///
    /// [`StartError`]; also when another process has taken the port meanwhile.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.stop();
        self.launch()
    }

    fn launch(&mut self) -> Result<(), StartError> {
        let scratch = self.scratch.path();
        let config_path = scratch.join("nats.conf");
        fs::write(&config_path, self.options.render(self.ports, scratch))?;
        let ports_dir = scratch.join("ports");
        if ports_dir.exists() {
            // A killed server leaves its file behind.
            fs::remove_dir_all(&ports_dir)?;
        }
        fs::create_dir(&ports_dir)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())?;

        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&config_path)
            .arg("--ports_file_dir")
            .arg(&ports_dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        let ready = self.await_ready(&ports_dir);
        if ready.is_err() {
            self.stop();
        }
        ready
    }

    fn await_ready(&mut self, ports_dir: &Path) -> Result<(), StartError> {
        let started = Instant::now();
        while started.elapsed() < START_DEADLINE {
            if let Some(ports) = read_ports(ports_dir)
                && let Some(port) = ports.client
                && TcpStream::connect_timeout(&loopback(port), CONNECT_TIMEOUT).is_ok()
            {
                self.ports = ports;
                return Ok(());
            }
            let child = self.child.as_mut().expect("launch() has set the child");
            if let Some(status) = child.try_wait()? {
                let log = self.log_tail();
                return Err(StartError::Exited { status, log });
            }
            thread::sleep(POLL_INTERVAL);
        }
        Err(StartError::NotReady {
            log: self.log_tail(),
        })
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("nats.log")
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The server writes one `*.ports` file once it listens; `None` until that is complete.
fn read_ports(dir: &Path) -> Option<Ports> {
    #[derive(Deserialize)]
    struct PortsFile {
        #[serde(default)]
        nats: Vec<String>,
        #[serde(default)]
        monitoring: Vec<String>,
    }

    let path = fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ext| ext == "ports"))?;
    let file: PortsFile = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(Ports {
        client: file.nats.first().and_then(|url| port_of(url)),
        monitoring: file.monitoring.first().and_then(|url| port_of(url)),
    })
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.parse().ok()
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

    #[test]
    fn the_port_is_the_last_part_of_the_url() {
        assert_eq!(port_of("nats://127.0.0.1:34265"), Some(34265));
        assert_eq!(port_of("nats://127.0.0.1"), None);
    }
}
