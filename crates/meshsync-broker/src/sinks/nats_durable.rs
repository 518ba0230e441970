//! Meshery's messages in a stream, so that they outlive a consumer's absence.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamError, CreateStreamErrorKind, PublishAckFuture,
};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Stream};
use bytes::Bytes;
use meshsync_model::wire::meshery::CORE_SUBJECT;

/// The stream over Meshery's subject, where no other takes it; and its name where
/// one of that name is for something else, as that of `jetstream://` is, or will be.
const STREAMS: [&str; 2] = ["MESHSYNC_EVENTS", "MESHSYNC_CORE"];

/// Where this one is, the first name is that of `jetstream://`.
const RECORDS: &str = "MESHSYNC_STATE";

/// What it keeps.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);
const BYTES_MAX: i64 = 256 << 20;

/// A broker without JetStream does not answer its requests.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream that takes what is published on Meshery's subject.
pub(super) struct Durable(Context);

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Durable")
    }
}

impl Durable {
    /// Finds or makes the stream; says why there is none.
    pub(super) async fn prepare(client: &Client) -> Result<Self, String> {
        let context = async_nats::jetstream::new(client.clone());
        match tokio::time::timeout(PREPARE_TIMEOUT, ready(&context)).await {
            Ok(Ok(())) => Ok(Self(context)),
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

/// Makes sure that some stream takes the subject, whoever made it.
async fn ready(context: &Context) -> Result<(), async_nats::Error> {
    if context.stream_by_subject(CORE_SUBJECT).await.is_ok() {
        return Ok(());
    }
    let [first, second] = STREAMS;
    if context.get_stream(RECORDS).await.is_ok() {
        make(context, second).await?;
        return Ok(());
    }
    match make(context, first).await {
        Err(error) if is_taken(&error.kind()) => make(context, second).await?,
        made => made?,
    };
    Ok(())
}

async fn make(context: &Context, name: &str) -> Result<Stream, CreateStreamError> {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![CORE_SUBJECT.to_owned()],
        max_age: AGE_MAX,
        max_bytes: BYTES_MAX,
        discard: DiscardPolicy::Old,
        ..Config::default()
    };
    context.create_stream(config).await
}

fn is_taken(error: &CreateStreamErrorKind) -> bool {
    matches!(error, CreateStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NAME_EXIST)
}
