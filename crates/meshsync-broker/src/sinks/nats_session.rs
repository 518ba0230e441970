//! One connection of the NATS sink, and what was prepared over it.

use std::time::Duration;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use meshsync_model::wire::meshery::CORE_SUBJECT;

use super::nats_connect;
use super::nats_durable::Durable;
use super::nats_fit::{fit, split};
use super::nats_url::NatsUrl;
use super::remembering::{Journal, Memory};
use crate::{Batch, Cut, Published, Rejected, SinkError};

/// Reading the journal takes no longer than this, nor does writing it anew.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Server and number of a connection: another one after every reconnect.
pub(super) type ConnectionId = (String, u64);

#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    echo: Subscriber,
    echo_subject: String,
    echoes: u64,
    /// The connection that all of this was prepared over.
    prepared: ConnectionId,
    /// Where a stream was asked for and the broker has it.
    durable: Option<Durable>,
    journal: Option<Journal>,
    /// Why there is no stream or journal, until it was told.
    trouble: Option<String>,
}

impl Session {
    pub(super) async fn open(
        url: &NatsUrl,
        memory: Option<&mut Memory>,
    ) -> Result<Self, SinkError> {
        let client = nats_connect::connect(url).await?;
        let echo_subject = client.new_inbox();
        let echo = client.subscribe(echo_subject.clone()).await;
        let echo = echo.map_err(|error| {
            SinkError::unavailable("failed to subscribe to an inbox of our own", error)
        })?;
        let mut session = Self {
            prepared: id(&client),
            client,
            echo,
            echo_subject,
            echoes: 0,
            durable: None,
            journal: None,
            trouble: None,
        };
        if url.options.durable {
            session.prepare(memory).await;
        }
        Ok(session)
    }

    async fn prepare(&mut self, memory: Option<&mut Memory>) {
        match Durable::prepare(&self.client).await {
            Ok(durable) => self.durable = Some(durable),
            Err(error) => {
                self.trouble = Some(format!(
                    "there is no stream, so that messages are lost on who is absent, and deletes \
                     while nobody runs ({error}): switch on JetStream in the broker, or take \
                     ?durable away"
                ));
                return;
            }
        }
        let Some(memory) = memory else { return };
        let opened = Journal::open(&self.client, memory);
        match tokio::time::timeout(JOURNAL_TIMEOUT, opened).await {
            Ok(Ok(journal)) => self.journal = Some(journal),
            Ok(Err(error)) => self.trouble = Some(no_journal(&error)),
            Err(elapsed) => self.trouble = Some(no_journal(&elapsed.into())),
        }
    }

    pub(super) fn id(&self) -> ConnectionId {
        id(&self.client)
    }

    /// Whether the client has connected anew since all was prepared.
    pub(super) fn is_another(&self) -> bool {
        self.id() != self.prepared
    }

    /// Why it remembers nothing, in a broker that should.
    pub(super) fn forgets(&self) -> Option<String> {
        let trouble = self.trouble.clone();
        trouble.filter(|_| self.durable.is_some() && self.journal.is_none())
    }

    pub(super) async fn send(
        &mut self,
        batch: &Batch,
        memory: Option<&mut Memory>,
    ) -> Result<Published, async_nats::Error> {
        let before = self.id();
        match (&self.journal, memory) {
            (Some(journal), Some(memory)) => journal.before(memory, batch).await?,
            // It is written down as soon as there is a journal.
            (None, Some(memory)) => memory.note(batch),
            (_, None) => {}
        }
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

    /// The batch has arrived: that a key is not struck out costs one delete too many
    /// later, and no second delivery now.
    pub(super) async fn strike_out(&self, batch: &Batch, memory: Option<&mut Memory>) {
        if let (Some(journal), Some(memory)) = (&self.journal, memory) {
            let written = journal.after(memory, batch);
            let written = tokio::time::timeout(JOURNAL_TIMEOUT, written).await;
            let error = match written {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(elapsed) => elapsed.into(),
            };
            tracing::warn!(%error, "keys are not struck out of the journal in the broker");
        }
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

    /// Everything is confirmed; this only says goodbye.
    pub(super) async fn close(self) {
        let goodbye = self.client.drain();
        drop(tokio::time::timeout(Duration::from_secs(1), goodbye).await);
    }
}

fn id(client: &Client) -> ConnectionId {
    let server = client.server_info();
    (server.server_id, server.client_id)
}

fn no_journal(error: &async_nats::Error) -> String {
    format!(
        "the broker does not remember what was published, so that deletes while nobody runs are \
         lost ({error}): allow this account to make and read the stream MESHSYNC_KEYS, or use \
         --state-dir"
    )
}
