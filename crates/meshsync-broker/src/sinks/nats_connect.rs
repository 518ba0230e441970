//! The one place that opens connections to NATS: name, credentials, TLS, several
//! servers; and what to say when none answers.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::nats_url::{Credentials, NatsUrl};
use crate::SinkError;

/// Meshery Server and the operator look for a connection of this name in
/// `/connz`.
pub(crate) const CLIENT_NAME: &str = "meshsync";

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a broker's monitoring is, by convention.
const MONITORING_PORT: u16 = 8222;

/// A look at the monitoring endpoint takes no longer than this.
const MONITORING_TIMEOUT: Duration = Duration::from_secs(1);

/// Of a monitoring answer only the first line is read.
const STATUS_LINE_BYTES_MAX: u64 = 64;

/// Options for a connection to `url`. Files are read anew each time, so that
/// credentials may be rotated while we run.
pub(crate) async fn options(url: &NatsUrl) -> Result<ConnectOptions, SinkError> {
    let mut options = ConnectOptions::new()
        .name(CLIENT_NAME)
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(Duration::from_secs(20))
        .max_reconnects(None);
    if let Some(ca) = &url.options.ca {
        // The client's own error does not say which file.
        read("root certificates", ca).await?;
        options = options.add_root_certificates(ca.clone());
    }
    if url
        .servers
        .iter()
        .any(|server| server.starts_with("tls://"))
    {
        options = options.require_tls(true);
    }
    if let Some(path) = &url.options.creds {
        let creds = read("credentials", path).await?;
        return options.credentials(&creds).map_err(|source| {
            let path = path.display();
            SinkError::unavailable(
                format!("failed to understand the NATS credentials {path}"),
                source,
            )
        });
    }
    if let Some(path) = &url.options.nkey {
        let seed = read("nkey", path).await?;
        return Ok(options.nkey(seed.trim().to_owned()));
    }
    Ok(match &url.credentials {
        Credentials::Anonymous => options,
        Credentials::Token(token) => options.token(token.clone()),
        Credentials::UserPassword(user, password) => {
            options.user_and_password(user.clone(), password.clone())
        }
    })
}

async fn read(what: &str, path: &Path) -> Result<String, SinkError> {
    tokio::fs::read_to_string(path).await.map_err(|source| {
        let path = path.display();
        SinkError::unavailable(format!("failed to read the NATS {what} {path}"), source)
    })
}

/// Connects within bounded time.
pub(crate) async fn connect(url: &NatsUrl) -> Result<Client, SinkError> {
    let options = options(url).await?;
    let connecting = options.connect(url.servers.clone());
    let failed: async_nats::Error =
        match tokio::time::timeout(CONNECT_TIMEOUT + Duration::from_secs(1), connecting).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error.into(),
            Err(elapsed) => elapsed.into(),
        };
    let servers = url.servers.join(",");
    let what = format!("failed to connect to {servers}: {}", diagnosis(url).await);
    Err(SinkError::unavailable(what, failed))
}

/// What a broker's monitoring tells about a connection that failed. Nothing
/// depends on it: many brokers serve none.
async fn diagnosis(url: &NatsUrl) -> &'static str {
    for host in url.hosts() {
        let target = (host.trim_matches(['[', ']']).to_owned(), MONITORING_PORT);
        let answer = tokio::time::timeout(MONITORING_TIMEOUT, connz(target)).await;
        if answer.is_ok_and(|answer| answer.unwrap_or(false)) {
            return "its monitoring on port 8222 answers, so that the broker is up: \
                    check the port, credentials and TLS";
        }
    }
    "is the broker up, and are address and credentials right?"
}

/// Whether `/connz` is answered with 200.
async fn connz((host, port): (String, u16)) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((host.as_str(), port)).await?;
    let peer: SocketAddr = stream.peer_addr()?;
    let request = format!("GET /connz?limit=1 HTTP/1.0\r\nHost: {peer}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = Vec::new();
    stream
        .take(STATUS_LINE_BYTES_MAX)
        .read_to_end(&mut line)
        .await?;
    Ok(line.windows(5).any(|part| part == b" 200 "))
}
