//! Reading a stretch of one of the streams, for people.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use bytes::Bytes;
use futures::StreamExt;

use super::envelope::Envelope;
use super::subject::{EVENTS, Subject, history};
use super::url::JetStreamUrl;
use crate::SinkError;
use crate::sinks::nats_connect::connect;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the oldest.
    Start,
    /// With what comes next.
    Now,
    /// With this sequence.
    Sequence(u64),
}

/// What is read of the events stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Past {
    /// What it is about.
    pub subject: Subject,
    /// Its headers.
    pub envelope: Envelope,
    /// Its sequence in the events stream.
    pub seq: u64,
    /// The record.
    pub record: Bytes,
}

/// Messages of the events stream, in order.
pub struct Events {
    messages: async_nats::jetstream::consumer::pull::Ordered,
    /// How many were there at the start and have not been read.
    left: u64,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// The server sends what is there within this time.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

impl Events {
    /// Opens the events stream; `object` is a namespace and a name, to read the
    /// history of objects of that name alone.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached or has no such stream.
    pub async fn open(
        url: &JetStreamUrl,
        from: From,
        object: Option<(Option<&str>, &str)>,
    ) -> Result<Self, SinkError> {
        let name = url.events_stream();
        let failed = |error: async_nats::Error| {
            let what = format!(
                "failed to read the stream {name}: does meshsync run with {url} as a sink, and \
                 has it written everything once?"
            );
            SinkError::unavailable(what, error)
        };
        let client = connect(&url.nats).await?;
        let context = async_nats::jetstream::new(client);
        let stream = context.get_stream(&name).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        let config = OrderedConfig {
            filter_subject: match object {
                Some((namespace, name)) => history(namespace, name),
                None => format!("{EVENTS}.>"),
            },
            deliver_policy: match from {
                From::Start => DeliverPolicy::All,
                From::Now => DeliverPolicy::New,
                From::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            },
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await;
        let consumer = consumer.map_err(|error| failed(error.into()))?;
        let left = consumer.cached_info().num_pending;
        let messages = consumer.messages().await;
        let messages = messages.map_err(|error| failed(error.into()))?;
        Ok(Self { messages, left })
    }

    /// The next message, however long it takes.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Past, SinkError> {
        let failed = |error| SinkError::unavailable("failed to read on", error);
        loop {
            let message = match self.messages.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(failed(error.into())),
                None => return Err(failed(async_nats::Error::from("the server ended it"))),
            };
            self.left = self.left.saturating_sub(1);
            let seq = message.info().map_err(failed)?.stream_sequence;
            let envelope = message
                .headers
                .as_ref()
                .and_then(|h| Envelope::read(h).ok());
            if let (Ok(subject), Some(envelope)) = (Subject::parse(&message.subject), envelope) {
                return Ok(Past {
                    subject,
                    envelope,
                    seq,
                    record: message.payload.clone(),
                });
            }
        }
    }

    /// The next of those messages that were there at the start; `None` behind the
    /// last of them.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn next_past(&mut self) -> Result<Option<Past>, SinkError> {
        if self.left == 0 {
            return Ok(None);
        }
        match tokio::time::timeout(READ_TIMEOUT, self.next()).await {
            Ok(past) => past.map(Some),
            Err(_) if self.left == 0 => Ok(None),
            Err(elapsed) => Err(SinkError::unavailable("the server sends nothing", elapsed)),
        }
    }
}
