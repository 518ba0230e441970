//! Core NATS in the Meshery format.

use std::time::Duration;

use meshsync_model::ClusterId;

use super::nats_session::{ConnectionId, Session};
use super::nats_url::NatsUrl;
use super::remembering::{Memory, PublishedObject};
use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// After a break, and where the broker was away when we started, we are there before
/// others are: nats.go, which Meshery Server
/// uses, waits 2 s and up to 0.1 s of jitter before it connects again, and core
/// NATS keeps nothing for a subscriber that is not there yet.
const SUBSCRIBERS_GRACE: Duration = Duration::from_millis(2500);

/// A batch that is not confirmed after this time is sent again.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// A broker that is there and cannot be made to remember is asked this often; then
/// it goes on without.
const RECALLS_MAX: u32 = 3;

/// Publishes Meshery messages on `meshery.meshsync.core`. `nats://…`
///
/// Core NATS acknowledges nothing. What confirms a batch is a round trip behind
/// it on the same connection: the server handles what a connection sends in
/// order, so when our own echo comes back, everything before it has been
/// handled. If the connection was another one at the end than at the start, the
/// batch is sent again: messages in a socket that broke may be lost.
///
/// With `?durable`, where the broker has JetStream, a stream takes the messages and
/// confirms them, and another one remembers the keys of what was published.
#[derive(Debug)]
pub struct NatsSink {
    url: NatsUrl,
    session: Option<Session>,
    /// The connection that the last batch went over.
    last: Option<ConnectionId>,
    /// The broker was away since.
    was_away: bool,
    /// With `?durable`, once the cluster is known.
    memory: Option<Memory>,
    /// How often the broker was there and could not be made to remember.
    recalls: u32,
}

impl NatsSink {
    /// A sink for those servers. It connects when it is first given something.
    pub fn new(url: NatsUrl) -> Self {
        Self {
            url,
            session: None,
            last: None,
            was_away: false,
            memory: None,
            recalls: 0,
        }
    }

    /// The session, a new one where there is none. The client connects again by
    /// itself, too; what the broker keeps is looked at once more then.
    async fn session(&mut self) -> Result<Session, SinkError> {
        match self.session.take() {
            Some(session) if !self.url.options.durable || !session.is_another() => Ok(session),
            _ => {
                let session = Session::open(&self.url, self.memory.as_mut()).await;
                self.was_away |= session.is_err();
                session
            }
        }
    }

    async fn remembered(&mut self, scope: &ClusterId) -> Result<Vec<PublishedObject>, SinkError> {
        if !self.url.options.durable {
            return Ok(Vec::new());
        }
        let name = self.url.options.keys.as_deref();
        let memory = self.memory.get_or_insert_with(|| Memory::new(scope, name));
        let session = Session::open(&self.url, Some(memory)).await;
        self.was_away |= session.is_err();
        let session = session?;
        if let Some(what) = session.forgets() {
            self.recalls += 1;
            if self.recalls < RECALLS_MAX {
                return Err(SinkError::Unavailable { what, source: None });
            }
        }
        self.session = Some(session);
        Ok(memory.published())
    }

    async fn send(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let mut session = self.session().await?;
        let name = self.name();
        let id = session.id();
        if self.was_away || self.last.as_ref().is_some_and(|last| *last != id) {
            tokio::time::sleep(SUBSCRIBERS_GRACE).await;
        }
        // Noted only now: a try that is cut short waits again.
        self.was_away = false;
        self.last = Some(id);
        let memory = self.memory.as_mut();
        let sent = tokio::time::timeout(CONFIRM_TIMEOUT, session.send(batch, memory)).await;
        match sent {
            Ok(Ok(published)) => {
                session.strike_out(batch, self.memory.as_mut()).await;
                self.session = Some(session);
                Ok(published)
            }
            // The session is dropped: the next try starts with a fresh one,
            // and nothing of this batch waits in a buffer behind our back.
            Ok(Err(error)) => Err(SinkError::unavailable(
                format!("failed to publish to {name}"),
                error,
            )),
            Err(_elapsed) => Err(SinkError::Unavailable {
                what: format!(
                    "{name} did not confirm a batch within {} s: is the broker up and reachable?",
                    CONFIRM_TIMEOUT.as_secs()
                ),
                source: None,
            }),
        }
    }
}

impl Sink for NatsSink {
    fn name(&self) -> String {
        self.url.servers.join(",")
    }

    fn wire(&self) -> Wire {
        Wire::Meshery
    }

    fn recall<'a>(
        &'a mut self,
        scope: &'a ClusterId,
    ) -> BoxFuture<'a, Result<Vec<PublishedObject>, SinkError>> {
        Box::pin(self.remembered(scope))
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.send(batch))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(session) = self.session.take() {
                session.close().await;
            }
        })
    }
}
