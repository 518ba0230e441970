//! Meshery's messages in a stream, so that they outlive a consumer's absence.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::{self, stream};
use bytes::Bytes;
use meshsync_model::wire::meshery::CORE_SUBJECT;

/// The stream over Meshery's subject.
const STREAM: &str = "MESHSYNC_EVENTS";

/// What it keeps, unless somebody made it otherwise before.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
const BYTES_MAX: i64 = 256 << 20;

/// A broker without JetStream does not answer its requests.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream that takes what is published on Meshery's subject.
pub(super) struct Durable(jetstream::Context);

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Durable")
    }
}

impl Durable {
    /// Finds or makes the stream; says why there is none.
    pub(super) async fn prepare(client: &Client) -> Result<Self, String> {
        let context = jetstream::new(client.clone());
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec![CORE_SUBJECT.to_owned()],
            max_age: AGE_MAX,
            max_bytes: BYTES_MAX,
            discard: stream::DiscardPolicy::Old,
            ..stream::Config::default()
        };
        let made = context.get_or_create_stream(config);
        match tokio::time::timeout(PREPARE_TIMEOUT, made).await {
            Ok(Ok(_)) => Ok(Self(context)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }

    /// Publishes a message; the answer confirms that the stream has it.
    pub(super) async fn publish(
        &self,
        payload: Bytes,
    ) -> Result<PublishAckFuture, async_nats::Error> {
        Ok(self.0.publish(CORE_SUBJECT, payload).await?)
    }
}
