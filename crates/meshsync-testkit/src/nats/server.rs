//! The server process.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    NatsOptions,
    ports::{Ports, read_ports},
};
use crate::tool;

/// Starting takes some 30 ms; the rest is for a machine that is busy compiling.
const START_DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of the server's log an error shows, in lines.
const LOG_TAIL_LINES: usize = 20;

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

    /// [`restart`](Self::restart) with other options.
    ///
    /// # Errors
    ///
    /// As [`restart`](Self::restart).
    pub fn restart_with(
        &mut self,
        change: impl FnOnce(NatsOptions) -> NatsOptions,
    ) -> Result<(), StartError> {
        self.options = change(self.options.clone());
        self.restart()
    }

    /// Picks the ports as it starts; [`restart`](Self::restart) keeps them.
    pub(super) fn start(options: NatsOptions) -> Result<Self, StartError> {
        let program = tool("nats-server").ok_or(StartError::Missing)?;
        let mut server = Self {
            program,
            options,
            scratch: tempfile::Builder::new()
                .prefix("meshsync-nats-")
                .tempdir()?,
            ports: Ports::default(),
            child: None,
        };
        server.launch()?;
        Ok(server)
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

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
