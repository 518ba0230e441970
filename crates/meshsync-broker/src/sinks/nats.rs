//! Core NATS in the Meshery format.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Subscriber};
use futures::StreamExt;

use super::nats_url::{Credentials, NatsUrl};
use crate::{Batch, BoxFuture, Published, Rejected, Sink, SinkError, Wire};

/// The subject Meshery Server reads.
const SUBJECT: &str = "meshery.meshsync.core";

/// Meshery Server and the operator look for a connection of this name.
const CLIENT_NAME: &str = "meshsync";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
        for (at, delivery) in batch.deliveries.iter().enumerate() {
            if delivery.payload.is_empty() {
                continue;
            }
            if delivery.payload.len() > max_payload {
                published.rejected.push(Rejected {
                    at,
                    reason: format!(
                        "the message has {} bytes, the broker takes at most {}: raise max_payload in the broker's configuration",
                        delivery.payload.len(),
                        max_payload
                    ),
                });
                continue;
            }
            self.client
                .publish(SUBJECT, delivery.payload.clone())
                .await?;
        }
        self.round_trip().await?;
        if self.id() != before {
            return Err("the connection broke while a batch was on its way".into());
        }
        Ok(published)
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
    let failed = |error: async_nats::Error| {
        SinkError::unavailable(
            format!(
                "failed to connect to {}: is the broker up, and are address and credentials right?",
                url.servers.join(",")
            ),
            error,
        )
    };
    let options = ConnectOptions::new()
        .name(CLIENT_NAME)
        .connection_timeout(CONNECT_TIMEOUT)
        .ping_interval(Duration::from_secs(20))
        .max_reconnects(None);
    let options = match &url.credentials {
        Credentials::Anonymous => options,
        Credentials::Token(token) => options.token(token.clone()),
        Credentials::UserPassword(user, password) => {
            options.user_and_password(user.clone(), password.clone())
        }
    };
    let connecting = async {
        let client = options.connect(url.servers.clone()).await?;
        let echo_subject = client.new_inbox();
        let echo = client.subscribe(echo_subject.clone()).await?;
        Ok::<_, async_nats::Error>(Connection {
            client,
            echo,
            echo_subject,
            echoes: 0,
        })
    };
    match tokio::time::timeout(CONNECT_TIMEOUT + Duration::from_secs(1), connecting).await {
        Ok(result) => result.map_err(failed),
        Err(elapsed) => Err(failed(elapsed.into())),
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
