//! How many lists run at once, and who is next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Rank;
use super::limit::Limit;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    limit: Limit,
    running: usize,
    /// By rank, and in order of their coming.
    waiting: BTreeMap<(Rank, u64), oneshot::Sender<Pass>>,
    came: u64,
}

/// One list may run for as long as this is held.
#[derive(Debug)]
pub(crate) struct Pass(Option<Arc<Gate>>);

/// A place in the queue.
#[derive(Debug)]
pub(crate) struct Ticket(oneshot::Receiver<Pass>);

impl Ticket {
    /// Waits for one's turn. Who does not wait any more gives the place up.
    pub(crate) async fn pass(self) -> Option<Pass> {
        self.0.await.ok()
    }
}

impl Gate {
    pub(crate) fn new(max: usize) -> Self {
        Self(Mutex::new(State {
            limit: Limit::new(max),
            running: 0,
            waiting: BTreeMap::new(),
            came: 0,
        }))
    }

    /// Takes a place in the queue, at once.
    pub(crate) fn queue(self: &Arc<Self>, rank: Rank) -> Ticket {
        let (give, ticket) = oneshot::channel();
        let mut state = self.state();
        state.came += 1;
        let place = (rank, state.came);
        state.waiting.insert(place, give);
        drop(state);
        self.admit();
        Ticket(ticket)
    }

    /// The server says that it has too much to do.
    pub(crate) fn refused(&self) {
        self.state().limit.refused(Instant::now());
    }

    /// A list was answered after this time.
    pub(crate) fn answered(self: &Arc<Self>, took: Duration) {
        self.state().limit.answered(Instant::now(), took);
        self.admit();
    }

    /// Lets in who may.
    fn admit(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                if state.running >= state.limit.now() {
                    return;
                }
                let Some((_, next)) = state.waiting.pop_first() else {
                    return;
                };
                state.running += 1;
                next
            };
            // Who has gone does not need it.
            if let Err(mut pass) = next.send(Pass(Some(Arc::clone(self)))) {
                pass.0 = None;
                self.state().running -= 1;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.state().running -= 1;
            gate.admit();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn those_of_a_lower_rank_come_first_and_who_gives_up_holds_up_nobody() {
        let gate = Arc::new(Gate::new(1));
        let first = gate.queue(9).pass().now_or_never().unwrap().unwrap();
        let late = gate.queue(3);
        let gone = gate.queue(1);
        let early = gate.queue(2);
        drop(gone);
        let mut late = Box::pin(late.pass());
        let mut early = Box::pin(early.pass());
        assert!((&mut early).now_or_never().is_none());
        drop(first);
        let second = early.now_or_never().unwrap().unwrap();
        assert!((&mut late).now_or_never().is_none());
        drop(second);
        assert!(late.now_or_never().unwrap().is_some());
    }

    #[test]
    fn a_pass_that_nobody_fetched_is_given_back() {
        let gate = Arc::new(Gate::new(1));
        drop(gate.queue(1));
        assert!(gate.queue(1).pass().now_or_never().is_some());
    }
}
