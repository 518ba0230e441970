//! Continue tokens: opaque to clients, and naming the snapshot they continue.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::api::Status;

/// What a continue token holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContinueToken {
    v: String,
    /// Version of the first page; -1 continues at whatever is current.
    pub(crate) rv: i64,
    /// Key of the last object already sent.
    pub(crate) start: String,
}

impl ContinueToken {
    pub(crate) fn new(rv: i64, start: String) -> Self {
        Self {
            v: "meta.k8s.io/v1".to_owned(),
            rv,
            start,
        }
    }

    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_string(self).unwrap_or_default())
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Status> {
        let invalid = |why: String| {
            Status::bad_request(format!(
                "invalid continue token: continue key is not valid: {why}"
            ))
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .map_err(|_| invalid("illegal base64 data".to_owned()))?;
        if bytes.first() != Some(&b'{') {
            let first = String::from_utf8_lossy(&bytes)
                .chars()
                .next()
                .unwrap_or_default();
            return Err(invalid(format!(
                "invalid character '{first}' looking for beginning of value"
            )));
        }
        serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))
    }
}
