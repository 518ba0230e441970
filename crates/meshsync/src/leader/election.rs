//! Waiting to lead.

use meshsync_model::error_chain;
use tokio::time::Instant;

use super::candidate::{Candidate, Next, renew_every};
use super::lock::AnyLock;
use super::options::LeaderElection;
use super::term::Term;
use crate::monitor::{Monitor, Role};

/// Waits until the lock is had. Can be dropped half-way: a lock that was taken and
/// not heard of is taken up by whoever has the same identity, or lapses.
pub(crate) async fn stand(election: LeaderElection, mut lock: AnyLock, monitor: &Monitor) -> Term {
    let every = renew_every(election.lasts);
    let mut candidate = Candidate::new(election.identity.clone());
    let mut troubled = false;
    monitor.set_role(Role::Candidate, None);
    loop {
        let now = Instant::now();
        let again = match lock.read().await {
            Ok(read) => {
                troubled = false;
                match candidate.look(read, now) {
                    Next::Take(version) => {
                        // It lasts from before it was asked for, to be sure.
                        let since = Instant::now();
                        let (me, lasts) = (&*election.identity, election.lasts);
                        match lock.write(me, lasts, version.as_deref()).await {
                            Ok(Some(version)) => {
                                tracing::info!(identity = me, "leads");
                                monitor.set_role(Role::Leader, Some(me));
                                return Term::new(election, lock, version, since);
                            }
                            // Somebody else was faster.
                            Ok(None) => Instant::now() + every / 4,
                            Err(error) => {
                                note(&error, &mut troubled);
                                Instant::now() + every
                            }
                        }
                    }
                    Next::Follow(until) => {
                        if monitor.set_role(Role::Follower, candidate.leader()) {
                            let leader = candidate.leader().unwrap_or_default();
                            tracing::info!(leader, "follows: observes nothing, and waits to lead");
                        }
                        until.min(now + every)
                    }
                }
            }
            Err(error) => {
                note(&error, &mut troubled);
                now + every
            }
        };
        tokio::time::sleep_until(again).await;
    }
}

fn note(error: &super::lock::LockError, troubled: &mut bool) {
    let error = error_chain(error);
    if std::mem::replace(troubled, true) {
        tracing::debug!(%error, "who leads is still not known");
    } else {
        tracing::warn!(%error, "who leads is not known; asking again");
    }
}
