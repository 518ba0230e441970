//! The same messages where there is no stream: nothing keeps them.

use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures::StreamExt;
use meshsync_model::wire::head::RecordHead;
use meshsync_model::{EventType, Resource};

use super::envelope::{Id, headers};
use super::outgoing::about;
use super::subject;
use crate::{Batch, Published, Rejected, SinkError};

/// A batch that has not come round after this time is sent again.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a broker without streams. What confirms a batch is that a
/// message behind it came back: a server handles what a connection sends in order.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) client: Client,
    connection: (String, u64),
    echo: Subscriber,
    inbox: String,
    echoes: u64,
}

impl Core {
    pub(super) async fn open(client: Client) -> Result<Self, SinkError> {
        let inbox = client.new_inbox();
        let echo = client.subscribe(inbox.clone()).await;
        let echo = echo.map_err(|e| SinkError::unavailable("failed to subscribe", e))?;
        Ok(Self {
            connection: connection(&client),
            client,
            echo,
            inbox,
            echoes: 0,
        })
    }

    /// Publishes a batch; `first` is the number of its first message.
    pub(super) async fn publish(
        &mut self,
        batch: &Batch,
        first: u64,
    ) -> Result<Published, SinkError> {
        let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, self.send(batch, first)).await;
        let failed = |error| SinkError::unavailable("a batch is not confirmed", error);
        match confirmed {
            Ok(published) => published.map_err(failed),
            Err(elapsed) => Err(failed(elapsed.into())),
        }
    }

    async fn send(&mut self, batch: &Batch, first: u64) -> Result<Published, async_nats::Error> {
        let mut published = Published::default();
        for (at, delivery) in batch.deliveries.iter().enumerate() {
            if delivery.payload.is_empty() {
                continue;
            }
            let record = RecordHead::peek(&delivery.payload)?;
            let resource = delivery.resource.as_deref().map(Resource::id);
            let (subject, about) = match (delivery.key.as_deref(), &resource) {
                (Some(key), _) => (subject::object(&record.scope, key), about(key).to_vec()),
                (None, Some(id)) => {
                    let about = vec![&*id.group, &*id.plural];
                    (subject::synced(&record.scope, id), about)
                }
                (None, None) => (subject::full_sync(&record.scope), Vec::new()),
            };
            let event = match delivery.key {
                Some(_) => delivery.event,
                None => EventType::Synced,
            };
            // No claim, no epoch.
            let headers = headers(event, &record, &about, Id::new(0, first + at as u64));
            let payload = delivery.payload.clone();
            let sent = self.client.publish_with_headers(subject, headers, payload);
            match sent.await {
                Ok(()) => {}
                Err(error) if error.kind() == async_nats::PublishErrorKind::MaxPayloadExceeded => {
                    let reason = format!("{error}: raise max_payload of the broker");
                    published.rejected.push(Rejected { at, reason });
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.echoes += 1;
        let expected = self.echoes.to_string();
        let inbox = self.inbox.clone();
        self.client.publish(inbox, expected.clone().into()).await?;
        self.client.flush().await?;
        while let Some(echo) = self.echo.next().await {
            if echo.payload == expected.as_bytes() {
                let broke = connection(&self.client) != self.connection;
                return if broke {
                    Err("the connection broke on the way".into())
                } else {
                    Ok(published)
                };
            }
        }
        Err("the connection was closed".into())
    }
}

fn connection(client: &Client) -> (String, u64) {
    let server = client.server_info();
    (server.server_id, server.client_id)
}
