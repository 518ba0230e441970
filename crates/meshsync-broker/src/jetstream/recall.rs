//! Reading back what the stream holds: subjects and headers, no bodies.

use std::time::{Duration, SystemTime};

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use meshsync_model::{ObjectKey, ResourceId};

use super::envelope::Envelope;
use super::subject::{self, Subject};
use crate::SinkError;

/// The server sends the next message within this time, or reading is begun again.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The last message of an object.
#[derive(Debug)]
pub(super) struct Last<'a> {
    pub(super) subject: &'a str,
    pub(super) key: ObjectKey,
    pub(super) envelope: Envelope,
    pub(super) seq: u64,
    /// When the server took it.
    pub(super) at: SystemTime,
}

/// Reads the last message of every object of a cluster, or of one resource of it.
pub(super) async fn read_back(
    stream: &Stream,
    scope: &str,
    resource: Option<&ResourceId>,
    mut each: impl FnMut(Last<'_>),
) -> Result<(), SinkError> {
    let failed = |error: async_nats::Error| {
        SinkError::unavailable("failed to read back what the stream holds", error)
    };
    let config = OrderedConfig {
        filter_subjects: subject::objects(scope, resource),
        deliver_policy: DeliverPolicy::LastPerSubject,
        headers_only: true,
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await;
    let consumer = consumer.map_err(|error| failed(error.into()))?;
    if consumer.cached_info().num_pending == 0 {
        return Ok(());
    }
    let messages = consumer.messages().await;
    let mut messages = messages.map_err(|error| failed(error.into()))?;
    loop {
        let next = tokio::time::timeout(MESSAGE_TIMEOUT, messages.next()).await;
        let message = match next {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return Err(failed(error.into())),
            Ok(None) => return Err(failed("the server ended it".into())),
            Err(elapsed) => return Err(failed(elapsed.into())),
        };
        let info = message.info().map_err(failed)?;
        let (seq, pending) = (info.stream_sequence, info.pending);
        let at = info.published.into();
        let envelope = message.headers.as_ref().map(Envelope::read);
        match (Subject::parse(&message.subject), envelope) {
            (Ok(Subject::Object { key, .. }), Some(Ok(envelope))) => each(Last {
                subject: &message.subject,
                key,
                envelope,
                seq,
                at,
            }),
            _ => tracing::warn!(
                subject = %message.subject, seq,
                "a message in the stream is none of ours; it is left alone"
            ),
        }
        if pending == 0 {
            return Ok(());
        }
    }
}
