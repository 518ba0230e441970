//! The locks there are.

use std::time::Duration;

#[cfg(feature = "nats")]
use meshsync_broker::jetstream::{BrokerLock, BrokerLockError};
use meshsync_informer::{Connection, LeaseLock, RequestError};
use meshsync_model::{ClusterId, Leadership};

use super::options::LeaderLock;

/// A request to a lock takes no longer than this.
const REQUEST_MAX: Duration = Duration::from_secs(5);

/// One of them.
#[derive(Debug)]
pub(crate) enum AnyLock {
    #[cfg(feature = "nats")]
    Broker(Box<BrokerLock>),
    Lease(Box<LeaseLock>),
}

/// Why a lock was not read or written; worth another try.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Broker(#[from] BrokerLockError),
    #[error("the Lease: {}{}", .0.chain(), remedy(.0))]
    Lease(RequestError),
    #[error("the lock was not answered for within {:?}", REQUEST_MAX)]
    Late,
}

fn remedy(error: &RequestError) -> &'static str {
    match error {
        RequestError::Refused { refusal, .. } if refusal.code == 403 => {
            "; grant create, get and update on leases in that namespace"
        }
        _ => "",
    }
}

impl AnyLock {
    /// The lock as it was asked for; `None` for a Lease where no cluster is observed.
    pub(crate) fn new(
        lock: &LeaderLock,
        connection: Option<&Connection>,
        scope: &ClusterId,
    ) -> Option<Self> {
        Some(match lock {
            #[cfg(feature = "nats")]
            LeaderLock::Broker(url) => Self::Broker(BrokerLock::new((**url).clone(), scope).into()),
            LeaderLock::Lease { namespace, name } => {
                let (connection, namespace) = (connection?.clone(), namespace.clone());
                Self::Lease(LeaseLock::new(connection, namespace, name.clone()).into())
            }
        })
    }

    /// Who leads; `None` where nobody ever did.
    pub(crate) async fn read(&mut self) -> Result<Option<Leadership>, LockError> {
        let read = async {
            match self {
                #[cfg(feature = "nats")]
                Self::Broker(lock) => Ok(lock.read().await?),
                Self::Lease(lock) => lock.read().await.map_err(LockError::Lease),
            }
        };
        let read = tokio::time::timeout(REQUEST_MAX, read).await;
        read.map_err(|_elapsed| LockError::Late)?
    }

    /// Writes who leads in place of the version `of`; returns the new one, or
    /// `None` where another one is there.
    pub(crate) async fn write(
        &mut self,
        holder: &str,
        lasts: Duration,
        of: Option<&str>,
    ) -> Result<Option<String>, LockError> {
        let write = async {
            match self {
                #[cfg(feature = "nats")]
                Self::Broker(lock) => Ok(lock.write(holder, lasts, of).await?),
                Self::Lease(lock) => {
                    let written = lock.write(holder, lasts, of).await;
                    written.map_err(LockError::Lease)
                }
            }
        };
        let written = tokio::time::timeout(REQUEST_MAX, write).await;
        written.map_err(|_elapsed| LockError::Late)?
    }
}
