//! A connection that receives requests and answers them.
//!
//! It is another one than the sink's: that one is dropped and opened anew
//! whenever it is not certain what arrived, and requests and sessions have
//! nothing to do with it.

use std::time::Duration;

use async_nats::{Client, Event, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::watch;

use crate::SinkError;
use crate::sinks::{NatsUrl, connect_options};

/// The longest pause between two attempts to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(4);

/// Messages that wait for a slow subscriber at most.
const SUBSCRIPTION_MESSAGES_MAX: usize = 1024;

/// A connection that is made again for as long as it exists, with its
/// subscriptions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Link {
    client: Client,
    connected: watch::Receiver<bool>,
}

/// Messages on a subject.
#[derive(Debug)]
pub struct Incoming(Subscriber);

impl Link {
    /// Opens one. The broker need not be there yet.
    ///
    /// # Errors
    ///
    /// When credentials or certificates cannot be read.
    pub async fn open(url: &NatsUrl) -> Result<Self, SinkError> {
        let (connected, changes) = watch::channel(false);
        let options = connect_options(url)
            .await?
            .retry_on_initial_connect()
            .subscription_capacity(SUBSCRIPTION_MESSAGES_MAX)
            .reconnect_delay_callback(|attempts| {
                // The first attempt is no second one.
                if attempts <= 1 {
                    return Duration::ZERO;
                }
                let doubled = Duration::from_millis(50 << attempts.min(8));
                doubled.min(RECONNECT_MAX)
            })
            .event_callback(move |event| {
                match event {
                    Event::Connected => drop(connected.send_replace(true)),
                    Event::Disconnected | Event::Closed => drop(connected.send_replace(false)),
                    other => tracing::debug!(%other, "requests"),
                }
                std::future::ready(())
            });
        let client = options
            .connect(url.servers.clone())
            .await
            .map_err(|error| {
                SinkError::unavailable("failed to prepare a connection for requests", error)
            })?;
        Ok(Self {
            client,
            connected: changes,
        })
    }

    /// Waits until it is connected, for the first time or again.
    pub async fn connected(&self) {
        let mut connected = self.connected.clone();
        if connected.wait_for(|connected| *connected).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Messages on a subject; shared with all others of the same queue group.
    ///
    /// # Errors
    ///
    /// When the subject is none, or the connection was closed for good.
    pub async fn subscribe(&self, subject: &str, queue: &str) -> Result<Incoming, SinkError> {
        let subscribed = self
            .client
            .queue_subscribe(subject.to_owned(), queue.to_owned());
        subscribed.await.map(Incoming).map_err(|error| {
            SinkError::unavailable(format!("failed to subscribe to {subject}"), error)
        })
    }

    /// Publishes a message. While the broker is away it waits in a small buffer.
    ///
    /// # Errors
    ///
    /// When the subject is none, the message is larger than the broker takes, or
    /// the connection was closed for good.
    pub async fn publish(&self, subject: &str, payload: impl Into<Bytes>) -> Result<(), SinkError> {
        let published = self.client.publish(subject.to_owned(), payload.into());
        published.await.map_err(|error| {
            SinkError::unavailable(format!("failed to publish on {subject}"), error)
        })
    }

    /// Says goodbye after what was published has left.
    pub async fn close(&self) {
        drop(tokio::time::timeout(Duration::from_secs(1), self.client.drain()).await);
    }
}

impl Incoming {
    /// The next message; `None` when the connection was closed for good. Can be
    /// dropped half-way.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.0.next().await.map(|message| message.payload)
    }
}
