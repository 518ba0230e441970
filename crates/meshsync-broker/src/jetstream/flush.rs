//! Emptying a state stream on request: the writer purges and writes everything
//! again.

use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use meshsync_model::ResourceId;
use serde::{Deserialize, Serialize};

use super::subject::{self, Subject};
use super::url::JetStreamUrl;
use crate::SinkError;
use crate::sinks::nats_connect::connect;

/// The writer answers within this time; it may be busy with a batch before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be purged.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Request {
    /// One resource; everything where there is none.
    #[serde(default)]
    pub(super) resource: Option<Name>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Name {
    pub(super) group: String,
    pub(super) plural: String,
}

/// What the writer says to it.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Answer {
    pub(super) purged: u64,
}

/// Asks the writers of the state stream to purge it, of one cluster or all, of one
/// resource or all, and to write again what is there. Returns per cluster how many
/// messages were purged.
///
/// A writer does so only if its URL says `flush=allow`. It is safe at any time and
/// any number of times.
///
/// # Errors
///
/// When the broker cannot be reached, or a writer does not answer.
pub async fn flush(
    url: &JetStreamUrl,
    scope: Option<&str>,
    resource: Option<&ResourceId>,
) -> Result<Vec<(String, u64)>, SinkError> {
    let client = connect(&url.nats).await?;
    let scopes = match scope {
        Some(scope) => vec![scope.to_owned()],
        None => {
            let context = async_nats::jetstream::new(client.clone());
            let stream = context.get_stream(url.state_stream()).await;
            let stream = stream.map_err(|error| {
                SinkError::unavailable("failed to find the stream of states", error)
            })?;
            writers(&stream).await?
        }
    };
    let request = Request {
        resource: resource.map(|resource| Name {
            group: resource.group.clone(),
            plural: resource.plural.clone(),
        }),
    };
    let failed = |error: async_nats::Error| SinkError::unavailable("failed to ask", error);
    let body = serde_json::to_vec(&request).map_err(|error| failed(error.into()))?;
    let mut purged = Vec::new();
    for scope in scopes {
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await;
        let answers = answers.as_mut().map_err(|e| failed(e.to_string().into()))?;
        client
            .publish_with_reply(subject::flush(&scope), inbox, body.clone().into())
            .await
            .map_err(|error| failed(error.into()))?;
        // The stream acknowledges the request itself, too.
        let answered = async {
            loop {
                let message = answers.next().await?;
                if let Ok(answer) = serde_json::from_slice::<Answer>(&message.payload) {
                    return Some(answer);
                }
            }
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, answered).await {
            Ok(Some(answer)) => purged.push((scope, answer.purged)),
            Ok(None) | Err(_) => {
                return Err(SinkError::Unavailable {
                    what: format!(
                        "the writer of {scope} did not answer within {} s: does it run, and with \
                         flush=allow in the URL of its sink?",
                        ANSWER_TIMEOUT.as_secs()
                    ),
                    source: None,
                });
            }
        }
    }
    Ok(purged)
}

/// The clusters that somebody writes.
async fn writers(stream: &Stream) -> Result<Vec<String>, SinkError> {
    let failed = |error: async_nats::Error| {
        SinkError::unavailable("failed to read who writes to the stream", error)
    };
    let config = OrderedConfig {
        filter_subject: subject::claims(),
        deliver_policy: DeliverPolicy::LastPerSubject,
        headers_only: true,
        ..OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await;
    let consumer = consumer.map_err(|error| failed(error.into()))?;
    let mut pending = consumer.cached_info().num_pending;
    let messages = consumer.messages().await;
    let mut messages = messages.map_err(|error| failed(error.into()))?;
    let mut scopes = Vec::new();
    while pending > 0 {
        let next = tokio::time::timeout(ANSWER_TIMEOUT, messages.next()).await;
        let message = match next {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return Err(failed(error.into())),
            Ok(None) => return Err(failed("the server ended it".into())),
            Err(elapsed) => return Err(failed(elapsed.into())),
        };
        pending = message.info().map_err(failed)?.pending;
        if let Ok(Subject::Claim { scope }) = Subject::parse(&message.subject) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Purges what a request names; returns how many messages that were.
pub(super) async fn purge(
    stream: &Stream,
    scope: &str,
    request: &Request,
) -> Result<u64, SinkError> {
    let resource = request.resource.as_ref();
    let resource = resource.map(|name| ResourceId::new(&*name.group, &*name.plural));
    let mut purged = 0;
    for filter in subject::objects(scope, resource.as_ref()) {
        let done = stream.purge().filter(filter).await;
        purged += done
            .map_err(|error| SinkError::unavailable("failed to purge the stream", error))?
            .purged;
    }
    Ok(purged)
}
