//! A stream of bytes to an engine.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use meshsync_informer::source::SourceError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::url::{Host, Tls};

/// Anything that bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A stream, and the process behind it, which ends with it.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Stream>,
    pub(super) process: Option<Child>,
}

/// Connects.
pub(super) async fn open(host: &Host) -> Result<Opened, SourceError> {
    match host {
        Host::Unix(path) => unix(path).await,
        Host::Tcp(authority, None) => Ok(opened(tcp(authority).await?)),
        Host::Tcp(authority, Some(files)) => tls(authority, files).await,
        Host::Ssh(to) => ssh(to),
    }
}

fn opened(stream: impl Stream + 'static) -> Opened {
    Opened {
        stream: Box::new(stream),
        process: None,
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> Result<Opened, SourceError> {
    let stream = tokio::net::UnixStream::connect(path).await;
    stream.map(opened).map_err(|error| {
        let name = path.display();
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => SourceError::refused(format!(
                "failed to open {name}: join the group that owns it, or use an engine of your own"
            )),
            _ => SourceError::unreachable(format!(
                "failed to reach the container engine at {name}: does it run?"
            )),
        }
        .because(error)
    })
}

#[cfg(not(unix))]
async fn unix(path: &Path) -> Result<Opened, SourceError> {
    let name = path.display();
    Err(SourceError::configuration(format!(
        "{name}: there are no such sockets on this system"
    )))
}

async fn tcp(authority: &str) -> Result<TcpStream, SourceError> {
    TcpStream::connect(authority).await.map_err(|error| {
        SourceError::unreachable(format!(
            "failed to reach the container engine at {authority}: does it listen there?"
        ))
        .because(error)
    })
}

async fn tls(authority: &str, files: &Tls) -> Result<Opened, SourceError> {
    let config = tls_config(files)?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(|error| {
        SourceError::configuration(format!("{authority} is no name for TLS")).because(error)
    })?;
    let stream = tcp(authority).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector
        .connect(name, stream)
        .await
        .map(opened)
        .map_err(|error| {
            SourceError::refused(format!(
                "failed to agree on TLS with {authority}: check ca, cert and key"
            ))
            .because(error)
        })
}

fn tls_config(files: &Tls) -> Result<rustls::ClientConfig, SourceError> {
    let unusable = |path: &Path, error: &dyn std::fmt::Display| {
        SourceError::configuration(format!("failed to use {}: {error}", path.display()))
    };
    let Some(ca) = &files.ca else {
        return Err(SourceError::configuration(
            "TLS to a container engine takes its certificate authority: give ?ca=FILE, or \
             DOCKER_CERT_PATH with a ca.pem",
        ));
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca).map_err(|e| unusable(ca, &e))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|e| unusable(ca, &e))?;
        roots.add(certificate).map_err(|e| unusable(ca, &e))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SourceError::configuration("TLS is not usable").because(error))?
        .with_root_certificates(roots);
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
        return Ok(config.with_no_client_auth());
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| unusable(cert, &e))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, &e))?;
    config
        .with_client_auth_cert(chain, private)
        .map_err(|e| unusable(cert, &e))
}

/// As the Docker command does: its own program carries the bytes on the far side.
fn ssh(to: &str) -> Result<Opened, SourceError> {
    let (to, port) = match to.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, Some(port)),
        _ => (to, None),
    };
    let mut command = Command::new("ssh");
    command.args(["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
    if let Some(port) = port {
        command.args(["-p", port]);
    }
    command
        .args(["--", to, "docker", "system", "dial-stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let failed =
        || SourceError::unreachable(format!("failed to start ssh to {to}: is it installed?"));
    let mut process = command.spawn().map_err(|error| failed().because(error))?;
    let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(failed());
    };
    Ok(Opened {
        stream: Box::new(tokio::io::join(output, input)),
        process: Some(process),
    })
}
