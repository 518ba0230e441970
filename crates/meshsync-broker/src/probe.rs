//! Looking whether a broker does what it should: one message there and back.
//!
//! # Invariants
//!
//! - Nothing is published where anybody else listens: the subjects are of probes.
//! - What a probe leaves behind is bounded, and is gone after a minute.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::StreamExt;

use crate::SinkError;
use crate::jetstream::JetStreamUrl;
use crate::sinks::{NatsUrl, connect, without_user_info};

/// What a stream of probes keeps, and for how long.
const STREAM_AGE_MAX: Duration = Duration::from_secs(60);
const STREAM_MESSAGES_MAX: i64 = 1_000;

/// A broker that is looked at, as a sink's URL names it.
#[derive(Clone, Debug)]
pub struct BrokerUrl {
    /// Without credentials.
    name: String,
    nats: NatsUrl,
    /// What the names of its streams begin with, and how many copies they have;
    /// none where messages go through no stream.
    stream: Option<(String, usize)>,
}

/// A connection to it.
#[derive(Debug)]
pub struct Probe {
    url: BrokerUrl,
    client: Client,
    /// An inbox of our own: what comes back has been through the broker.
    echo: Subscriber,
    echo_subject: String,
    echoes: u64,
}

/// What a broker says of itself.
#[derive(Clone, Debug)]
pub struct BrokerFacts {
    /// Its version.
    pub version: String,
    /// Bytes of the largest message that it takes.
    pub max_payload_bytes: usize,
    /// How long it takes to answer.
    pub round_trip: Duration,
}

/// What JetStream has left for the account.
#[derive(Clone, Debug)]
pub struct StreamFacts {
    /// Bytes of files that are in use.
    pub bytes: u64,
    /// So many there may be; `None` where only the disk limits them.
    pub bytes_max: Option<u64>,
    /// Streams that there are.
    pub streams: u64,
    /// So many there may be; `None` for no limit.
    pub streams_max: Option<u64>,
}

/// A message that is to be read back.
#[derive(Debug)]
pub enum Return {
    /// By a subscription that was there before it was published.
    Core(Subscriber),
    /// By a consumer of its own, from the sequence that was acknowledged.
    Stream {
        /// The subject.
        subject: String,
        /// Name of the stream.
        stream: String,
        /// Where the message is.
        sequence: u64,
        /// The broker's interface.
        context: Box<Context>,
    },
}

impl BrokerUrl {
    /// Reads a sink's URL; nothing where that is no broker's.
    pub fn of_sink(url: &str) -> Option<Self> {
        let name = without_user_info(url);
        if let Ok(url) = JetStreamUrl::parse(url) {
            let stream = (!url.or_core).then(|| {
                let name = format!("{}_CANARY", url.prefix);
                (name, url.replicas.unwrap_or(1))
            });
            return Some(Self {
                name,
                nats: url.nats,
                stream,
            });
        }
        if !crate::sinks::is_nats(url) {
            return None;
        }
        Some(Self {
            name,
            nats: NatsUrl::parse(url).ok()?,
            stream: None,
        })
    }

    /// Its name, without credentials.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether messages go through a stream of it.
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// When the broker cannot be reached or refuses.
    pub async fn connect(&self) -> Result<Probe, SinkError> {
        let client = connect(&self.nats).await?;
        let echo_subject = client.new_inbox();
        let echo = client.subscribe(echo_subject.clone()).await;
        let echo = echo.map_err(|error| {
            SinkError::unavailable("failed to subscribe to an inbox of our own", error)
        })?;
        Ok(Probe {
            client,
            url: self.clone(),
            echo,
            echo_subject,
            echoes: 0,
        })
    }
}

impl Probe {
    /// What the broker says of itself.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn facts(&mut self) -> Result<BrokerFacts, SinkError> {
        let begun = std::time::Instant::now();
        let back = self.round_trip().await;
        back.map_err(|error| {
            SinkError::unavailable(format!("{} does not answer", self.url.name), error)
        })?;
        let info = self.client.server_info();
        Ok(BrokerFacts {
            version: info.version,
            max_payload_bytes: info.max_payload,
            round_trip: begun.elapsed(),
        })
    }

    /// Makes what a message goes through, where that is a stream.
    ///
    /// # Errors
    ///
    /// When the broker has no JetStream, or refuses.
    pub async fn prepare(&self) -> Result<(), SinkError> {
        let Some((stream, replicas)) = &self.url.stream else {
            return Ok(());
        };
        let context = jetstream::new(self.client.clone());
        let made = context.get_or_create_stream(Config {
            name: stream.clone(),
            subjects: vec![format!("{}.>", subject_of(stream))],
            max_age: STREAM_AGE_MAX,
            max_messages: STREAM_MESSAGES_MAX,
            discard: DiscardPolicy::Old,
            num_replicas: *replicas,
            description: Some("messages of synthetic tests; can be deleted".to_owned()),
            ..Config::default()
        });
        made.await.map(drop).map_err(|error| {
            let what = format!(
                "failed to make the stream {stream}: is JetStream on ({}), and may we make streams?",
                "`jetstream: enabled` in the server's configuration, or nats-server -js"
            );
            SinkError::unavailable(what, error)
        })
    }

    /// What JetStream has left; `None` where it does not say.
    pub async fn stream_facts(&self) -> Option<StreamFacts> {
        let account = jetstream::new(self.client.clone()).query_account().await;
        let account = account.ok()?;
        // Less than nothing means no limit.
        let limit = |max: Option<i64>| max.and_then(|max| u64::try_from(max).ok());
        Some(StreamFacts {
            bytes: account.storage,
            bytes_max: limit(account.limits.max_storage),
            streams: account.streams as u64,
            streams_max: limit(account.limits.max_streams),
        })
    }

    /// Publishes a message and waits until the broker has acknowledged it.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn publish(&mut self, id: &str, payload: Bytes) -> Result<Return, SinkError> {
        let failed = |what: String| {
            move |error: Box<dyn std::error::Error + Send + Sync>| {
                SinkError::unavailable(what.clone(), error)
            }
        };
        let what = format!("{} did not acknowledge", self.url.name);
        match &self.url.stream {
            None => {
                // No stream of anybody takes it: it is of this connection alone.
                let subject = format!("meshsync.probe.{id}");
                let subscribed = self.client.subscribe(subject.clone()).await;
                let back = subscribed.map_err(|error| failed(what.clone())(error.into()))?;
                let published = self.client.publish(subject, payload).await;
                published.map_err(|error| failed(what.clone())(error.into()))?;
                let confirmed = self.round_trip().await;
                confirmed.map_err(failed(what))?;
                Ok(Return::Core(back))
            }
            Some((stream, _)) => {
                let context = jetstream::new(self.client.clone());
                let subject = format!("{}.{id}", subject_of(stream));
                let sent = context.publish(subject.clone(), payload).await;
                let sent = sent.map_err(|error| failed(what.clone())(error.into()))?;
                let acknowledged = sent.await.map_err(|error| failed(what)(error.into()))?;
                Ok(Return::Stream {
                    subject,
                    stream: stream.clone(),
                    sequence: acknowledged.sequence,
                    context: Box::new(context),
                })
            }
        }
    }
}

impl Probe {
    /// As the sink confirms: what comes back tells that all before it has arrived.
    async fn round_trip(&mut self) -> Result<(), async_nats::Error> {
        self.echoes += 1;
        let expected = self.echoes.to_string();
        let subject = self.echo_subject.clone();
        self.client
            .publish(subject, expected.clone().into())
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

impl Return {
    /// Waits for the message.
    ///
    /// # Errors
    ///
    /// When it does not come.
    pub async fn read(self) -> Result<Bytes, SinkError> {
        match self {
            Self::Core(mut subscriber) => match subscriber.next().await {
                Some(message) => Ok(message.payload),
                None => Err(closed("the connection was closed")),
            },
            Self::Stream {
                subject,
                stream,
                sequence,
                context,
            } => read_stream(&context, &stream, subject, sequence)
                .await
                .map_err(|error| {
                    SinkError::unavailable(format!("failed to read from {stream}"), error)
                }),
        }
    }
}

async fn read_stream(
    context: &Context,
    stream: &str,
    subject: String,
    sequence: u64,
) -> Result<Bytes, async_nats::Error> {
    let stream = context.get_stream(stream).await?;
    let consumer = stream
        .create_consumer(pull::Config {
            filter_subject: subject,
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: sequence,
            },
            ack_policy: jetstream::consumer::AckPolicy::None,
            inactive_threshold: STREAM_AGE_MAX,
            ..pull::Config::default()
        })
        .await?;
    let mut messages = consumer
        .stream()
        .max_messages_per_batch(1)
        .messages()
        .await?;
    match messages.next().await {
        Some(message) => Ok(message?.payload.clone()),
        None => Err("the consumer ended".into()),
    }
}

fn closed(what: &'static str) -> SinkError {
    SinkError::unavailable(what.to_owned(), std::io::Error::other(what))
}

/// Subjects begin with the name of their stream, so that two prefixes on one
/// broker do not meet.
fn subject_of(stream: &str) -> String {
    stream.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_brokers_name_one() {
        let is_stream = |url: &str| BrokerUrl::of_sink(url).map(|url| url.is_stream());
        assert_eq!(is_stream("nats://token@broker:4222"), Some(false));
        assert_eq!(is_stream("broker:4222"), Some(false));
        assert_eq!(is_stream("jetstream://broker:4222?replicas=3"), Some(true));
        for other in ["stdout:", "file:x", "store:x.db", "-"] {
            assert_eq!(is_stream(other), None, "{other}");
        }
        let url = BrokerUrl::of_sink("nats://secret@broker:4222").unwrap();
        assert!(!url.name().contains("secret"), "{url:?}");
        assert!(!format!("{url:?}").contains("secret"));
    }
}
