//! When to stop: signals and the clock.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, INTERRUPTED};

/// A token that is cancelled by the first SIGINT or SIGTERM, or after `after`.
/// A signal that comes when it is already cancelled ends the process at once.
pub(crate) fn stop_token(after: Option<Duration>) -> Result<CancellationToken, Failure> {
    let mut signals = Signals::listen().map_err(Failure::other)?;
    let token = CancellationToken::new();
    let stop = token.clone();
    // Lives as long as the process: a signal may come at any time.
    tokio::spawn(async move {
        let due = async {
            match after {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            name = signals.next() => tracing::info!(signal = name, "stopping; again to abort"),
            () = due => tracing::info!("stopping, as --stop-after says"),
            () = stop.cancelled() => {
                // The command has what it wanted and is about to end.
                let name = signals.next().await;
                tracing::warn!(signal = name, "about to end; again to abort");
            }
        }
        stop.cancel();
        signals.next().await;
        eprintln!("meshsync: aborted by a second signal");
        std::process::exit(INTERRUPTED.into());
    });
    Ok(token)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
