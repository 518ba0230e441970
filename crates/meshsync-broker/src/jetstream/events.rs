//! Reading a stretch of one of the streams, for people.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;
use futures::StreamExt;

use super::envelope::Envelope;
use super::streams;
use super::subject::{EVENTS, STATE, Subject, named};
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
    /// `None` where there is no such stream yet.
    messages: Option<Ordered>,
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
    /// history of objects of that name alone, which is empty where there is no such
    /// stream yet.
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
        let stream = match context.get_stream(&name).await {
            Ok(stream) => stream,
            Err(error) if object.is_some() && streams::is_missing(&error) => {
                return Ok(Self {
                    messages: None,
                    left: 0,
                });
            }
            Err(error) => return Err(failed(error.into())),
        };
        let filter = match object {
            Some((namespace, name)) => named(EVENTS, namespace, name),
            None => format!("{EVENTS}.>"),
        };
        let from = match from {
            From::Start => DeliverPolicy::All,
            From::Now => DeliverPolicy::New,
            From::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
        };
        Self::read(&stream, filter, from).await.map_err(failed)
    }

    /// What the state stream holds of objects of that name, now. Sequences are that
    /// stream's.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_states(
        url: &JetStreamUrl,
        (namespace, name): (Option<&str>, &str),
    ) -> Result<Self, SinkError> {
        let stream_name = url.state_stream();
        let failed = |error: async_nats::Error| {
            let what = format!(
                "failed to read the stream {stream_name}: does meshsync run with {url} as a sink?"
            );
            SinkError::unavailable(what, error)
        };
        let client = connect(&url.nats).await?;
        let context = async_nats::jetstream::new(client);
        let stream = context.get_stream(&stream_name).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        let filter = named(STATE, namespace, name);
        let states = Self::read(&stream, filter, DeliverPolicy::All).await;
        states.map_err(failed)
    }

    async fn read(
        stream: &Stream,
        filter_subject: String,
        deliver_policy: DeliverPolicy,
    ) -> Result<Self, async_nats::Error> {
        let config = OrderedConfig {
            filter_subject,
            deliver_policy,
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let left = consumer.cached_info().num_pending;
        let messages = Some(consumer.messages().await?);
        Ok(Self { messages, left })
    }

    /// The next message, however long it takes.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Past, SinkError> {
        let failed = |error: async_nats::Error| SinkError::unavailable("failed to read on", error);
        loop {
            let Some(messages) = &mut self.messages else {
                return Err(failed("there is no such stream yet".into()));
            };
            let message = match messages.next().await {
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
