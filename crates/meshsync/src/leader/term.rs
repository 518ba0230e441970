//! Leading, for as long as the lock is renewed.

use meshsync_model::error_chain;
use tokio::time::Instant;

use super::candidate::{give_up_after, renew_every};
use super::lock::{AnyLock, LockError};
use super::options::LeaderElection;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Term {
    election: LeaderElection,
    lock: AnyLock,
    version: String,
    /// When the last renewal that was heard of had been sent.
    renewed: Instant,
}

/// Why somebody leads no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Another one has the lock.
    To(String),
    /// The lock could not be renewed in time, and why.
    Silence(String),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::To(other) if other.is_empty() => f.write_str("the lock was given up by another"),
            Self::To(other) => write!(f, "{other} has the lock"),
            Self::Silence(trouble) => write!(f, "the lock was not renewed in time ({trouble})"),
        }
    }
}

impl Term {
    pub(super) fn new(
        election: LeaderElection,
        lock: AnyLock,
        version: String,
        renewed: Instant,
    ) -> Self {
        Self {
            election,
            lock,
            version,
            renewed,
        }
    }

    /// Renews the lock until that is not possible any more. Can be dropped
    /// half-way and called again.
    pub(crate) async fn lost(&mut self) -> Lost {
        let every = renew_every(self.election.lasts);
        let give_up = give_up_after(self.election.lasts);
        let mut next = self.renewed + every;
        let mut trouble = "nobody ran for so long: was the process paused?".to_owned();
        loop {
            let end = self.renewed + give_up;
            tokio::time::sleep_until(next.min(end)).await;
            if Instant::now() >= end {
                return Lost::Silence(trouble);
            }
            // What is not answered by then comes too late.
            match tokio::time::timeout_at(end, self.renew()).await {
                Ok(Ok(None)) => next = self.renewed + every,
                Ok(Ok(Some(other))) => return Lost::To(other),
                Ok(Err(error)) => {
                    trouble = error_chain(&error);
                    tracing::warn!(error = %trouble, "the lock of the leader is not renewed; trying again");
                    next = Instant::now() + every / 2;
                }
                Err(_elapsed) => return Lost::Silence(trouble),
            }
        }
    }

    /// Renews once; returns who has the lock where it is another.
    async fn renew(&mut self) -> Result<Option<String>, LockError> {
        let sent = Instant::now();
        let (me, lasts) = (&*self.election.identity, self.election.lasts);
        if let Some(version) = self.lock.write(me, lasts, Some(&self.version)).await? {
            (self.version, self.renewed) = (version, sent);
            return Ok(None);
        }
        match self.lock.read().await? {
            // Ours, of which the answer was lost; or somebody else wrote into it.
            Some(lock) if lock.holder == me => {
                self.version = lock.version;
                Ok(None)
            }
            Some(lock) => Ok(Some(lock.holder)),
            // Deleted: whoever makes it first leads.
            None => match self.lock.write(me, lasts, None).await? {
                Some(version) => {
                    (self.version, self.renewed) = (version, sent);
                    Ok(None)
                }
                None => Ok(None),
            },
        }
    }

    /// Gives the lock up, so that another one need not wait for it to lapse.
    pub(crate) async fn resign(mut self) {
        let of = Some(&*self.version);
        match self.lock.write("", self.election.lasts, of).await {
            Ok(_) => tracing::info!("leads no more"),
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(error, "the lock is not given up; it lapses by itself");
            }
        }
    }
}
