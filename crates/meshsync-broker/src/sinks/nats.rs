//! Core NATS in the Meshery format.

use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use meshsync_model::wire::meshery::{CORE_SUBJECT, Shrunk, shrink};
use serde_json::Value;

use super::nats_connect;
use super::nats_durable::Durable;
use super::nats_url::NatsUrl;
use crate::{Batch, BoxFuture, Cut, Published, Rejected, Sink, SinkError, Wire};

/// After a break we are back before others are: nats.go, which Meshery Server
/// uses, waits 2 s and up to 0.1 s of jitter before it connects again, and core
/// NATS keeps nothing for a subscriber that is not there yet.
const SUBSCRIBERS_GRACE: Duration = Duration::from_millis(2500);

/// A batch that is not confirmed after this time is sent again.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// Publishes Meshery messages on `meshery.meshsync.core`. `nats://…`
///
/// Core NATS acknowledges nothing. What confirms a batch is a round trip behind
/// it on the same connection: the server handles what a connection sends in
/// order, so when our own echo comes back, everything before it has been
/// handled. If the connection was another one at the end than at the start, the
/// batch is sent again: messages in a socket that broke may be lost.
#[derive(Debug)]
pub struct NatsSink {
    url: NatsUrl,
    connection: Option<Connection>,
    /// The connection that the last batch went over.
    last: Option<ConnectionId>,
}

/// Server and number of a connection: another one after every reconnect.
type ConnectionId = (String, u64);

#[derive(Debug)]
struct Connection {
    client: Client,
    echo: Subscriber,
    echo_subject: String,
    echoes: u64,
    /// Where a stream was asked for and the broker has it.
    durable: Option<Durable>,
    /// Why there is no stream, until it was told.
    trouble: Option<String>,
}

impl NatsSink {
    /// A sink for those servers. It connects when it is first given something.
    pub fn new(url: NatsUrl) -> Self {
        Self {
            url,
            connection: None,
            last: None,
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.url).await?,
        };
        let name = self.name();
        let id = connection.id();
        if self.last.as_ref().is_some_and(|last| *last != id) {
            tokio::time::sleep(SUBSCRIBERS_GRACE).await;
        }
        // Remembered only now: a try that is cut short waits again.
        self.last = Some(id);
        let sent = tokio::time::timeout(CONFIRM_TIMEOUT, connection.send(batch)).await;
        match sent {
            Ok(Ok(published)) => {
                self.connection = Some(connection);
                Ok(published)
            }
            // The connection is dropped: the next try starts with a fresh one,
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

impl Connection {
    fn id(&self) -> ConnectionId {
        let server = self.client.server_info();
        (server.server_id, server.client_id)
    }

    async fn send(&mut self, batch: &Batch) -> Result<Published, async_nats::Error> {
        let before = self.id();
        let max_payload = self.client.max_payload();
        let mut published = Published::default();
        let mut answers = Vec::new();
        for (at, delivery) in batch.deliveries.iter().enumerate() {
            if delivery.payload.is_empty() {
                continue;
            }
            let mut payload = delivery.payload.clone();
            if payload.len() > max_payload
                && let Some(parts) = split(&payload)
            {
                self.send_parts(parts, delivery.subject.as_deref(), max_payload)
                    .await?;
                continue;
            }
            if payload.len() > max_payload {
                match fit(&payload, max_payload) {
                    Ok((shrunk, reason)) => {
                        published.cut.push(Cut { at, reason });
                        payload = shrunk;
                    }
                    Err(reason) => {
                        published.rejected.push(Rejected { at, reason });
                        continue;
                    }
                }
            }
            let subject = delivery.subject.as_deref().unwrap_or(CORE_SUBJECT);
            match self.durable.as_ref().filter(|_| subject == CORE_SUBJECT) {
                Some(durable) => answers.push(durable.publish(payload).await?),
                None => self.client.publish(subject.to_owned(), payload).await?,
            }
        }
        for answer in answers {
            answer.await?;
        }
        self.round_trip().await?;
        published.trouble = self.trouble.take();
        if self.id() != before {
            return Err("the connection broke while a batch was on its way".into());
        }
        Ok(published)
    }

    /// Publishes the objects of a batch that is too large as a whole one by one.
    async fn send_parts(
        &self,
        parts: Vec<Bytes>,
        subject: Option<&str>,
        max_payload: usize,
    ) -> Result<(), async_nats::Error> {
        let subject = subject.unwrap_or(CORE_SUBJECT);
        for mut part in parts {
            if part.len() > max_payload {
                match fit(&part, max_payload) {
                    Ok((shrunk, reason)) => {
                        tracing::warn!(reason, "an object of a batch is sent in parts");
                        part = shrunk;
                    }
                    Err(reason) => {
                        tracing::error!(reason, "an object of a batch is not sent");
                        continue;
                    }
                }
            }
            self.client.publish(subject.to_owned(), part).await?;
        }
        Ok(())
    }

    async fn round_trip(&mut self) -> Result<(), async_nats::Error> {
        self.echoes += 1;
        let expected = self.echoes.to_string();
        self.client
            .publish(self.echo_subject.clone(), expected.clone().into())
            .await?;
        self.client.flush().await?;
        while let Some(echo) = self.echo.next().await {
            if echo.payload == expected.as_bytes() {
                return Ok(());
            }
        }
        Err("the connection was closed".into())
    }
}

async fn connect(url: &NatsUrl) -> Result<Connection, SinkError> {
    let client = nats_connect::connect(url).await?;
    let echo_subject = client.new_inbox();
    let echo = client.subscribe(echo_subject.clone()).await;
    let echo = echo.map_err(|error| {
        SinkError::unavailable("failed to subscribe to an inbox of our own", error)
    })?;
    let mut connection = Connection {
        client,
        echo,
        echo_subject,
        echoes: 0,
        durable: None,
        trouble: None,
    };
    if url.options.durable {
        match Durable::prepare(&connection.client).await {
            Ok(durable) => connection.durable = Some(durable),
            Err(error) => {
                connection.trouble = Some(format!(
                    "there is no stream, so that messages are lost on who is absent ({error}): \
                     switch on JetStream in the broker, or take ?durable away"
                ));
            }
        }
    }
    Ok(connection)
}

/// The messages of single objects that a batch of several is made of.
fn split(payload: &Bytes) -> Option<Vec<Bytes>> {
    let mut message: Value = serde_json::from_slice(payload).ok()?;
    let Value::Array(objects) = message["Object"].take() else {
        return None;
    };
    let one = |object| {
        message["Object"] = Value::Array(vec![object]);
        Bytes::from(message.to_string())
    };
    (objects.len() > 1).then(|| objects.into_iter().map(one).collect())
}

/// Cuts a message down to what the broker takes; says what is missing, or why
/// nothing is left.
fn fit(payload: &Bytes, bytes_max: usize) -> Result<(Bytes, String), String> {
    let problem = format!(
        "the message has {} bytes, the broker takes at most {bytes_max}: \
         raise max_payload in the broker's configuration",
        payload.len()
    );
    match shrink(payload, bytes_max) {
        Some(Shrunk { payload, parts }) => Ok((
            payload.into(),
            format!("without {}: {problem}", parts.join(", ")),
        )),
        None => Err(problem),
    }
}

impl Sink for NatsSink {
    fn name(&self) -> String {
        self.url.servers.join(",")
    }

    fn wire(&self) -> Wire {
        Wire::Meshery
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.send(batch))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(connection) = self.connection.take() {
                // Everything is confirmed; this only says goodbye.
                let goodbye = connection.client.drain();
                drop(tokio::time::timeout(Duration::from_secs(1), goodbye).await);
            }
        })
    }
}
