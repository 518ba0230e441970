//! Several servers that are one.

use std::net::{Ipv4Addr, TcpListener};

use super::{NatsOptions, NatsServer, StartError};

/// A cluster of `nats-server` processes with JetStream, on loopback.
///
/// ```no_run
/// let Some(mut cluster) = meshsync_testkit::NatsCluster::start_or_skip(3) else {
///     return;
/// };
/// println!("{}", cluster.url());
/// cluster.servers[1].restart().unwrap();
/// ```
#[derive(Debug)]
pub struct NatsCluster {
    /// The servers; each can be stopped and started again.
    pub servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts `count` servers; `None` means that nats-server is missing and the
    /// test should return; the reason is already printed.
    ///
    /// # Panics
    ///
    /// When the server is there but does not start.
    pub fn start_or_skip(count: usize) -> Option<Self> {
        match Self::start(count) {
            Ok(cluster) => Some(cluster),
            Err(StartError::Missing) => None,
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }

    fn start(count: usize) -> Result<Self, StartError> {
        // Held until all are known, so that no two are the same.
        let held: Vec<TcpListener> = (0..count)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<Result<_, _>>()?;
        let ports: Vec<u16> = held
            .iter()
            .map(|listener| listener.local_addr().map(|addr| addr.port()))
            .collect::<Result<_, _>>()?;
        drop(held);
        let routes: Vec<String> = ports
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        let servers = ports.iter().enumerate().map(|(at, port)| {
            let options = NatsOptions::default().jetstream();
            if count == 1 {
                // Alone in a cluster it would wait for others to elect a leader with.
                return options.start();
            }
            options
                .config(&format!("server_name: \"s{at}\""))
                .config(&format!(
                    "cluster {{ name: meshsync, listen: \"127.0.0.1:{port}\", routes: [{}] }}",
                    routes.join(", ")
                ))
                .start()
        });
        Ok(Self {
            servers: servers.collect::<Result<_, _>>()?,
        })
    }

    /// The addresses of all servers, separated by commas: `nats://…,nats://…`.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.servers.iter().map(NatsServer::url).collect();
        urls.join(",")
    }
}
