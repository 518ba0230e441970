//! What is done with a message that is larger than the broker takes.

use bytes::Bytes;
use meshsync_model::wire::meshery::{Shrunk, shrink};
use serde_json::Value;

/// The messages of single objects that a batch of several is made of.
pub(super) fn split(payload: &Bytes) -> Option<Vec<Bytes>> {
    let mut message: Value = serde_json::from_slice(payload).ok()?;
    let Value::Array(objects) = message["Object"].take() else {
        return None;
    };
    let one = |object| {
        message["Object"] = Value::Array(vec![object]);
        Bytes::from(message.to_string())
    };
    (objects.len() > 1).then(|| objects.into_iter().map(one).collect())
}

/// Cuts a message down to what the broker takes; says what is missing, or why
/// nothing is left.
pub(super) fn fit(payload: &Bytes, bytes_max: usize) -> Result<(Bytes, String), String> {
    let problem = format!(
        "the message has {} bytes, the broker takes at most {bytes_max}: \
         raise max_payload in the broker's configuration",
        payload.len()
    );
    match shrink(payload, bytes_max) {
        Some(Shrunk { payload, parts }) => Ok((
            payload.into(),
            format!("without {}: {problem}", parts.join(", ")),
        )),
        None => Err(problem),
    }
}
