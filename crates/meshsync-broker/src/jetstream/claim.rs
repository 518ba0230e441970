//! Who may write: the last claim of a cluster.
//!
//! A claim is a message. Every message of the writer that made it expects the
//! claim to be the last one, so that from the moment another claim is there
//! nothing of the earlier writer is taken any more, whatever it still has on its
//! way.

use std::time::{SystemTime, UNIX_EPOCH};

use async_nats::HeaderMap;
use async_nats::header::HeaderValue;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use serde::{Deserialize, Serialize};

use super::envelope::EXPECTED;
use super::subject;
use crate::SinkError;

/// Claims that another one came before are tried again this often.
const TRIES_MAX: u32 = 10;

/// Who writes the state of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Grows with every claim of a cluster.
    pub(super) epoch: u64,
    /// Sequence of the claim in the state stream.
    pub(super) seq: u64,
    /// Who made it.
    pub(super) holder: String,
}

#[derive(Deserialize, Serialize)]
struct Body {
    epoch: u64,
    holder: String,
}

impl Claim {
    /// Makes a claim that is newer than any other.
    pub(super) async fn make(
        context: &Context,
        stream: &Stream,
        scope: &str,
        holder: &str,
    ) -> Result<Self, SinkError> {
        for _ in 0..TRIES_MAX {
            let last = Self::read(stream, scope).await?;
            let epoch = last.as_ref().map_or(0, |last| last.epoch + 1).max(now_ms());
            let expected = last.map_or(0, |last| last.seq);
            if let Some(claim) = put(context, scope, epoch, holder, expected).await? {
                return Ok(claim);
            }
        }
        Err(SinkError::Unavailable {
            what: "others claim to be the writer all the time: is one agent for each cluster \
                   enough?"
                .to_owned(),
            source: None,
        })
    }

    /// Makes sure that this claim is the last one, after a connection broke or
    /// something was refused. Where there is none, as after a purge, it is made
    /// again.
    pub(super) async fn hold(
        &mut self,
        context: &Context,
        stream: &Stream,
        scope: &str,
    ) -> Result<(), SinkError> {
        for _ in 0..TRIES_MAX {
            match Self::read(stream, scope).await? {
                Some(last) if last.epoch == self.epoch && last.holder == self.holder => {
                    self.seq = last.seq;
                    return Ok(());
                }
                Some(last) if last.epoch >= self.epoch => {
                    return Err(SinkError::Superseded {
                        by: last.holder,
                        epoch: last.epoch,
                    });
                }
                // A stream that was made anew, or lost its end.
                last => {
                    let expected = last.map_or(0, |last| last.seq);
                    let put = put(context, scope, self.epoch, &self.holder, expected);
                    if let Some(claim) = put.await? {
                        *self = claim;
                        return Ok(());
                    }
                }
            }
        }
        Err(SinkError::Unavailable {
            what: "the claim to be the writer is not taken".to_owned(),
            source: None,
        })
    }

    /// The last claim.
    pub(super) async fn read(stream: &Stream, scope: &str) -> Result<Option<Self>, SinkError> {
        let subject = subject::claim(scope);
        let last = stream.get_last_raw_message_by_subject(&subject);
        match last.await {
            Ok(message) => {
                // Not one of ours: as good as none, and overwritten.
                let body = serde_json::from_slice(&message.payload).unwrap_or(Body {
                    epoch: 0,
                    holder: String::new(),
                });
                Ok(Some(Self {
                    epoch: body.epoch,
                    seq: message.sequence,
                    holder: body.holder,
                }))
            }
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                Ok(None)
            }
            Err(error) => Err(SinkError::unavailable(
                "failed to read who is the writer",
                error,
            )),
        }
    }
}

/// Writes a claim; `None` when another one was faster.
async fn put(
    context: &Context,
    scope: &str,
    epoch: u64,
    holder: &str,
    expected: u64,
) -> Result<Option<Claim>, SinkError> {
    let body = Body {
        epoch,
        holder: holder.to_owned(),
    };
    let body = serde_json::to_vec(&body).map_err(|e| SinkError::unavailable("no claim", e))?;
    let mut headers = HeaderMap::new();
    headers.insert(EXPECTED, HeaderValue::from(expected));
    let sent = context
        .publish_with_headers(subject::claim(scope), headers, body.into())
        .await;
    let acknowledged = match sent {
        Ok(sent) => sent.await,
        Err(error) => Err(error),
    };
    match acknowledged {
        Ok(ack) => Ok(Some(Claim {
            epoch,
            seq: ack.sequence,
            holder: holder.to_owned(),
        })),
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
        Err(error) => Err(SinkError::unavailable(
            "failed to claim to be the writer",
            error,
        )),
    }
}

/// So that an epoch of a stream that was made anew is above those of the one
/// before, as far as clocks can be trusted; nothing depends on it.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
